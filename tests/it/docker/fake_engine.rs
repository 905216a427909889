//! An engine that says what no real one can be made to say.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

pub(crate) const DIGEST: &str =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// It has no image; every registry has every image.
pub(crate) struct FakeEngine {
    folder: TempDir,
    heads: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl FakeEngine {
    /// What it says while it fetches, line by line; `info` is what it says of itself.
    pub(crate) fn telling(info: &Value, lines: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
        let lines = lines.join("\n");
        let (info, heard) = (info.to_string(), Arc::clone(&heads));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = head_of(&mut stream).await;
                let (status, body) = answer(&head, &info, &lines);
                heard.lock().unwrap().push(head);
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{body}",
                    body.len()
                );
                // Whoever has heard enough hangs up.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self {
            folder,
            heads,
            _serving: serving,
        }
    }

    /// One that calls itself by this machine's name and keeps images in this folder.
    pub(crate) fn here(root: &Path, lines: &[Value]) -> Self {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let info = json!({
            "Name": name.trim(),
            "Driver": "overlay2",
            "DriverStatus": [["Backing Filesystem", "extfs"]],
            "DockerRootDir": root,
        });
        Self::telling(&info, lines)
    }

    pub(crate) fn host(&self) -> String {
        format!(
            "unix://{}",
            self.folder.path().join("docker.sock").display()
        )
    }

    /// The heads of the requests for this path.
    pub(crate) fn asked(&self, path: &str) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let of_path = heads.iter().filter(|head| head.contains(path));
        of_path.cloned().collect()
    }
}

async fn head_of(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn answer(head: &str, info: &str, lines: &str) -> (u16, String) {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let version =
        json!({ "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64" });
    let found = json!({ "Descriptor": { "digest": DIGEST, "size": 527 },
                        "Platforms": [{ "os": "linux", "architecture": "amd64" }] });
    if path.ends_with("/version") {
        (200, version.to_string())
    } else if path.ends_with("/info") {
        (200, info.to_owned())
    } else if path.contains("/distribution/") {
        (200, found.to_string())
    } else if path.contains("/images/create") {
        (200, lines.to_owned())
    } else if path.contains("/images/json") {
        (200, "[]".to_owned())
    } else {
        (404, json!({ "message": "No such image" }).to_string())
    }
}

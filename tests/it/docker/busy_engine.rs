//! The real engine behind a way on which it takes its time: what one process has asked for is not there yet
//! when the next one asks.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::support::proxy::docker_socket;

/// As the engine says it while it makes a container of that name.
const TAKEN: &str = "{\"message\":\"Conflict. The container name is already in use\"}";

/// An engine that, when first asked for a container, is making it already, for somebody who is dead.
pub(crate) struct BusyEngine {
    folder: TempDir,
    making: Arc<Mutex<Making>>,
    _serving: JoinSet<()>,
}

/// The first request for a container.
#[derive(Default)]
struct Making {
    was_asked: bool,
    /// Until the engine has done it.
    held: Option<Vec<u8>>,
}

impl Making {
    /// Keeps the first one.
    fn holds(&mut self, request: &[u8]) -> bool {
        let is_first = !std::mem::replace(&mut self.was_asked, true);
        if is_first {
            self.held = Some(request.to_vec());
        }
        is_first
    }
}

impl BusyEngine {
    pub(crate) fn new() -> Self {
        Self::with(Making::default())
    }

    /// One that is making this container, which somebody who is dead has asked for.
    pub(crate) fn making(name: &str, body: &Value) -> Self {
        let body = body.to_string();
        let request = format!(
            "POST /containers/create?name={name} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self::with(Making {
            was_asked: true,
            held: Some(request.into_bytes()),
        })
    }

    fn with(making: Making) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let making = Arc::new(Mutex::new(making));
        let mut serving = JoinSet::new();
        let held = Arc::clone(&making);
        serving.spawn(async move {
            let mut answering = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let making = Arc::clone(&held);
                answering.spawn(async move {
                    // Whoever has heard enough hangs up.
                    let _ = answer(stream, &making).await;
                });
            }
        });
        Self {
            folder,
            making,
            _serving: serving,
        }
    }

    /// Nothing is being made any more.
    pub(crate) fn is_done(&self) -> bool {
        self.making.lock().unwrap().held.is_none()
    }

    pub(crate) fn host(&self) -> String {
        let socket = self.folder.path().join("docker.sock");
        format!("unix://{}", socket.display())
    }
}

async fn answer(mut client: UnixStream, making: &Mutex<Making>) -> std::io::Result<()> {
    let (target, request) = request(&mut client).await?;
    let is_create = target.contains("/containers/create");
    if is_create && making.lock().unwrap().holds(&request) {
        let length = TAKEN.len();
        let conflict = format!(
            "HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{TAKEN}"
        );
        return client.write_all(conflict.as_bytes()).await;
    }
    let answered = passed_on(&request).await?;
    client.write_all(&answered).await?;
    // Whoever has looked for it once, by its name or its label, finds it the next time.
    let is_listed = target.contains("/containers/json") && target.contains("purser.effect");
    if answered.starts_with(b"HTTP/1.1 404") || is_listed {
        let held = making.lock().unwrap().held.take();
        if let Some(create) = held {
            passed_on(&create).await?;
        }
    }
    Ok(())
}

/// One request with its body, and what it is for.
async fn request(client: &mut UnixStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let lower = head.to_ascii_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < end + length {
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = bytes.split_off(end);
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    Ok((target, [head.into_bytes(), body].concat()))
}

/// What the engine answers.
async fn passed_on(request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut engine = UnixStream::connect(docker_socket()).await?;
    engine.write_all(request).await?;
    let mut answer = Vec::new();
    engine.read_to_end(&mut answer).await?;
    Ok(answer)
}

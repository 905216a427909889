//! A registry that asks for a login, and one that hands out what it has as slowly as a story needs.

use std::fs;
use std::net::TcpStream as Plain;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use purser::domain::digest::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::stage::{V1, docker, eventually, host, try_docker, unique};
use crate::support::stack;

pub(crate) const USER: &str = "purser";
/// In base64 it has characters that are others in the alphabet for URLs.
pub(crate) const PASSWORD: &str = "Kapitaen~>?~ahoi?>~";
/// The same, as the registry keeps it.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuudtTKOa4jJ3nUVq0xnOxZsP6DHc.GvYW";

/// A registry with one account, and the images that were pushed to it.
pub(crate) struct Guarded {
    process: Child,
    folder: TempDir,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

impl Guarded {
    /// It is gone, as by kill -9; what was pushed to it stays where it is.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// It is there again, with all that it had.
    pub(crate) async fn starts_again(&mut self) {
        self.process = serve(&self.folder);
        self.is_up().await;
    }

    async fn is_up(&self) {
        eventually("the registry is up", || {
            Plain::connect(&self.address).is_ok()
        })
        .await;
    }

    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("purser-registry-")
            .tempdir_in("/var/tmp")
            .unwrap();
        let at = |name: &str| folder.path().join(name);
        let address = format!("127.0.0.1:{}", free_port());
        fs::write(at("htpasswd"), format!("{USER}:{HASH}\n")).unwrap();
        let settings = json!({
            "version": "0.1",
            "log": { "level": "warn", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": at("data") } },
            "http": { "addr": address },
            "auth": { "htpasswd": { "realm": "purser", "path": at("htpasswd") } },
        });
        fs::write(at("config.yml"), settings.to_string()).unwrap();
        let guarded = Self {
            process: serve(&folder),
            folder,
            address,
        };
        guarded.is_up().await;
        guarded
    }

    /// An image of its own, like this one, that only the registry has.
    pub(crate) fn push(&self, image: &str) -> Pushed {
        let pair = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let login = json!({ "auths": { &self.address: { "auth": pair } } });
        fs::write(self.folder.path().join("config.json"), login.to_string()).unwrap();
        let config = self.folder.path().display().to_string();
        Pushed::to(&self.address, image, &["--config", &config])
    }

    /// A file with the password, or with another one.
    pub(crate) fn password_file(&self, name: &str, password: &str) -> String {
        let file = self.folder.path().join(name);
        fs::write(&file, password).unwrap();
        file.display().to_string()
    }

    /// The table of its login, as it stands in the configuration.
    pub(crate) fn login(&self, password: &str) -> String {
        let file = self.password_file("password", password);
        format!(
            "[registries.\"{}\"]\nusername = '{USER}'\npassword_file = '{file}'",
            self.address
        )
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(folder: &TempDir) -> Child {
    Command::new("docker-registry")
        .arg("serve")
        .arg(folder.path().join("config.yml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the registry of the stack can be run")
}

/// An image that the engine does not have until somebody fetches it; it goes when the story ends.
pub(crate) struct Pushed {
    pub(crate) repository: String,
    /// `sha256:…`
    pub(crate) digest: String,
}

impl Pushed {
    /// One at the stack's own registry, which asks nobody who they are.
    pub(crate) fn to_all(image: &str) -> Self {
        Self::to(&stack::variable("PURSER_TEST_REGISTRY"), image, &[])
    }

    fn to(registry: &str, image: &str, client: &[&str]) -> Self {
        let repository = format!("{registry}/{}/web", unique("fetch"));
        let digest = push(&repository, "live", image, client);
        Self { repository, digest }
    }

    pub(crate) fn reference(&self) -> String {
        format!("{}:live", self.repository)
    }

    pub(crate) fn by_digest(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        try_docker(&["rmi", &self.reference()]);
        try_docker(&["rmi", &self.by_digest()]);
    }
}

/// Has a registry, and nobody else, know an image by this name. Returns its digest there.
pub(crate) fn push(repository: &str, tag: &str, image: &str, client: &[&str]) -> String {
    let reference = format!("{repository}:{tag}");
    docker(&["tag", image, &reference]);
    let pushed = Command::new("docker")
        .args(client)
        .args(["--host", &host(), "push", "--quiet", &reference])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&pushed.stderr);
    assert!(pushed.status.success(), "{complaint}");
    let format = "{{join .RepoDigests \"\\n\"}}";
    let digests = docker(&["inspect", "--format", format, &reference]);
    let begin = format!("{repository}@");
    let digest = digests.lines().find_map(|one| one.strip_prefix(&begin));
    let digest = digest.expect("what was pushed has a digest").to_owned();
    docker(&["rmi", &reference]);
    digest
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Stands before a registry, and hands out so many bytes of its answers; then it waits.
pub(crate) struct Slow {
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    allowed: watch::Sender<usize>,
    _serving: JoinSet<()>,
}

impl Slow {
    pub(crate) async fn before(registry: String, allowed: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, receiver) = watch::channel(allowed);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                // Where the registry is gone the other side is hung up on.
                if let Ok(far) = TcpStream::connect(&registry).await {
                    open.spawn(pass_on(near, far, receiver.clone()));
                }
            }
        });
        Self {
            address,
            allowed: sender,
            _serving: serving,
        }
    }

    /// From now on everything goes through.
    pub(crate) fn let_go(&self) {
        self.allowed.send_replace(usize::MAX);
    }
}

/// Each connection has the whole allowance: answers that are no layers are short.
async fn pass_on(near: TcpStream, far: TcpStream, mut allowed: watch::Receiver<usize>) {
    let (mut near_reads, mut near_writes) = near.into_split();
    let (mut far_reads, mut far_writes) = far.into_split();
    let asking = tokio::io::copy(&mut near_reads, &mut far_writes);
    let answering = async {
        let (mut passed, mut buffer) = (0_usize, vec![0; 16 * 1024]);
        loop {
            let read = far_reads.read(&mut buffer).await?;
            if read == 0 {
                return near_writes.shutdown().await;
            }
            passed += read;
            if allowed
                .wait_for(|allowed| passed <= *allowed)
                .await
                .is_err()
            {
                return Ok(());
            }
            near_writes.write_all(&buffer[..read]).await?;
        }
    };
    let _ = tokio::join!(asking, answering);
}

/// An image like `v1`, larger by so many bytes that nobody can make smaller, made for this story.
pub(crate) fn large(bytes: usize) -> Large {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let content: Vec<u8> = (0..bytes)
        .map(|_| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_le_bytes()[0]
        })
        .collect();
    let name = format!("{}:v1", unique("large"));
    fs::write(folder.path().join("noise"), content).unwrap();
    fs::write(folder.path().join("name"), &name).unwrap();
    let lines = format!("FROM {V1}\nCOPY noise /\nCOPY name /\n");
    fs::write(folder.path().join("Dockerfile"), lines).unwrap();
    let built = Command::new("docker")
        .env("DOCKER_BUILDKIT", "0")
        .args(["--host", &host(), "build", "--quiet", "--tag", &name])
        .arg(folder.path())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{complaint}");
    Large { name }
}

/// It goes when the story ends.
pub(crate) struct Large {
    pub(crate) name: String,
}

impl Drop for Large {
    fn drop(&mut self) {
        try_docker(&["rmi", &self.name]);
    }
}

/// Puts an image like that one of this registry beside it, for another kind of processor: as it is under
/// the tag `arm`, and as the only one of a list under the tag `list`.
pub(crate) async fn make_foreign(pushed: &Pushed) {
    const IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
    const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    let (registry, repository) = pushed.repository.split_once('/').unwrap();
    let at = |path: &str| format!("http://{registry}/v2/{repository}/{path}");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build().unwrap();
    let get = async |url: String| -> Value {
        let answer = client.get(url).header("Accept", IMAGE).send().await;
        serde_json::from_slice(&answer.unwrap().bytes().await.unwrap()).unwrap()
    };
    let put = async |url: String, kind: &str, body: String| {
        let sent = client.put(url).header("Content-Type", kind).body(body);
        let status = sent.send().await.unwrap().status();
        assert_eq!(status, 201);
    };
    let mut manifest = get(at("manifests/live")).await;
    let config = manifest["config"]["digest"].as_str().unwrap();
    let mut config = get(at(&format!("blobs/{config}"))).await;
    config["architecture"] = "arm64".into();
    let config = config.to_string();
    let digest = Digest::of_bytes(config.as_bytes()).to_string();
    manifest["config"]["size"] = config.len().into();
    manifest["config"]["digest"] = digest.as_str().into();
    let begun = client.post(at("blobs/uploads/")).send().await.unwrap();
    let place = begun.headers()["Location"].to_str().unwrap().to_owned();
    put(
        format!("{place}&digest={digest}"),
        "application/octet-stream",
        config,
    )
    .await;
    let manifest = manifest.to_string();
    let list = json!({
        "schemaVersion": 2,
        "mediaType": LIST,
        "manifests": [{
            "mediaType": IMAGE,
            "size": manifest.len(),
            "digest": Digest::of_bytes(manifest.as_bytes()).to_string(),
            "platform": { "architecture": "arm64", "os": "linux", "variant": "v8" },
        }],
    });
    put(at("manifests/arm"), IMAGE, manifest).await;
    put(at("manifests/list"), LIST, list.to_string()).await;
}

//! The filter before Docker's socket, in this process, for as long as a story lasts.

use std::path::PathBuf;

use purser::docker_proxy::{Allowances, Rules, listen, serve};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::stack::variable;

/// A proxy with a socket of its own.
pub struct Proxy {
    folder: TempDir,
    _running: DropGuard,
}

impl Proxy {
    /// One that allows this beyond the harmless.
    pub fn new(allowances: Allowances) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("purser-proxy-")
            .tempdir_in("/var/tmp")
            .unwrap();
        let rules = Rules::new(allowances).unwrap();
        let listener = listen(&folder.path().join("docker.sock")).unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(listener, docker_socket(), rules, shutdown.clone()));
        Self {
            folder,
            _running: shutdown.drop_guard(),
        }
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Its socket, as Docker's clients and `host` in the configuration write it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }
}

/// The socket of the engine itself.
pub fn docker_socket() -> PathBuf {
    let host = variable("PURSER_TEST_DOCKER_HOST");
    host.strip_prefix("unix://").unwrap_or(&host).into()
}

//! A Keycloak of a story's own, which was built without features.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::patience;
use super::stack::variable;

/// It has the administrator of the stack's, and goes when the story ends.
pub struct OwnKeycloak {
    address: String,
    _database: TempDir,
    process: Child,
}

impl OwnKeycloak {
    /// One that serves.
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = tempfile::tempdir().unwrap();
        let file = database.path().join("keycloakdb.mv.db");
        fs::copy(variable("PURSER_TEST_KEYCLOAK_SEED"), file).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = format!(
            "--db-url=jdbc:h2:file:{}/keycloakdb;NON_KEYWORDS=VALUE;TRACE_LEVEL_FILE=0",
            database.path().display()
        );
        let mut command = Command::new(variable("PURSER_TEST_KEYCLOAK_PLAIN"));
        command
            .env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx256m")
            .env("JAVA_OPTS_GC", "-XX:+UseSerialGC")
            .env("JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1")
            .args(["start", "--optimized", "--cache=local", &url])
            .args(["--http-enabled=true", "--hostname-strict=false"])
            .args(["--http-host=127.0.0.1", &format!("--http-port={port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // The script starts Java as a process of its own.
            .process_group(0);
        let process = command
            .spawn()
            .expect("the Keycloak of the stack can be run");
        let keycloak = Self {
            address: format!("127.0.0.1:{port}"),
            _database: database,
            process,
        };
        let (http, health) = (reqwest::Client::new(), keycloak.url() + "/health/ready");
        patience::until("Keycloak is up", async || {
            let answer = http.get(&health).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        keycloak
    }

    /// Its address, as the configuration of Purser writes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for OwnKeycloak {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.process.id().cast_signed());
        killpg(group, Signal::SIGKILL).unwrap();
        self.process.wait().unwrap();
    }
}

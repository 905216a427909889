//! A Traefik of a story's own before the stack's engine: it may be killed and started again.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::patience;
use super::stack::variable;

/// It takes changes in as slowly as it does by default: two seconds may pass before it does.
pub struct OwnTraefik {
    /// `127.0.0.1:PORT`, where people come in.
    pub entry: String,
    api: String,
    process: Option<Child>,
}

impl OwnTraefik {
    /// One that runs.
    pub async fn start() -> Self {
        let mut traefik = Self {
            entry: free_address(),
            api: free_address(),
            process: None,
        };
        traefik.starts();
        traefik.is_up().await;
        traefik
    }

    /// Its API, as the configuration of Purser writes it.
    pub fn api(&self) -> String {
        format!("http://{}", self.api)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it, and waits for nothing.
    pub fn starts(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let mut command = Command::new(variable("PURSER_TEST_TRAEFIK_PROGRAM"));
        command.args([
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
            "--api.insecure=true",
            "--providers.docker.exposedbydefault=false",
        ]);
        command.arg(format!("--entrypoints.web.address={}", self.entry));
        command.arg(format!("--entrypoints.traefik.address={}", self.api));
        let engine = variable("PURSER_TEST_DOCKER_HOST");
        command.arg(format!("--providers.docker.endpoint={engine}"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.process = Some(
            command
                .spawn()
                .expect("the Traefik of the stack can be run"),
        );
    }

    async fn is_up(&self) {
        patience::until("Traefik is up", async || {
            TcpStream::connect(&self.api).is_ok()
        })
        .await;
    }
}

impl Drop for OwnTraefik {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

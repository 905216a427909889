//! Streams pass the filter as they come.

use std::path::PathBuf;
use std::time::Duration;

use purser::docker_proxy::{Allowances, Rules, listen, serve};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::docker::stage::{Cleanup, V1, docker, unique};
use crate::support::program::Home;
use crate::support::proxy::Proxy;
use crate::support::speech::speak;

#[tokio::test]
async fn a_log_is_heard_while_it_is_written() {
    let proxy = Proxy::new(Allowances::default());
    let name = unique("talks");
    let _gone = Cleanup(format!("name={name}"));
    docker(&[
        "run",
        "--detach",
        "--name",
        &name,
        V1,
        "job",
        "--lines",
        "1",
        "--seconds",
        "30",
    ]);
    let mut stream = UnixStream::connect(proxy.socket()).await.unwrap();
    let request = format!(
        "GET /containers/{name}/logs?follow=true&stdout=true HTTP/1.1\r\nHost: docker\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let first_line = async {
        while !String::from_utf8_lossy(&heard).contains("line 1") {
            assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
        }
    };
    // The job itself takes longer.
    let in_time = timeout(Duration::from_secs(15), first_line).await;
    assert!(in_time.is_ok(), "{}", String::from_utf8_lossy(&heard));
}

/// A filter before an engine that is none of the stack's, and the folder of both sockets.
struct Broken {
    folder: TempDir,
    _running: DropGuard,
}

impl Broken {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = listen(&folder.path().join("proxy")).unwrap();
        let shutdown = CancellationToken::new();
        let docker = folder.path().join("docker.sock");
        tokio::spawn(serve(listener, docker, Rules::default(), shutdown.clone()));
        Self {
            folder,
            _running: shutdown.drop_guard(),
        }
    }

    fn docker(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    async fn asked(&self, call: &str) -> String {
        let request = format!("{call} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n");
        speak(&self.folder.path().join("proxy"), request.as_bytes()).await
    }
}

#[tokio::test]
async fn an_engine_that_is_down_is_said_to_be_down() {
    let broken = Broken::new();
    let answer = broken.asked("POST /containers/web/start").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let expected = format!(
        "purser docker-proxy cannot ask {}",
        broken.docker().display()
    );
    assert!(answer.contains(&expected), "{answer}");
}

#[tokio::test]
async fn a_lost_answer_stays_a_lost_answer() {
    let broken = Broken::new();
    let engine = UnixListener::bind(broken.docker()).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = engine.accept().await.unwrap();
        // The call has landed, and the engine dies before it says so.
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
        }
    });
    // Whatever stood here would be taken for the engine's own word.
    assert_eq!(broken.asked("POST /containers/web/start").await, "");
}

#[tokio::test]
async fn a_second_filter_leaves_the_socket_of_the_first_alone() {
    let proxy = Proxy::new(Allowances::default());
    let socket = proxy.socket();
    let home = Home::new(&[]);
    let said = home
        .types(&["docker-proxy", "--listen", socket.to_str().unwrap()])
        .await;
    let expected = format!(
        "purser: the socket {} cannot be made: another docker-proxy serves there\n",
        socket.display()
    );
    assert_eq!((said.code, said.err), (1, expected));
    let version = "GET /version HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
    let answer = speak(&socket, version.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn whatever_answers_at_a_socket_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("proxy");
    let somebody = UnixListener::bind(&socket).unwrap();
    let refused = listen(&socket).map(drop).unwrap_err().to_string();
    assert_eq!(refused, "something else serves there");
    assert!(UnixStream::connect(&socket).await.is_ok());
    // Whoever has gone has left the file, and nothing behind it.
    drop(somebody);
    assert!(listen(&socket).is_ok());
}

//! Streams pass the filter as they come.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::docker::stage::{Cleanup, V1, docker, unique};
use crate::support::proxy::Proxy;
use purser::docker_proxy::Allowances;

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

#[tokio::test]
async fn an_engine_that_is_down_is_said_to_be_down() {
    let folder = tempfile::tempdir().unwrap();
    let listener = purser::docker_proxy::listen(&folder.path().join("proxy")).unwrap();
    let rules = purser::docker_proxy::Rules::default();
    let nowhere = folder.path().join("docker.sock");
    let shutdown = tokio_util::sync::CancellationToken::new();
    tokio::spawn(purser::docker_proxy::serve(
        listener,
        nowhere.clone(),
        rules,
        shutdown.clone(),
    ));
    let request = b"GET /version HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
    let answer = crate::support::speech::speak(&folder.path().join("proxy"), request).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    let expected = format!(
        "purser docker-proxy gets no answer from {}",
        nowhere.display()
    );
    assert!(answer.contains(&expected), "{answer}");
    shutdown.cancel();
}

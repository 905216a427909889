//! The image runs with as few rights as its documentation asks for.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::stage::{Files, Image, docker_group};
use super::units::seccomp_profile;
use crate::docker::stage::{Cleanup, V1, docker, eventually, inspect, try_docker, unique};
use crate::support::proxy::docker_socket;

const HARDENED: [&str; 6] = [
    "--read-only",
    "--user=65532:65532",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=512m",
    "--pids-limit=256",
];

/// Containers, volumes and a network under one name, which go with the story.
struct Place {
    name: String,
    _containers: Cleanup,
}

impl Place {
    fn new() -> Self {
        let name = unique("installed");
        docker(&["network", "create", &name]);
        Self {
            _containers: Cleanup(format!("label=purser-test.place={name}")),
            name,
        }
    }

    /// `docker run` of a container of this place, under its name and `-what`.
    fn run(&self, what: &str, options: &[&str], rest: &[&str]) -> String {
        let name = format!("{}-{what}", self.name);
        let label = format!("purser-test.place={}", self.name);
        let fixed = ["run", "--detach", "--name", &name, "--label", &label];
        docker(&[&fixed, options, rest].concat());
        name
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for what in ["metrics", "proxy", "purser"] {
            try_docker(&["rm", "--force", &format!("{}-{what}", self.name)]);
        }
        for what in ["store", "socket"] {
            try_docker(&["volume", "rm", &format!("{}-{what}", self.name)]);
        }
        try_docker(&["network", "rm", &self.name]);
    }
}

async fn is_healthy(container: &str) {
    let health = || inspect(container, "{{.State.Health.Status}}");
    let begun = Instant::now();
    while health() != "healthy" {
        let log = try_docker(&["logs", container]);
        let checks = inspect(container, "{{json .State.Health}}");
        let log = String::from_utf8_lossy(&log.stderr).into_owned();
        assert!(begun.elapsed() < Duration::from_secs(60), "{log}{checks}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Somebody types `purser …` in the container: what it prints.
fn types(container: &str, user: &str, line: &str) -> String {
    let mut arguments = vec!["exec", "--user", user, container, "purser"];
    arguments.extend(line.split(' '));
    docker(&arguments)
}

#[tokio::test]
async fn the_image_works_with_no_rights_and_keeps_its_books_over_restarts() {
    let image = Image::build();
    let files = Files::new();
    let place = Place::new();
    let name = &place.name;
    let networked = ["--network", name, "--network-alias", "metrics"];
    place.run("metrics", &networked, &[V1]);

    let socket = format!("{}:/var/run/docker.sock", docker_socket().display());
    let shared = format!("{name}-socket:/run/purser-docker");
    let group = docker_group();
    let of_proxy = [
        "--volume",
        &socket,
        "--volume",
        &shared,
        "--group-add",
        &group,
    ];
    let proxy = place.run(
        "proxy",
        &[
            &HARDENED[..],
            &of_proxy,
            &["--network", "none", "--no-healthcheck"],
        ]
        .concat(),
        &[&image.0, "docker-proxy"],
    );

    fs::write(
        files.path("seccomp.json"),
        seccomp_profile("purser.service"),
    )
    .unwrap();
    let seccomp = format!(
        "--security-opt=seccomp={}",
        files.path("seccomp.json").display()
    );
    let store = format!("{name}-store:/var/lib/purser");
    let etc = format!("{}:/etc/purser:ro", files.path("etc").display());
    let of_purser = [
        "--volume",
        &store,
        "--volume",
        &shared,
        "--volume",
        &etc,
        "--tmpfs=/run/purser:uid=65532,gid=65532,mode=0755",
        "--tmpfs=/tmp",
        "--health-interval=1s",
        &seccomp,
        "--network",
        name,
    ];
    let purser = place.run("purser", &[&HARDENED[..], &of_purser].concat(), &[&image.0]);
    is_healthy(&purser).await;
    let well = [
        "exec",
        &proxy,
        "purser",
        "healthcheck",
        "--docker",
        "/run/purser-docker/docker.sock",
    ];
    docker(&well);

    let address = inspect(
        &purser,
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
    );
    let ready = get(&format!("{address}:8480"), "/readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 200 OK") && ready.ends_with("ok\n"),
        "{ready}"
    );

    let migrated = types(&purser, "65532:65532", "run migrate");
    assert!(
        migrated.contains("asked by ann") && migrated.contains("✓ succeeded"),
        "{migrated}"
    );
    let listed = types(&purser, "1000:65532", "run status");
    assert!(
        listed.contains("asked by ben") && listed.contains("✓ succeeded"),
        "{listed}"
    );
    // The name was found by Docker's own resolver, and what answers there is no Prometheus.
    let asked = try_docker(&["exec", &purser, "purser", "run", "up"]);
    let asked = String::from_utf8_lossy(&[asked.stdout, asked.stderr].concat()).into_owned();
    assert!(
        asked.contains("does not answer as Prometheus does"),
        "{asked}"
    );

    let runs = || -> Value {
        serde_json::from_str(&types(&purser, "65532:65532", "runs list --json")).unwrap()
    };
    let before = runs();
    assert_eq!(before.as_array().unwrap().len(), 3);
    docker(&["restart", &purser]);
    is_healthy(&purser).await;
    assert_eq!(runs(), before);
    let verified = types(&purser, "65532:65532", "receipts verify");
    assert!(verified.contains('3'), "{verified}");

    let begun = Instant::now();
    docker(&["stop", "--time", "30", &purser, &proxy]);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "both end by themselves"
    );
    for container in [&purser, &proxy] {
        assert_eq!(inspect(container, "{{.State.ExitCode}}"), "0");
    }
    let log = try_docker(&["logs", &purser]);
    let log = String::from_utf8_lossy(&log.stderr).into_owned();
    assert!(
        log.contains("purser is down") && !log.contains("group"),
        "{log}"
    );
    eventually("the proxy has ended", || {
        inspect(&proxy, "{{.State.Status}}") == "exited"
    })
    .await;
}

/// The whole answer.
async fn get(address: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: purser\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

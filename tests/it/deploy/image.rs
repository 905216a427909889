//! The image runs with as few rights as its documentation asks for.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stage::{Files, Image, docker_group};
use super::units::seccomp_profile;
use crate::docker::stage::{Cleanup, V1, docker, inspect, try_docker, unique};
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
    image: Image,
    files: Files,
    _containers: Cleanup,
}

impl Place {
    fn new() -> Self {
        let name = unique("installed");
        docker(&["network", "create", &name]);
        Self {
            _containers: Cleanup(format!("label=purser-test.place={name}")),
            image: Image::build(),
            files: Files::new(),
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

    /// The volume with the filtered socket.
    fn shared(&self) -> String {
        format!("--volume={}-socket:/run/purser-docker", self.name)
    }

    fn docker_proxy(&self) -> String {
        let socket = format!(
            "--volume={}:/var/run/docker.sock",
            docker_socket().display()
        );
        let group = format!("--group-add={}", docker_group());
        let own = [
            &socket,
            &self.shared(),
            &group,
            "--network=none",
            "--no-healthcheck",
        ];
        let image = [&self.image.0, "docker-proxy"];
        self.run("proxy", &[&HARDENED[..], &own].concat(), &image)
    }

    /// The server, under the system calls that its unit allows.
    fn purser(&self) -> String {
        let profile = self.files.path("seccomp.json");
        fs::write(&profile, seccomp_profile("purser.service")).unwrap();
        let own = [
            &self.shared(),
            &format!("--volume={}-store:/var/lib/purser", self.name),
            &format!(
                "--volume={}:/etc/purser:ro",
                self.files.path("etc").display()
            ),
            "--tmpfs=/run/purser:uid=65532,gid=65532,mode=0755",
            "--tmpfs=/tmp",
            "--health-interval=1s",
            &format!("--security-opt=seccomp={}", profile.display()),
            &format!("--network={}", self.name),
        ];
        self.run("purser", &[&HARDENED[..], &own].concat(), &[&self.image.0])
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
    let begun = Instant::now();
    while inspect(container, "{{with .State.Health}}{{.Status}}{{end}}") != "healthy" {
        let checks = inspect(container, "{{json .State.Health}}");
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "{}{checks}",
            log(container)
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What a container has said.
fn log(container: &str) -> String {
    let log = try_docker(&["logs", container]);
    String::from_utf8_lossy(&[log.stdout, log.stderr].concat()).into_owned()
}

/// Somebody types `purser …` in the container: what it prints, whatever comes of it.
fn types(container: &str, user: &str, line: &str) -> String {
    let mut arguments = vec!["exec", "--user", user, container, "purser"];
    arguments.extend(line.split(' '));
    let said = try_docker(&arguments);
    String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
}

const ANN: &str = "65532:65532";
const BEN: &str = "1000:65532";

#[tokio::test]
async fn the_image_works_with_no_rights_and_keeps_its_books_over_restarts() {
    let place = Place::new();
    let networked = ["--network", &place.name, "--network-alias", "metrics"];
    place.run("metrics", &networked, &[V1]);
    let proxy = place.docker_proxy();
    let purser = place.purser();
    is_healthy(&purser).await;
    let check = "healthcheck --docker /run/purser-docker/docker.sock";
    assert_eq!(types(&proxy, ANN, check), "");

    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let ready = get(&format!("{}:8480", inspect(&purser, format)), "/readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 200 OK") && ready.ends_with("ok\n"),
        "{ready}"
    );

    let migrated = types(&purser, ANN, "run migrate");
    assert!(
        migrated.contains("asked by ann") && migrated.contains("✓ succeeded"),
        "{migrated}"
    );
    let listed = types(&purser, BEN, "run status");
    assert!(
        listed.contains("asked by ben") && listed.contains("✓ succeeded"),
        "{listed}"
    );
    // The name was found by Docker's own resolver, and what answers there is no Prometheus.
    let asked = types(&purser, ANN, "run up");
    assert!(
        asked.contains("does not answer as Prometheus does"),
        "{asked}"
    );

    let runs = types(&purser, ANN, "runs list --json");
    assert_eq!(runs.matches("\"workflow\"").count(), 3, "{runs}");
    docker(&["restart", &purser]);
    is_healthy(&purser).await;
    assert_eq!(types(&purser, ANN, "runs list --json"), runs);
    let verified = types(&purser, ANN, "receipts verify");
    assert!(verified.starts_with("good: 3 receipts"), "{verified}");

    let begun = Instant::now();
    docker(&["stop", "--time", "30", &purser, &proxy]);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "both end by themselves"
    );
    for (container, last) in [
        (&purser, "purser is down"),
        (&proxy, "docker-proxy is down"),
    ] {
        assert_eq!(inspect(container, "{{.State.ExitCode}}"), "0");
        let log = log(container);
        assert!(
            log.contains(last) && !log.contains("group") && !log.contains("refused"),
            "{log}"
        );
    }
}

/// The whole answer.
async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: purser\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[test]
fn what_root_sets_up_for_the_service_can_be_read_by_the_service_alone() {
    let place = Place::new();
    let etc = place.files.path("fresh");
    fs::create_dir(&etc).unwrap();
    let mounted = format!("--volume={}:/etc/purser", etc.display());
    let types = |user: &str, line: &str| {
        let run = ["run", "--rm", "--network=none", "--user", user, &mounted];
        let line: Vec<_> = line.split(' ').collect();
        let said = try_docker(&[&run[..], &[&place.image.0], &line].concat());
        String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
    };
    let init = "init --yes --person ann --add prom=prometheus+http://metrics:9090 \
                --add db=postgres://shop@db/shop --add minio=s3+http://key@minio:9000/backups \
                --password-file minio=/etc/passwd --bucket backups";
    let said = types("0", init);
    assert!(said.contains("written to /etc/purser"), "{said}");
    let owned = |name: &str| {
        let facts = fs::metadata(etc.join(name)).unwrap();
        (facts.uid(), facts.mode() & 0o777)
    };
    assert_eq!(owned("purser.toml"), (0, 0o644));
    assert_eq!(owned("workflows"), (0, 0o755));
    assert_eq!(owned("secrets"), (65532, 0o700));
    assert_eq!(owned("secrets/db_url"), (65532, 0o600));
    let said = types("65532", "lint");
    assert!(said.contains("no errors"), "{said}");
}

//! The Compose file, by Docker Compose itself.

use std::fs;
use std::process::Command;

use super::stage::{Files, Image, docker_group};
use crate::docker::stage::{docker, host, inspect, try_docker, unique};
use crate::support::proxy::docker_socket;
use crate::support::stack::variable;

/// The networks of the stack that the file joins.
const NETWORKS: [&str; 4] = [
    "raspiska_traefik_network",
    "raspiska_postgres_network",
    "raspiska_minio_network",
    "raspiska_prometheus_network",
];

const SECRETS: [&str; 4] = [
    "orders_db_url",
    "minio_access_key",
    "minio_secret_key",
    "hook_backup",
];

/// The project's folder as a person would lay it out, which goes with all that it has started.
struct Project {
    name: String,
    files: Files,
    image: Image,
}

impl Project {
    fn new() -> Self {
        let files = Files::new();
        let compose = include_str!("../../../deploy/compose.yaml");
        files.write("compose.yaml", compose);
        for secret in SECRETS {
            files.secret(&format!("secrets/{secret}"), "a secret");
        }
        for network in NETWORKS {
            try_docker(&["network", "create", network]);
        }
        Self {
            name: unique("composed"),
            files,
            image: Image::build(),
        }
    }

    fn compose(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(variable("PURSER_TEST_COMPOSE"))
            .args(["--project-name", &self.name, "--project-directory"])
            .arg(self.files.path(""))
            .args(arguments)
            .env("DOCKER_HOST", host())
            .env("DOCKER_BUILDKIT", "0")
            .env("PURSER_IMAGE", &self.image.0)
            .env("DOCKER_GID", docker_group())
            .env("DOCKER_SOCKET", docker_socket())
            .output()
            .expect("Compose can be run");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    }

    fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.name)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.compose(&["down", "--volumes", "--timeout", "20"]);
        for network in NETWORKS {
            try_docker(&["network", "rm", network]);
        }
    }
}

#[tokio::test]
async fn compose_brings_both_services_up_and_they_are_healthy() {
    let project = Project::new();
    let (valid, said) = project.compose(&["config", "--quiet"]);
    assert!(valid && said.is_empty(), "{said}");

    let (up, said) = project.compose(&["up", "--detach", "--wait"]);
    let logs = project.compose(&["logs"]).1;
    assert!(up, "{said}{logs}");
    for service in ["purser", "docker-proxy"] {
        let container = project.container(service);
        let format = "{{.State.Health.Status}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} \
                      {{.HostConfig.SecurityOpt}} {{.HostConfig.Privileged}}";
        let expected = "healthy true [ALL] [no-new-privileges:true] false";
        assert_eq!(inspect(&container, format), expected, "{service}");
    }
    let mounted = inspect(
        &project.container("purser"),
        "{{range .Mounts}}{{println .Source}}{{end}}",
    );
    assert!(
        !mounted.contains("docker.sock"),
        "the bot has no bare socket: {mounted}"
    );

    let exec = ["exec", "--no-TTY", "purser", "purser", "run", "migrate"];
    let (done, said) = project.compose(&exec);
    assert!(done && said.contains("✓ succeeded"), "{said}");

    // A second `up` finds nothing to do, and what is stopped says goodbye by itself.
    let id = inspect(&project.container("purser"), "{{.Id}}");
    assert!(project.compose(&["up", "--detach", "--wait"]).0);
    assert_eq!(inspect(&project.container("purser"), "{{.Id}}"), id);
    assert!(project.compose(&["stop"]).0);
    assert_eq!(
        inspect(&project.container("purser"), "{{.State.ExitCode}}"),
        "0"
    );
    let logs = docker(&["logs", &project.container("docker-proxy")]);
    assert!(!logs.contains("refused"), "{logs}");
}

#[test]
fn compose_says_what_is_missing_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let compose = include_str!("../../../deploy/compose.yaml");
    fs::write(folder.path().join("compose.yaml"), compose).unwrap();
    let output = Command::new(variable("PURSER_TEST_COMPOSE"))
        .arg("--project-directory")
        .arg(folder.path())
        .args(["config", "--quiet"])
        .env_remove("DOCKER_GID")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("stat -c %g"),
        "{said}"
    );
}

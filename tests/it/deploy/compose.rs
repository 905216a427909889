//! The Compose file, by Docker Compose itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use tokio::sync::{Mutex, MutexGuard};

use super::stage::{Files, Image, docker_group};
use crate::docker::stage::{docker, host, inspect, try_docker, unique};
use crate::support::proxy::docker_socket;
use crate::support::stack::variable;

/// The networks of the stack that the file joins.
const NETWORKS: [&str; 5] = [
    "raspiska_traefik_network",
    "raspiska_postgres_network",
    "raspiska_minio_network",
    "raspiska_prometheus_network",
    "raspiska_keycloak_network",
];

/// Each secret of the file, and something that it could hold.
const SECRETS: [(&str, &str); 10] = [
    (
        "orders_db_url",
        "postgres://shop:secret@postgres:5432/orders",
    ),
    ("minio_access_key", "an access key"),
    ("minio_secret_key", "a secret key"),
    ("keycloak_secret", "a secret of a client"),
    ("hook_backup", "whsec_dGhlLWJvb2tzaG9wLWFuZC1pdHMtbjhu"),
    ("metrics_token", "a token that nobody guesses"),
    ("beat_url", "http://nobody.invalid/beat"),
    ("nightly_url", "http://nobody.invalid/nightly"),
    ("ops_webhook", "http://nobody.invalid/ops"),
    ("relay_secret", "whsec_dGhlLWJvb2tzaG9wLWFuZC1pdHMtbjhu"),
];

/// The project's folder as a person would lay it out, which goes with all that it has started.
struct Project {
    name: String,
    files: Files,
    image: Image,
    /// The networks have one name for all, and the last one out removes them.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::const_new(());

impl Project {
    async fn new() -> Self {
        let alone = ALONE.lock().await;
        let files = Files::new();
        let compose = include_str!("../../../deploy/compose.yaml");
        files.write("compose.yaml", compose);
        for (secret, text) in SECRETS {
            files.secret(&format!("secrets/{secret}"), text);
        }
        for network in NETWORKS {
            try_docker(&["network", "create", network]);
        }
        Self {
            name: unique("composed"),
            files,
            image: Image::build(),
            _alone: alone,
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
    let project = Project::new().await;
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

/// What people are told to change in the example where it is to run in a container.
fn example() -> String {
    let text = include_str!("../../../deploy/purser.example.toml");
    let install = include_str!("../../../docs/INSTALL.md");
    let mut changed = text.to_owned();
    for (there, line) in [
        ("listen = \"127.0.0.1:8480\"", "listen = \"0.0.0.0:8480\""),
        (
            "host = \"unix:///var/run/docker.sock\"",
            "host = \"unix:///run/purser-docker/docker.sock\"",
        ),
    ] {
        assert!(changed.contains(there) && install.contains(&format!("   {line}\n")));
        changed = changed.replace(there, line);
    }
    changed
}

#[tokio::test]
async fn the_example_comes_up_as_the_page_goes_through_it() {
    let project = Project::new().await;
    project.files.write("etc/purser.toml", &example());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["workflows", "commands"] {
        fs::remove_dir_all(project.files.path("etc").join(folder)).unwrap();
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            let text = fs::read_to_string(file.path()).unwrap();
            project.files.write(&format!("etc/{folder}/{name}"), &text);
        }
    }
    let lint = ["run", "--rm", "--no-deps", "--no-TTY", "purser", "lint"];
    let (good, said) = project.compose(&lint);
    let install = include_str!("../../../docs/INSTALL.md");
    let shown = install.lines().find(|line| line.ends_with(": no errors"));
    let shown = shown.unwrap().trim();
    assert!(good && said.contains(shown), "{shown}, and it is {said}");

    let (up, said) = project.compose(&["up", "--detach", "--wait"]);
    let logs = project.compose(&["logs"]).1;
    assert!(up, "{said}{logs}");
    let ada = ["exec", "--no-TTY", "--user", "1000:65532", "purser"];
    let (done, said) = project.compose(&[&ada[..], &["purser", "run", "status"]].concat());
    assert!(done && said.contains("✓ succeeded"), "{said}");
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

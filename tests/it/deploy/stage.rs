//! The image from local files, and a home that containers may read.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::docker::stage::{host, try_docker, unique};
use crate::support::proxy::docker_socket;
use crate::support::stack::xtask;

/// The user in the image.
pub(super) const USER: u32 = 65532;

/// The last stage of `deploy/Dockerfile`, built from what its first stage would have made.
pub(super) struct Image(pub(super) String);

impl Image {
    pub(super) fn build() -> Self {
        let context = tempfile::tempdir_in("/var/tmp").unwrap();
        let rootfs = context.path().join("rootfs");
        let laid_out = Command::new(root().join("deploy/rootfs.sh"))
            .arg(static_program())
            .arg("/etc/ssl/certs/ca-certificates.crt")
            .arg(&rootfs)
            .status();
        assert!(laid_out.unwrap().success());
        let dockerfile = fs::read_to_string(root().join("deploy/Dockerfile")).unwrap();
        let (_, last) = dockerfile
            .split_once("\nFROM scratch\n")
            .expect("two stages");
        let text = format!("FROM scratch AS build\nCOPY rootfs /rootfs\nFROM scratch\n{last}");
        fs::write(context.path().join("Dockerfile"), text).unwrap();
        let name = format!("purser-test/{}", unique("purser"));
        let built = Command::new("docker")
            .env("DOCKER_BUILDKIT", "0")
            .args([
                "--host",
                &host(),
                "build",
                "--quiet",
                "--force-rm",
                "--no-cache",
                "--tag",
                &name,
            ])
            .arg(context.path())
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{complaint}");
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        try_docker(&["rmi", "--force", &self.0]);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `cargo xtask test` has built it; a test that is run without that builds it itself.
fn static_program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = std::env::var("PURSER_TEST_STATIC_PROGRAM");
        let built = built.unwrap_or_else(|_| xtask(&["static"]).trim().to_owned());
        built.into()
    })
}

/// A folder with `purser.toml` and workflows, and in it whatever else a story needs.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("purser-deploy-")
            .tempdir_in("/var/tmp")
            .unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let files = Self(folder);
        files.write("etc/purser.toml", CONFIG);
        fs::create_dir_all(files.path("etc/commands")).unwrap();
        for (name, steps) in WORKFLOWS {
            let text = format!(
                "name: {name}\nsummary: For a story\nwho: {{ production: [operator] }}\n{steps}"
            );
            files.write(&format!("etc/workflows/{name}.yaml"), &text);
        }
        files
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A file that the image's user alone may read.
    pub(super) fn secret(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o400)).unwrap();
        chown(self.path(name), Some(USER), Some(USER)).unwrap();
    }
}

/// The group of Docker's socket, which the proxy has to be of.
pub(super) fn docker_group() -> String {
    fs::metadata(docker_socket()).unwrap().gid().to_string()
}

const CONFIG: &str = "
[server]
socket = '/run/purser/purser.sock'
group = 'purser'
listen = '0.0.0.0:8480'

[store]
path = '/var/lib/purser'

[people]
ann = { roles = ['operator'], uid = 65532 }
ben = { roles = ['operator'], uid = 1000 }

[systems.shop]
kind = 'docker'
host = 'unix:///run/purser-docker/docker.sock'

[systems.prometheus]
kind = 'prometheus'
url = 'http://metrics:8080'
";

const WORKFLOWS: [(&str, &str); 3] = [
    (
        "status",
        "steps:\n  - id: status\n    uses: docker.list_services\n",
    ),
    (
        "migrate",
        "steps:\n  - id: migrate\n    uses: docker.run_job\n    \
         with: { image: 'purser-test/web:v1', command: [job, --lines, '2'] }\n",
    ),
    (
        "up",
        "steps:\n  - id: up\n    uses: prometheus.query\n    with: { query: up }\n",
    ),
];

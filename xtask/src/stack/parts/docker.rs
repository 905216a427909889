//! A Docker engine of our own, beside the machine's, if that has one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, umount2};
use nix::unistd::geteuid;
use serde_json::json;

use crate::sh;
use crate::stack::http;
use crate::stack::need::{Need, debian, must_find};
use crate::stack::part::{Launch, Part};
use crate::stack::parts::{bridge, images};
use crate::stack::places::Places;

/// Its name.
pub(crate) const NAME: &str = "docker";

/// The engine, and in it the images of the tests.
pub(crate) struct Docker;

impl Part for Docker {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self, _places: &Places) -> Vec<Need> {
        vec![
            debian("dockerd", "docker.io"),
            debian("docker", "docker.io"),
            debian("containerd", "containerd"),
            debian("iptables", "iptables"),
            debian("ip", "iproute2"),
        ]
    }

    fn launch(&self, places: &Places) -> Result<Launch> {
        ensure!(
            geteuid().is_root(),
            "the engine can only be started by root"
        );
        let config = places.dir(NAME).join("daemon.json");
        fs::write(&config, serde_json::to_vec_pretty(&settings(places))?)?;
        forget(&places.dir(NAME))?;
        let mut command = Command::new(must_find("dockerd")?);
        command
            .arg("--config-file")
            .arg(config)
            .arg("--host")
            .arg(host(places));
        // Only flags can say these: containers apart from others in a containerd of the machine's.
        command.args(["--containerd-namespace", "purser-stack"]);
        command.args(["--containerd-plugins-namespace", "purser-stack-plugins"]);
        command.env("DOCKER_TMPDIR", places.dir(NAME).join("tmp"));
        let version = sh::output(Command::new(must_find("dockerd")?).arg("--version"))?;
        let version = version.split_whitespace().nth(2).unwrap_or("?");
        let version = version.trim_end_matches(',').to_owned();
        bridge::make()?;
        Ok(Launch {
            command,
            version,
            address: host(places),
        })
    }

    fn is_ready(&self, places: &Places) -> Result<bool> {
        Ok(http::is_ok_unix(&socket(places), "/_ping"))
    }

    fn patience(&self) -> Duration {
        Duration::from_mins(1)
    }

    fn furnish(&self, places: &Places) -> Result<()> {
        images::provide(places)
    }

    /// Containers would outlive the engine as orphans.
    fn vacate(&self, places: &Places) -> Result<()> {
        let all = docker(places, &["ps", "--all", "--quiet", "--no-trunc"])?;
        let all: Vec<&str> = all.split_whitespace().collect();
        if all.is_empty() {
            return Ok(());
        }
        docker(
            places,
            &[&["rm", "--force", "--volumes"], all.as_slice()].concat(),
        )
        .map(drop)
    }

    fn clear(&self, places: &Places) -> Result<()> {
        unmount_below(&places.dir(NAME))?;
        bridge::delete()
    }

    fn env(&self, places: &Places) -> Result<Vec<(&'static str, String)>> {
        let mut env = vec![("PURSER_TEST_DOCKER_HOST", host(places))];
        env.extend(images::env());
        Ok(env)
    }
}

/// Runs the client against our engine and returns what it printed.
pub(crate) fn docker(places: &Places, args: &[&str]) -> Result<String> {
    sh::output(client(places)?.args(args))
}

/// The client, to be given arguments; whatever the user has set up for it does not matter.
pub(crate) fn client(places: &Places) -> Result<Command> {
    let mut command = Command::new(must_find("docker")?);
    command
        .env_remove("DOCKER_CONTEXT")
        .env("DOCKER_HOST", host(places));
    // The engine's package has the classic builder only.
    command.env("DOCKER_BUILDKIT", "0");
    Ok(command)
}

/// The same, as a path.
pub(crate) fn socket(places: &Places) -> PathBuf {
    places.dir(NAME).join("docker.sock")
}

/// Where the engine listens.
pub(crate) fn host(places: &Places) -> String {
    format!("unix://{}", socket(places).display())
}

/// Everything apart from the machine's own engine, and the machine's firewall left alone: it has
/// one chain for all engines, which each would flush. Ports are published by a proxy process.
fn settings(places: &Places) -> serde_json::Value {
    let dir = places.dir(NAME);
    json!({
        "data-root": dir.join("data"),
        "exec-root": dir.join("run"),
        "pidfile": dir.join("pid"),
        "storage-driver": "overlay2",
        "bridge": bridge::NAME,
        "default-address-pools": [{ "base": bridge::NETWORKS, "size": 24 }],
        "ip": "127.0.0.1",
        "iptables": false,
        "ip6tables": false,
        "ip-forward": false,
        "ip-masq": false,
        "shutdown-timeout": 5,
    })
}

/// Removes what an engine before this one has left: images, networks, volumes, membership in a swarm.
fn forget(dir: &Path) -> Result<()> {
    unmount_below(dir)?;
    for old in ["data", "run"].map(|name| dir.join(name)) {
        if old.exists() {
            fs::remove_dir_all(&old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    // We know that no process of ours runs: a file that says so is from before a crash.
    let _ = fs::remove_file(dir.join("pid"));
    Ok(())
}

/// A killed engine leaves its containers' file systems mounted.
fn unmount_below(dir: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let points = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(Path::new);
    let ours: Vec<&Path> = points.filter(|point| point.starts_with(dir)).collect();
    for point in ours.iter().rev() {
        umount2(*point, MntFlags::MNT_DETACH)
            .with_context(|| format!("cannot unmount {}", point.display()))?;
    }
    Ok(())
}

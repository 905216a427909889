//! A Docker engine of our own, beside the machine's, if that has one.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::sh;
use crate::stack::http;
use crate::stack::need::{Need, debian, find, must_find};
use crate::stack::part::{Launch, Part};
use crate::stack::parts::images;
use crate::stack::places::Places;

const NAME: &str = "docker";
/// Our own bridge: the engine's usual one may be in use by the machine's own engine.
const BRIDGE: &str = "purser-stack0";
const BRIDGE_ADDRESS: &str = "10.213.0.1/24";
/// Where the networks come from that tests make.
const NETWORKS: &str = "10.214.0.0/16";

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
        make_bridge()?;
        let config = places.dir(NAME).join("daemon.json");
        fs::write(&config, serde_json::to_vec_pretty(&settings(places))?)?;
        // We know that no process of ours runs: a file that says so is from before a crash.
        let _ = fs::remove_file(places.dir(NAME).join("pid"));
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

    /// Containers would outlive the engine as orphans; networks and volumes are a test's rubbish.
    fn vacate(&self, places: &Places) -> Result<()> {
        let all = docker(places, &["ps", "--all", "--quiet", "--no-trunc"])?;
        let all: Vec<&str> = all.split_whitespace().collect();
        if !all.is_empty() {
            docker(
                places,
                &[&["rm", "--force", "--volumes"], all.as_slice()].concat(),
            )?;
        }
        docker(places, &["network", "prune", "--force"])?;
        docker(places, &["volume", "prune", "--force"]).map(drop)
    }

    fn clear(&self, _places: &Places) -> Result<()> {
        if find("ip").is_some() && has_bridge() {
            ip(&["link", "delete", BRIDGE])?;
        }
        Ok(())
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

fn socket(places: &Places) -> PathBuf {
    places.dir(NAME).join("docker.sock")
}

fn host(places: &Places) -> String {
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
        "bridge": BRIDGE,
        "default-address-pools": [{ "base": NETWORKS, "size": 24 }],
        "ip": "127.0.0.1",
        "iptables": false,
        "ip6tables": false,
        "ip-forward": false,
        "ip-masq": false,
        "shutdown-timeout": 5,
    })
}

fn make_bridge() -> Result<()> {
    if !has_bridge() {
        ip(&["link", "add", BRIDGE, "type", "bridge"])?;
    }
    ip(&["address", "replace", BRIDGE_ADDRESS, "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])
}

fn has_bridge() -> bool {
    PathBuf::from("/sys/class/net").join(BRIDGE).exists()
}

fn ip(args: &[&str]) -> Result<()> {
    let run = sh::output(Command::new(must_find("ip")?).args(args));
    run.map(drop)
        .context("cannot set up the bridge of the containers")
}

//! Purser as people have it: a server, and commands at a shell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::Value;

use super::DRAIN;
use super::site::{Lead, Site};
use crate::sh;
use crate::stack::parts::{docker, traefik};
use crate::stack::{http, ports};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that ends with this.
pub(super) struct Purser {
    program: PathBuf,
    folder: PathBuf,
    server: Child,
}

impl Purser {
    /// Starts it in a folder of its own, to deploy this service.
    pub(super) fn start(program: &Path, folder: &Path, site: &Site, lead: Lead) -> Result<Self> {
        let holes = [
            ("@UID@", geteuid().to_string()),
            ("@DOCKER@", docker::host(site.places)),
            ("@API@", ports::of("traefik.api").to_string()),
            ("@WEB@", ports::of("traefik").to_string()),
            ("@SERVICE@", site.service()),
            ("@DRAIN@", format!("{}s", DRAIN.as_secs())),
            ("@ROUTES@", routes(site, lead)),
            ("@DRAINS@", (lead == Lead::Labels).to_string()),
        ];
        let fill = |text: &str| {
            let fill = |text: String, (hole, value): &(&str, String)| text.replace(hole, value);
            holes.iter().fold(text.to_owned(), fill)
        };
        let workflows = folder.join("workflows");
        fs::create_dir_all(&workflows)?;
        fs::write(
            folder.join("purser.toml"),
            fill(include_str!("files/purser.toml")),
        )?;
        fs::write(
            workflows.join("deploy.yaml"),
            fill(include_str!("files/deploy.yaml")),
        )?;
        let log = fs::File::create(folder.join("log"))?;
        let server = command(program, folder)
            .arg("up")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("the program does not start")?;
        let purser = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            server,
        };
        purser.until_ready()?;
        Ok(purser)
    }

    fn until_ready(&self) -> Result<()> {
        let begun = Instant::now();
        while !http::is_ok_unix(&self.folder.join("socket"), "/readyz") {
            sh::check_interrupted()?;
            let log = self.folder.join("log");
            ensure!(
                begun.elapsed() < PATIENCE,
                "Purser is not ready in time:\n{}",
                sh::tail_of(&log, 20)
            );
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Begins a deploy of this version, of which an answer must hold that. Says the run's id.
    pub(super) fn deploy(&self, version: &str, says: &str) -> Result<String> {
        let inputs = [format!("version={version}"), format!("says={says}")];
        let run = [
            "run", "deploy", "-i", &inputs[0], "-i", &inputs[1], "--detach",
        ];
        let accepted = self.ask(&run)?;
        let run = accepted["run"].as_str();
        Ok(run
            .with_context(|| format!("no run: {accepted}"))?
            .to_owned())
    }

    pub(super) fn cancel(&self, run: &str) -> Result<()> {
        self.ask(&["cancel", run]).map(drop)
    }

    /// Waits until a run is over: all about it, with its log.
    pub(super) fn until_over(&self, run: &str) -> Result<Value> {
        self.ask(&["runs", "watch", run])?;
        self.ask(&["runs", "show", run])
    }

    /// What a command answers; its exit code also tells how a run ended.
    fn ask(&self, arguments: &[&str]) -> Result<Value> {
        sh::check_interrupted()?;
        let mut purser = command(&self.program, &self.folder);
        let said = purser.args(arguments).arg("--json").output()?;
        let complaint = String::from_utf8_lossy(&said.stderr);
        serde_json::from_slice(&said.stdout)
            .with_context(|| format!("purser {}: {complaint}", arguments.join(" ")))
    }
}

/// The setting by which Purser leads Traefik by files, where it is to.
fn routes(site: &Site, lead: Lead) -> String {
    match lead {
        Lead::File => format!("routes = \"{}\"", traefik::files(site.places).display()),
        Lead::Switch | Lead::Labels => String::new(),
    }
}

/// `purser …`, with nothing of our own settings for it.
fn command(program: &Path, folder: &Path) -> Command {
    let mut purser = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PURSER")) {
            purser.env_remove(name);
        }
    }
    purser.env("PURSER_CONFIG", folder.join("purser.toml"));
    purser.current_dir(folder);
    purser
}

impl Drop for Purser {
    fn drop(&mut self) {
        let server = Pid::from_raw(self.server.id().cast_signed());
        let _ = kill(server, Signal::SIGTERM);
        let _ = self.server.wait();
    }
}

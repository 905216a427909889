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
pub(crate) struct Purser {
    program: PathBuf,
    folder: PathBuf,
    server: Option<Child>,
}

impl Purser {
    /// Starts it in a folder of its own, to deploy this service by this workflow, `deploy`.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        site: &Site,
        workflow: &str,
        lead: Lead,
    ) -> Result<Self> {
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
        let fill = |text: &str| filled(text, &holes);
        let config = fill(include_str!("files/purser.toml"));
        Self::start_with(program, folder, &config, &[("deploy", &fill(workflow))])
    }

    /// Starts it in a folder of its own, by this configuration, with these workflows, each by its name.
    pub(crate) fn start_with(
        program: &Path,
        folder: &Path,
        config: &str,
        workflows: &[(&str, &str)],
    ) -> Result<Self> {
        let of_workflows = folder.join("workflows");
        fs::create_dir_all(&of_workflows)?;
        fs::write(folder.join("purser.toml"), config)?;
        for (name, workflow) in workflows {
            fs::write(of_workflows.join(format!("{name}.yaml")), workflow)?;
        }
        let mut purser = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            server: None,
        };
        purser.up()?;
        Ok(purser)
    }

    /// Starts the server, and waits until it takes calls.
    pub(crate) fn up(&mut self) -> Result<()> {
        self.begin()?;
        self.until_ready()
    }

    /// Starts the server, and does not wait for it. What it prints comes behind what earlier ones have.
    pub(crate) fn begin(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "Purser is up");
        let mut log = fs::OpenOptions::new();
        let log = log.create(true).append(true).open(self.log())?;
        let server = self
            .command(&["up"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("the program does not start")?;
        self.server = Some(server);
        Ok(())
    }

    fn until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while !http::is_ok_unix(&self.socket(), "/readyz") {
            sh::check_interrupted()?;
            ensure!(
                !self.has_ended()? && begun.elapsed() < PATIENCE,
                "Purser is not ready in time:\n{}",
                sh::tail_of(&self.log(), 20)
            );
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// SIGKILL: no time to tidy up.
    pub(crate) fn kill(&mut self) -> Result<()> {
        ensure!(
            !self.has_ended()?,
            "Purser has ended by itself:\n{}",
            sh::tail_of(&self.log(), 20)
        );
        self.ends(Signal::SIGKILL)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.server.is_some()
    }

    fn has_ended(&mut self) -> Result<bool> {
        let server = self.server.as_mut().context("Purser is not up")?;
        Ok(server.try_wait()?.is_some())
    }

    fn ends(&mut self, signal: Signal) -> Result<()> {
        if let Some(mut server) = self.server.take()
            && server.try_wait()?.is_none()
        {
            kill(Pid::from_raw(server.id().cast_signed()), signal)?;
            server.wait()?;
        }
        Ok(())
    }

    /// Where it takes calls.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Waits until a run is over: all about it, with its log.
    pub(crate) fn until_over(&self, run: &str) -> Result<Value> {
        self.ask(&["runs", "watch", run])?;
        self.ask(&["runs", "show", run])
    }

    /// What a command answers; its exit code also tells how a run ended.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        sh::check_interrupted()?;
        let said = self.command(arguments).arg("--json").output()?;
        let complaint = String::from_utf8_lossy(&said.stderr);
        serde_json::from_slice(&said.stdout)
            .with_context(|| format!("purser {}: {complaint}", arguments.join(" ")))
    }

    /// `purser …`, with nothing of our own settings for it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut purser = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PURSER")) {
                purser.env_remove(name);
            }
        }
        purser.env("PURSER_CONFIG", self.folder.join("purser.toml"));
        purser.current_dir(&self.folder).args(arguments);
        purser
    }
}

/// A text with its holes filled.
pub(crate) fn filled(text: &str, holes: &[(&str, String)]) -> String {
    let fill = |text: String, (hole, value): &(&str, String)| text.replace(hole, value);
    holes.iter().fold(text.to_owned(), fill)
}

/// The setting by which Purser leads Traefik by files, where it is to.
fn routes(site: &Site, lead: Lead) -> String {
    match lead {
        Lead::File => format!("routes = \"{}\"", traefik::files(site.places).display()),
        Lead::Switch | Lead::Labels => String::new(),
    }
}

/// The id of the run that was accepted.
pub(crate) fn run_of(accepted: &Value) -> Result<String> {
    let run = accepted["run"].as_str();
    Ok(run
        .with_context(|| format!("no run: {accepted}"))?
        .to_owned())
}

impl Drop for Purser {
    fn drop(&mut self) {
        let _ = self.ends(Signal::SIGTERM);
    }
}

//! What a demo has started, on disk: so that `demo stop`, or the next demo, can stop it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::database;
use super::docker::Docker;
use super::stage::NAME;
use crate::stack::places::Places;
use crate::stack::process::{self, Identity};
use crate::stack::{self, Part};

const PATIENCE: Duration = Duration::from_secs(30);

/// What runs because of a demo.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The server, `purser up`.
    pub(crate) server: Option<Identity>,
    /// The local Discord.
    #[serde(default)]
    pub(crate) discord: Option<Identity>,
    /// The parts of the stack that were not up before.
    pub(crate) parts: Vec<String>,
}

impl Record {
    /// What the last demo has left running, if it has.
    pub(crate) fn read(places: &Places) -> Option<Self> {
        serde_json::from_slice(&fs::read(path(places)).ok()?).ok()
    }

    /// Keeps it.
    pub(crate) fn write(&self, places: &Places) -> Result<()> {
        let path = path(places);
        fs::write(&path, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Stops all of it. Each thing is tried, whatever came of the others; files stay.
    pub(crate) fn stop(&self, places: &Places) -> Result<()> {
        let outcomes = [
            self.stop_servers(places),
            on_part(places, "docker", |env| Docker::at(env)?.remove_service()),
            on_part(places, "postgres", |env| {
                database::Server::at(env)?.remove()
            }),
            self.stop_parts(places),
        ];
        outcomes.into_iter().collect::<Result<()>>()?;
        Ok(fs::remove_file(path(places))?)
    }

    fn stop_servers(&self, places: &Places) -> Result<()> {
        if let Some(server) = &self.server {
            server.stop(Signal::SIGTERM, PATIENCE).context("purser")?;
        }
        if let Some(discord) = &self.discord {
            let stopped = discord.stop(Signal::SIGTERM, PATIENCE);
            stopped.context("the local Discord")?;
        }
        process::sweep(&places.dir(NAME))
    }

    fn stop_parts(&self, places: &Places) -> Result<()> {
        let ours: Vec<&dyn Part> = stack::all()
            .filter(|part| self.parts.iter().any(|name| name == part.name()))
            .collect();
        stack::down(places, &ours)
    }
}

/// Does something in a part that is up; its first variable says where it is.
fn on_part(places: &Places, name: &str, act: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let parts = stack::select(&[name])?;
    if parts.iter().any(|part| !stack::is_up(places, *part)) {
        return Ok(());
    }
    let env = stack::env(places, &parts)?;
    env.first().map_or(Ok(()), |(_, address)| act(address))
}

fn path(places: &Places) -> PathBuf {
    places.record(NAME)
}

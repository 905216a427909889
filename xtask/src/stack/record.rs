//! What we wrote down about a part that we started.

use std::fs;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stack::places::Places;
use crate::stack::process::Identity;

/// A part's process, and what to tell people of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The server's process.
    pub(crate) process: Identity,
    /// The version that was started.
    pub(crate) version: String,
    /// Where it listens.
    pub(crate) address: String,
    /// Whether it has once been ready with all that must be in it.
    pub(crate) ready: bool,
}

impl Record {
    /// What is written about a part; none, if there is nothing or nothing that makes sense.
    pub(crate) fn read(places: &Places, part: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(places.record(part)).ok()?).ok()
    }

    /// The record of a part that runs, ready or not.
    pub(crate) fn alive(places: &Places, part: &str) -> Option<Self> {
        Self::read(places, part).filter(|record| record.process.is_alive())
    }

    /// Writes it down, whole or not at all.
    pub(crate) fn write(&self, places: &Places, part: &str) -> Result<()> {
        let path = places.record(part);
        let half = path.with_extension("half");
        fs::write(&half, serde_json::to_vec(self)?)
            .and_then(|()| fs::rename(&half, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Forgets a part that is stopped.
    pub(crate) fn remove(places: &Places, part: &str) {
        let _ = fs::remove_file(places.record(part));
    }
}

//! How the configuration names the store: all that the torture knows of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Group;
use super::cluster::Cluster;
use super::cutter::CommitCutter;

/// Where runs are kept.
#[derive(Clone, Debug)]
pub enum Store {
    /// A folder beside the configuration.
    Sqlite,
    /// A database on a server of its own, made with the programs in this folder.
    Postgres(PathBuf),
}

impl Store {
    /// The server that the store is on, if it is on one.
    pub(super) fn database(&self, group: Group) -> Result<Option<Database>> {
        match self {
            Self::Sqlite => Ok(None),
            Self::Postgres(programs) => Database::start(programs, group).map(Some),
        }
    }
}

/// A server, and the way on which Purser comes to it.
pub(super) struct Database {
    pub(super) cluster: Cluster,
    pub(super) way: CommitCutter,
}

impl Database {
    fn start(programs: &Path, group: Group) -> Result<Self> {
        let cluster = Cluster::start(programs, group)?;
        let way = CommitCutter::to(cluster.address()).context("no way to the database")?;
        Ok(Self { cluster, way })
    }

    /// The database as Purser reaches it.
    pub(super) fn url(&self) -> String {
        self.cluster.url(self.way.address())
    }
}

/// The section `[store]` of `purser.toml`: the folder, and the file with the database's URL.
pub(super) fn settings(folder: &Path, url_file: Option<&str>) -> String {
    let folder = folder.display();
    let url = url_file.map_or_else(String::new, |file| format!("url_file = '{file}'\n"));
    format!("[store]\npath = '{folder}'\n{url}")
}

//! Purser itself as a system: what it keeps of its own, and the backup of it.
//!
//! It is always there, under the name `purser`. A backup is one object: a tar of the store and of
//! the files beside it, compressed with zstd and encrypted with age, so that it can be opened
//! without Purser. [`archive`] writes it and [`open`] reads it.

pub mod archive;
mod backup_store;
mod folder;
mod list_changes;
pub mod manifest;
pub mod open;
mod recipients;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

pub use backup_store::BackupStore;
pub use folder::{Found, backups, is_ours};

use crate::action::{Integration, Ports, Result, System};

/// The store's database in a backup.
pub const DATABASE: &str = "store/purser.db";
/// What the names of files begin with that people have written: they keep their modes.
const FOR_PEOPLE: &str = "config/";
/// The configuration in a backup, whatever its file is called.
pub const CONFIG: &str = "config/purser.toml";
/// The folder of the workflows in a backup.
pub const WORKFLOWS: &str = "config/workflows";
/// The folder of the commands in a backup.
pub const COMMANDS: &str = "config/commands";
/// The folder of the artifacts in a backup.
pub const ARTIFACTS: &str = "artifacts";

/// What Purser can do with itself.
pub fn integration() -> Integration {
    Integration {
        kind: "purser",
        connect: |connect| {
            connect.settings::<Settings>()?;
            Ok(Arc::new(Own))
        },
        settings: Settings::json_schema,
        suggests: &["workflows", "runs", "schedules"],
        actions: || vec![Arc::new(BackupStore), Arc::new(list_changes::ListChanges)],
    }
}

/// It has no settings but those that every system has.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {}

/// Purser itself.
pub struct Own;

impl System for Own {
    fn address(&self) -> String {
        "this server".to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports::default()
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        std::future::ready(Ok(format!("purser {}", env!("CARGO_PKG_VERSION")))).boxed()
    }
}

//! `PostgreSQL` servers: backups that are proven by restoring them.
//!
//! [`Backup`] dumps a database into a folder of objects and writes a manifest last;
//! [`ListBackups`] finds what has one; [`DrillRestore`] restores one into a scratch server of its
//! own and compares it with the manifest.

mod backup;
mod census;
mod connection;
mod drill_restore;
mod dump;
mod examine;
mod explain;
mod leftovers;
mod list_backups;
mod manifest;
mod restore;
mod scratch;
mod suggest;
mod tools;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema as _;

pub use backup::Backup;
pub use connection::Postgres;
pub use drill_restore::DrillRestore;
pub use list_backups::ListBackups;

use crate::action::{Clock, Examination, Integration, Ports, Result, System, Uses, ports};

/// What Purser can do with a database server.
pub fn integration() -> Integration {
    Integration {
        kind: "postgres",
        connect: |connect| Ok(Arc::new(Postgres::connect(connect)?)),
        settings: connection::Settings::json_schema,
        suggests: suggest::LISTS,
        actions: || {
            vec![
                Arc::new(Backup),
                Arc::new(ListBackups),
                Arc::new(DrillRestore),
            ]
        },
    }
}

impl System for Postgres {
    fn address(&self) -> String {
        self.host_and_port()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports {
            sweeps: Some(Arc::clone(&self) as Arc<dyn ports::Sweeps>),
            suggest: Some(self),
            ..Ports::default()
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        async {
            let server = self.server_version().await?;
            let pg_dump = self.pg_dump_for(&server).await?;
            Ok(format!("PostgreSQL {server}, pg_dump {}", pg_dump.version))
        }
        .boxed()
    }

    fn examine<'a>(&'a self, uses: &'a Uses, clock: &'a dyn Clock) -> BoxFuture<'a, Examination> {
        self.looked_at(uses, clock).boxed()
    }
}

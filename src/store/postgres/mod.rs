//! The store on PostgreSQL, for whoever wants a standby: one database, one lease, one writer.

#![allow(
    clippy::duplicate_mod,
    reason = "the statements are one text, compiled for each database with its own types: store/sql"
)]

mod connect;
mod inspect;
mod lease;
mod line;
mod move_in;
mod problem;
mod readers;

#[path = "../sql/housekeeping.rs"]
mod housekeeping;
#[path = "../sql/identities.rs"]
mod identities;
#[path = "../sql/locks.rs"]
mod locks;
#[path = "../sql/messages.rs"]
mod messages;
#[path = "../sql/outbox.rs"]
mod outbox;
#[path = "../sql/receipts.rs"]
mod receipts;
#[path = "../sql/reruns.rs"]
mod reruns;
#[path = "../sql/runs.rs"]
mod runs;
#[path = "../sql/schedules.rs"]
mod schedules;
#[path = "../sql/secrets.rs"]
mod secrets;
#[path = "../sql/step_lines.rs"]
mod step_lines;
#[path = "../sql/undos.rs"]
mod undos;
#[path = "../sql/watching.rs"]
mod watching;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Postgres;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgConnection;
use tokio::sync::broadcast;

use super::writer::Writer;
use super::{Result, StoreError, Tenure};
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::domain::redact::Redactor;
pub use connect::{Access, holder};
use connect::{Connector, examine, may_make_tables};
pub use inspect::{Look, look, peek_at_identities, peek_at_secrets};
pub use lease::Holding;
use lease::{Asked, Lease, Watch};
use line::PostgresLine;
pub use move_in::{Moved, move_in};
use problem::{broken, text, unavailable, unreadable};
use readers::Readers;

/// How long a lease lasts that is not renewed, where nothing else is asked for: short enough that a
/// standby is in Discord 15 seconds after the active process was killed, its start included.
pub const LEASE: Duration = Duration::from_secs(9);

/// A read may take so many times the length of a lease: from a server that says nothing for so long
/// the lease could not be renewed either.
const LEASES_OF_A_READ: u32 = 2;

/// How long the end waits for the server.
const END_WAITS: Duration = Duration::from_secs(10);

/// Changes that a slow listener may fall behind before it has to look for itself.
const CHANGES: usize = 1024;

/// A standby looks so often whether the lease is free, and more often where the lease is short.
const LOOK: Duration = Duration::from_secs(1);

/// Adds the lines of a JSON array behind those of the step.
const ADD_LINES: &str = "INSERT INTO step_lines (run, step, n, line) \
     SELECT $1, $2, n + (SELECT COALESCE(MAX(n), 0) FROM step_lines \
     WHERE run = $1 AND step = $2), line \
     FROM json_array_elements_text($3::json) WITH ORDINALITY AS said (line, n)";

/// Forgets the notices that asked, but for those whose ids are in a JSON array.
const FORGET_ANSWERED: &str = "DELETE FROM outbox WHERE asks = 1 \
     AND id NOT IN (SELECT json_array_elements_text($1::json))";

use PostgresStore as SqlStore;
use sqlx::PgConnection as Connection;
use sqlx::postgres::PgRow as Row;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// The store in a database of PostgreSQL, held under its lease.
pub struct PostgresStore {
    readers: Readers,
    writer: Writer<Postgres>,
    lease: Arc<Lease>,
    changes: broadcast::Sender<RunId>,
    redactor: Arc<Redactor>,
    place: String,
}

impl PostgresStore {
    /// Opens the store, and brings its tables up to date. Everything that it writes goes through
    /// `redactor`.
    ///
    /// # Errors
    /// Another process holds it (says which), the server cannot be reached or will not do, or the
    /// tables were made by a newer version of Purser.
    pub async fn open(access: &Access, redactor: Arc<Redactor>) -> Result<Self> {
        let mut door = Door::of(access).await?;
        match door.ask(access).await? {
            Asked::Taken(lease) => door.enter(lease, redactor).await,
            Asked::Held(holding) => Err(StoreError::Held(format!(
                "the store {} is held: {holding}. One Purser works on a store at a time: stop that \
                 one first, or name another database",
                door.connector.place
            ))),
        }
    }

    /// The same, and waits for the lease as long as another process has it: `waiting` is told who,
    /// whenever that is somebody else than before.
    ///
    /// # Errors
    /// As those of [`Self::open`], but nobody is in the way.
    pub async fn open_when_free(
        access: &Access,
        redactor: Arc<Redactor>,
        waiting: impl Fn(&Holding) + Send,
    ) -> Result<Self> {
        let mut door = Door::of(access).await?;
        let mut told = String::new();
        let mut watch = Watch::default();
        loop {
            match door.ask(access).await {
                Ok(Asked::Taken(lease)) => return door.enter(lease, redactor).await,
                Ok(Asked::Held(holding)) => {
                    if holding.holder != told {
                        waiting(&holding);
                        told.clone_from(&holding.holder);
                    }
                    if watch.has_stood_still_for(access.lease, &holding) {
                        door.end_lease_of(&holding).await;
                    }
                }
                // Who waits has nothing to lose: the server may come back as well as the holder.
                Err(error) if !told.is_empty() => {
                    tracing::warn!(%error, "the lease cannot be looked at; again");
                    if let Ok(again) = Door::of(access).await {
                        door = again;
                    }
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(LOOK.min(access.lease / 10)).await;
        }
    }

    /// Writes what waits, and gives the lease back.
    pub async fn close(self) {
        self.let_go().await;
    }

    fn broken(&self, error: &sqlx::Error) -> StoreError {
        unavailable(&self.place, error)
    }

    fn unreadable(&self, what: &str, error: impl std::fmt::Display) -> StoreError {
        unreadable(&self.place, what, error)
    }
}

impl Tenure for PostgresStore {
    fn may_act(&self) -> Result<()> {
        self.lease.may_act()
    }

    fn superseded(&self) -> BoxFuture<'_, StoreError> {
        self.lease.lost().boxed()
    }

    fn go_by<'a>(&'a self, catalog: &'a Digest) -> BoxFuture<'a, Result<Option<Digest>>> {
        let catalog = catalog.as_str().to_owned();
        async move {
            let before = self
                .writer
                .write(Box::new(move |connection| {
                    lease::go_by(connection, catalog).boxed()
                }))
                .await?;
            Ok(before.map(Digest::from))
        }
        .boxed()
    }

    fn let_go(&self) -> BoxFuture<'_, ()> {
        async {
            // The lease goes back in any case; a reader may wait for a server that is gone.
            self.writer.close().await;
            let _ = tokio::time::timeout(END_WAITS, self.readers.close()).await;
        }
        .boxed()
    }
}

/// A database that will do, before its lease is ours.
struct Door {
    connector: Connector,
    connection: PgConnection,
}

impl Door {
    /// The first of all makes the tables: the lease is one of them.
    fn of(access: &Access) -> BoxFuture<'_, Result<Self>> {
        Self::found(access).boxed()
    }

    async fn found(access: &Access) -> Result<Self> {
        let connector = Connector::new(access)?;
        let mut door = Self::before(connector).await?;
        match door.version().await? {
            None => door.migrate().await?,
            Some(version) if version > newest_schema() => {
                return Err(door.not_migrated(&MigrateError::VersionMissing(version)));
            }
            Some(_) => {}
        }
        Ok(door)
    }

    /// Before anything is made or asked for.
    async fn before(connector: Connector) -> Result<Self> {
        let mut connection = connector.connect().await?;
        examine(&mut connection, &connector.place).await?;
        Ok(Self {
            connector,
            connection,
        })
    }

    async fn ask(&mut self, access: &Access) -> Result<Asked> {
        let place = &self.connector.place;
        let taking = lease::take(&mut self.connection, &access.holder, access.lease, place);
        let taken = tokio::time::timeout(access.lease * 2, taking).await;
        taken.unwrap_or_else(|_| Err(broken(place, "the server does not answer")))
    }

    /// Where that fails, it is tried again at the next look.
    async fn end_lease_of(&mut self, holding: &Holding) {
        tracing::warn!(
            "{holding}, and has not renewed its lease for as long as one lasts: it is ended"
        );
        let ending = lease::end(&mut self.connection, holding);
        match tokio::time::timeout(END_WAITS, ending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the lease cannot be ended; again"),
            Err(_) => tracing::warn!("the lease cannot be ended in time; again"),
        }
    }

    /// Brings the tables up to date, now that nobody else works on them.
    async fn enter(mut self, lease: Lease, redactor: Arc<Redactor>) -> Result<PostgresStore> {
        let lease = Arc::new(lease);
        tokio::spawn(Arc::clone(&lease).keep(self.connector.clone()));
        if let Err(error) = self.migrate().await {
            let _ = lease.release(&mut self.connection).await;
            return Err(error);
        }
        let Self {
            connector,
            connection,
        } = self;
        let place = connector.place.clone();
        let readers = Readers::new(connector.clone(), lease.length() * LEASES_OF_A_READ);
        let line = PostgresLine {
            connector,
            limit: lease.length(),
            lease: Arc::clone(&lease),
        };
        Ok(PostgresStore {
            readers,
            writer: Writer::start(connection, line, place.clone()),
            lease,
            changes: broadcast::channel(CHANGES).0,
            redactor,
            place,
        })
    }

    fn migrate(&mut self) -> BoxFuture<'_, Result<()>> {
        async {
            if self.version().await? == Some(newest_schema()) {
                return Ok(());
            }
            may_make_tables(&mut self.connection, &self.connector.place).await?;
            let migrated = MIGRATIONS
                .run_direct(None, &mut self.connection, false)
                .await;
            migrated.map_err(|error| self.not_migrated(&error))
        }
        .boxed()
    }

    /// The version of the tables; `None`: there are none.
    async fn version(&mut self) -> Result<Option<i64>> {
        let failed = |error: sqlx::Error| unavailable(&self.connector.place, &error);
        let there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed)?;
        if !there {
            return Ok(None);
        }
        sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed)
    }

    fn not_migrated(&self, error: &MigrateError) -> StoreError {
        let message = match error {
            MigrateError::VersionMissing(version) => super::newer_tables(*version),
            MigrateError::Execute(error) => return unavailable(&self.connector.place, error),
            other => format!("its tables cannot be brought up to date: {other}"),
        };
        broken(&self.connector.place, &message)
    }
}

/// The version of the tables that this program knows.
pub fn newest_schema() -> i64 {
    super::newest(&MIGRATIONS)
}

//! Who may write (decision 4): one row, taken for a time by the database's clock.
//!
//! Whoever takes it raises the epoch. Each transaction that writes first takes a lock on the row of
//! its own epoch, `FOR KEY SHARE`:
//!
//! - the epoch is a key, so whoever takes the lease waits for such transactions, and those that
//!   come later find no row of their epoch any more: a process that was late writes nothing;
//! - `until` is no key, so renewing the lease never waits for what is being written.
//!
//! Effects are outside of the database. Before one begins the holder looks at its own monotonic
//! clock: its lease lasts for its length, counted from *before* the renewal was sent, which is
//! earlier than the database counts from. Only where the database's clock is set forward does the
//! lease end there first: then, until its next renewal or write, the former holder may still take
//! back an effect, or go on with one whose start was committed. Both are settled by the effect's sort.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, PgTransaction, Row as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::connect::{Connector, application};
use super::problem::{broken, unavailable};
use crate::domain::time::Timestamp;
use crate::store::{Result, StoreError};

/// The lease is renewed so often in its length.
const RENEWALS: u32 = 3;

/// Who has the lease at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The process.
    pub holder: String,
    /// Until when, if it is not renewed.
    pub until: Timestamp,
}

impl std::fmt::Display for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is active until {}", self.holder, self.until)
    }
}

/// A lease that was taken.
pub(super) struct Lease {
    epoch: i64,
    length: Duration,
    place: String,
    /// No effect may begin behind this instant.
    good_until: Mutex<Instant>,
    /// Who has it, once another does.
    successor: watch::Sender<Option<String>>,
    /// Ends the renewals.
    released: CancellationToken,
}

/// What came of asking for it.
pub(super) enum Asked {
    Taken(Lease),
    Held(Holding),
}

/// Takes the lease if nobody has it, or whoever has it is out of time.
///
/// A holder that is out of time may be frozen with a transaction open: then the server ends its
/// sessions for us.
pub(super) async fn take(
    connection: &mut PgConnection,
    holder: &str,
    length: Duration,
    place: &str,
) -> Result<Asked> {
    let failed = |error: sqlx::Error| unavailable(place, &error);
    if let Some(holding) = held(connection).await.map_err(failed)? {
        return Ok(Asked::Held(holding));
    }
    let sent = Instant::now();
    let epoch = match raise(connection, holder, length).await {
        Err(error) if is_locked(&error) => {
            end_sessions_of_holder(connection).await.map_err(failed)?;
            raise(connection, holder, length).await
        }
        raised => raised,
    };
    if let Some(epoch) = epoch.map_err(failed)? {
        return Ok(Asked::Taken(Lease {
            epoch,
            length,
            place: place.to_owned(),
            good_until: Mutex::new(sent + length),
            successor: watch::channel(None).0,
            released: CancellationToken::new(),
        }));
    }
    // Somebody was quicker.
    let holding = held(connection).await.map_err(failed)?;
    let holding = holding.ok_or_else(|| broken(place, "its lease changes hands just now"))?;
    Ok(Asked::Held(holding))
}

/// A lease as a standby sees it, by a clock that nobody can set.
///
/// Where the database's clock was set back, the lease of a process that has died would hold for as
/// much longer. But one that lives renews it, and its own deadline is over when no renewal was seen
/// for the length of a lease.
#[derive(Default)]
pub(super) struct Watch(Option<(Holding, Instant)>);

impl Watch {
    /// Whether the lease has stood like this for so long, as far as was seen.
    pub(super) fn has_stood_still_for(&mut self, length: Duration, now: &Holding) -> bool {
        match &self.0 {
            Some((known, since)) if known == now => since.elapsed() >= length,
            _ => {
                self.0 = Some((now.clone(), Instant::now()));
                false
            }
        }
    }
}

/// Ends this lease, unless it was renewed meanwhile: whoever asks next can have it.
pub(super) async fn end(connection: &mut PgConnection, holding: &Holding) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE lease SET until = clock_timestamp() WHERE holder = $1 \
         AND (extract(epoch FROM until) * 1000000)::bigint = $2",
    )
    .bind(&holding.holder)
    .bind(holding.until.micros())
    .execute(connection)
    .await
    .map(drop)
}

/// Who has it and is in time.
pub(super) async fn held(connection: &mut PgConnection) -> sqlx::Result<Option<Holding>> {
    let row = sqlx::query(
        "SELECT holder, (extract(epoch FROM until) * 1000000)::bigint AS until FROM lease \
         WHERE holder IS NOT NULL AND until > clock_timestamp()",
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Holding {
        holder: row.get("holder"),
        until: Timestamp::from_micros(row.get("until")),
    }))
}

async fn raise(
    connection: &mut PgConnection,
    holder: &str,
    length: Duration,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "UPDATE lease SET holder = $1, epoch = epoch + 1, \
         until = clock_timestamp() + $2 * interval '1 microsecond' \
         WHERE holder IS NULL OR until <= clock_timestamp() RETURNING epoch",
    )
    .bind(holder)
    .bind(micros(length))
    .fetch_optional(connection)
    .await
}

/// Needs no more rights than to be the same user of the database.
async fn end_sessions_of_holder(connection: &mut PgConnection) -> sqlx::Result<()> {
    let holder: Option<String> =
        sqlx::query_scalar("SELECT holder FROM lease WHERE until <= clock_timestamp()")
            .fetch_optional(&mut *connection)
            .await?
            .flatten();
    let Some(holder) = holder else { return Ok(()) };
    tracing::warn!(%holder, "the former holder of the store's lease is out of time and has not let go: its sessions are ended");
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name = $1 AND datname = current_database() AND usename = current_user",
    )
    .bind(application(&holder))
    .execute(connection)
    .await
    .map(drop)
}

impl Lease {
    /// Begins what is to be written under the lease: nobody else can take it before the end of this
    /// transaction.
    ///
    /// # Errors
    /// It is another's, or out of time.
    pub(super) async fn guard(&self, transaction: &mut PgTransaction<'_>) -> Result<()> {
        let failed = |error: sqlx::Error| unavailable(&self.place, &error);
        let in_time: Option<bool> = sqlx::query_scalar(
            "SELECT until > clock_timestamp() FROM lease WHERE epoch = $1 FOR KEY SHARE",
        )
        .bind(self.epoch)
        .fetch_optional(&mut **transaction)
        .await
        .map_err(failed)?;
        match in_time {
            Some(true) => Ok(()),
            Some(false) => Err(broken(
                &self.place,
                "our lease on it has run out, and nothing was written; it is being renewed",
            )),
            None => {
                let by = present_holder(transaction).await.map_err(failed)?;
                Err(self.lost_to(by))
            }
        }
    }

    /// Whether an effect may begin now.
    ///
    /// # Errors
    /// It may not: the lease is another's, or may be.
    pub(super) fn may_act(&self) -> Result<()> {
        if let Some(by) = &*self.successor.borrow() {
            return Err(StoreError::Superseded { by: by.clone() });
        }
        let good_until = *self
            .good_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if Instant::now() < good_until {
            return Ok(());
        }
        Err(broken(
            &self.place,
            "our lease on it could not be renewed in time: nothing may begin before it is",
        ))
    }

    /// Returns who has the lease, when another has it.
    pub(super) async fn lost(&self) -> StoreError {
        let mut successor = self.successor.subscribe();
        let by = successor.wait_for(Option::is_some).await;
        let by = by.ok().and_then(|by| by.clone()).unwrap_or_default();
        StoreError::Superseded { by }
    }

    fn lost_to(&self, by: String) -> StoreError {
        self.successor.send_replace(Some(by.clone()));
        StoreError::Superseded { by }
    }

    /// Renews it until it is released or lost, on a connection of its own.
    pub(super) async fn keep(self: Arc<Self>, connector: Connector) {
        let pause = self.length / RENEWALS;
        let mut open = None;
        let mut wait = pause;
        loop {
            let released = tokio::time::timeout(wait, self.released.cancelled()).await;
            if released.is_ok() || self.successor.borrow().is_some() {
                break;
            }
            match tokio::time::timeout(pause, self.renew(&connector, &mut open)).await {
                Ok(Ok(())) => wait = pause,
                Ok(Err(StoreError::Superseded { .. })) => break,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the store's lease was not renewed; again");
                    wait = pause / RENEWALS;
                }
                Err(_) => {
                    tracing::warn!("the store's lease was not renewed in time; again");
                    wait = pause / RENEWALS;
                }
            }
        }
        if let Some(connection) = open {
            let _ = connection.close().await;
        }
    }

    /// The connection is taken out first: given up in mid-way, it is not used again.
    async fn renew(&self, connector: &Connector, open: &mut Option<PgConnection>) -> Result<()> {
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => connector.connect().await?,
        };
        let sent = Instant::now();
        let renewed = sqlx::query(
            "UPDATE lease SET until = clock_timestamp() + $1 * interval '1 microsecond' \
             WHERE epoch = $2",
        )
        .bind(micros(self.length))
        .bind(self.epoch)
        .execute(&mut connection)
        .await
        .map_err(|error| unavailable(&self.place, &error))?;
        if renewed.rows_affected() == 0 {
            let by = present_holder(&mut connection).await;
            return Err(self.lost_to(by.map_err(|error| unavailable(&self.place, &error))?));
        }
        *self
            .good_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = sent + self.length;
        *open = Some(connection);
        Ok(())
    }

    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// It is not renewed any more, and no effect begins under it.
    pub(super) fn give_up(&self) {
        self.released.cancel();
        *self
            .good_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Gives it back, so that another may take it at once. Nothing must be written any more.
    pub(super) async fn release(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.give_up();
        sqlx::query("UPDATE lease SET holder = NULL, until = '-infinity' WHERE epoch = $1")
            .bind(self.epoch)
            .execute(connection)
            .await
            .map(drop)
    }
}

/// Writes down by which catalog the holder goes, and returns what stood there.
pub(super) async fn go_by(
    connection: &mut PgConnection,
    catalog: String,
) -> sqlx::Result<Option<String>> {
    let before: Option<String> = sqlx::query_scalar("SELECT catalog FROM lease")
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("UPDATE lease SET catalog = $1")
        .bind(catalog)
        .execute(connection)
        .await?;
    Ok(before)
}

async fn present_holder(connection: &mut PgConnection) -> sqlx::Result<String> {
    let holder: Option<Option<String>> = sqlx::query_scalar("SELECT holder FROM lease")
        .fetch_optional(connection)
        .await?;
    Ok(holder
        .flatten()
        .unwrap_or_else(|| "another process, which has gone".to_owned()))
}

/// `lock_not_available`.
fn is_locked(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "55P03")
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

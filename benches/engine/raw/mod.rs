//! The reference: the rows that the engine has written, written again by hand. One text of
//! statements, compiled for each database with its own types.

mod postgres;
mod sqlite;

use std::time::Duration;

use super::place::Place;

/// Writes what the runs in the one place have left, but for the first, into a new store in the
/// other, one commit where the engine makes one: how long it takes.
pub async fn writes_the_same(from: &Place, to: &Place) -> Duration {
    to.made().await;
    match (from, to) {
        (Place::Sqlite(_), Place::Sqlite(_)) => sqlite::copies(from, to).await,
        (Place::Postgres { .. }, Place::Postgres { .. }) => postgres::copies(from, to).await,
        _ => unreachable!("both are of one sort"),
    }
}

//! A store looked at from outside, whether a process holds it or not: nothing is made or changed.

use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection};

use super::connect::{Access, Connector};
use super::problem::unavailable;
use super::secrets::{ALL, secret};
use super::{Door, Holding, identities, lease};
use crate::domain::keys::{RECEIPTS_KEY, SECRETS_KEY};
use crate::domain::link::Link;
use crate::store::{Result, SecretRow};

/// How a store stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The database and its server, without the password.
    pub place: String,
    /// The version of the tables; `None`: there are none yet.
    pub version: Option<i64>,
    /// Who is active.
    pub holding: Option<Holding>,
    /// The key files without which nobody can go on with what is in it.
    pub keys: Vec<&'static str>,
}

/// Looks at the store, which need not be there yet.
///
/// # Errors
/// The server cannot be reached, or will not do.
pub async fn look(access: &Access) -> Result<Look> {
    let mut door = Door::before(Connector::new(access)?).await?;
    let place = door.connector.place.clone();
    let version = door.version().await?;
    let looked = match version {
        Some(_) => in_use(&mut door.connection).await,
        None => Ok((None, vec![])),
    };
    let (holding, keys) = looked.map_err(|error| unavailable(&place, &error))?;
    let _ = door.connection.close().await;
    Ok(Look {
        place,
        version,
        holding,
        keys,
    })
}

async fn in_use(
    connection: &mut PgConnection,
) -> sqlx::Result<(Option<Holding>, Vec<&'static str>)> {
    let holding = lease::held(connection).await?;
    let mut keys = vec![];
    for (key, is_needed) in [
        (
            RECEIPTS_KEY,
            "SELECT EXISTS (SELECT FROM receipts WHERE seq IS NOT NULL)",
        ),
        (SECRETS_KEY, "SELECT EXISTS (SELECT FROM secrets)"),
    ] {
        if sqlx::query_scalar(is_needed)
            .fetch_one(&mut *connection)
            .await?
        {
            keys.push(key);
        }
    }
    Ok((holding, keys))
}

/// The secrets of the store, without its lease. None when there is no store yet.
///
/// # Errors
/// It cannot be read.
pub async fn peek_at_secrets(access: &Access) -> Result<Vec<SecretRow>> {
    let (place, rows) = peek(access, "secrets", ALL).await?;
    rows.iter().map(|row| secret(&place, row)).collect()
}

/// The same of the identities that were linked.
///
/// # Errors
/// The store cannot be read.
pub async fn peek_at_identities(access: &Access) -> Result<Vec<Link>> {
    let (_, rows) = peek(access, "identities", identities::ALL).await?;
    Ok(rows.iter().map(identities::link).collect())
}

/// The rows of a table; none where there is no store, or one from before there was this table.
async fn peek(access: &Access, table: &str, all: &'static str) -> Result<(String, Vec<PgRow>)> {
    let mut door = Door::before(Connector::new(access)?).await?;
    let place = door.connector.place.clone();
    if door.version().await?.is_none() {
        return Ok((place, vec![]));
    }
    let rows = rows_of(&mut door.connection, table, all).await;
    let rows = rows.map_err(|error| unavailable(&place, &error))?;
    let _ = door.connection.close().await;
    Ok((place, rows))
}

async fn rows_of(
    connection: &mut PgConnection,
    table: &str,
    all: &'static str,
) -> sqlx::Result<Vec<PgRow>> {
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(table)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(vec![]);
    }
    sqlx::query(all).fetch_all(connection).await
}

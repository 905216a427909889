//! The rows of a store in SQLite.

#![allow(
    clippy::duplicate_mod,
    reason = "the statements are one text, compiled for each database with its own types"
)]

use sqlx::{Connection as _, SqliteConnection as Connection};

use crate::place::connect_to_sqlite as connect;

#[path = "rows.rs"]
mod rows;

pub use rows::copies;

async fn begin(connection: &mut Connection) -> sqlx::Result<sqlx::Transaction<'_, sqlx::Sqlite>> {
    connection.begin_with("BEGIN IMMEDIATE").await
}

//! The rows of a store in `PostgreSQL`.

#![allow(
    clippy::duplicate_mod,
    reason = "the statements are one text, compiled for each database with its own types"
)]

use sqlx::{Connection as _, PgConnection as Connection};

use crate::place::connect_to_postgres as connect;

#[path = "rows.rs"]
mod rows;

pub use rows::copies;

async fn begin(connection: &mut Connection) -> sqlx::Result<sqlx::Transaction<'_, sqlx::Postgres>> {
    connection.begin().await
}

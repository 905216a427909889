//! Identities in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Row, SqlStore, receipts, text};
use crate::domain::link::{Identity, Link};
use crate::domain::names::PersonName;
use crate::domain::receipt::Draft;
use crate::domain::time::Timestamp;
use crate::store::{Identities, Result};

pub(super) const ALL: &str = "SELECT * FROM identities ORDER BY platform, id";

impl Identities for SqlStore {
    fn identities(&self) -> BoxFuture<'_, Result<Vec<Link>>> {
        async move {
            let rows = sqlx::query(ALL)
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            Ok(rows.iter().map(link).collect())
        }
        .boxed()
    }

    fn link_identity(&self, link: Link, receipt: Draft) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, Some(receipt)).await?;
                    sqlx::query(
                        "INSERT INTO identities (platform, id, person, linked_at) \
                         VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (platform, id) DO UPDATE SET person = excluded.person, \
                         linked_at = excluded.linked_at",
                    )
                    .bind(text(&link.identity.platform))
                    .bind(text(&link.identity.id))
                    .bind(link.person.as_str())
                    .bind(link.linked_at.micros())
                    .execute(connection)
                    .await
                    .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn unlink_identity(&self, identity: Identity, receipt: Draft) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    receipts::add_all(connection, Some(receipt)).await?;
                    sqlx::query("DELETE FROM identities WHERE platform = $1 AND id = $2")
                        .bind(text(&identity.platform))
                        .bind(text(&identity.id))
                        .execute(connection)
                        .await
                        .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }
}

/// The link in a row.
pub(super) fn link(row: &Row) -> Link {
    Link {
        identity: Identity {
            platform: row.get("platform"),
            id: row.get("id"),
        },
        person: PersonName::from(row.get::<String, _>("person")),
        linked_at: Timestamp::from_micros(row.get("linked_at")),
    }
}

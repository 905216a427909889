//! Runs that go on from others, in a database.

use std::collections::BTreeSet;

use super::Connection;
use crate::domain::ending::FinalState;
use crate::domain::names::RunId;
use crate::domain::run::RunStatus;
use crate::store::StoreError;
use crate::store::written::status_text;

/// Of all runs that go on from each other, directly or not, one that does what $1 left to be done, as
/// it has not ended, or has done it, as it has succeeded ($2). One that $1 goes on from itself came
/// before it, and whoever asked for $1 wanted something of it once more.
const HEIR: &str = "WITH RECURSIVE \
     earlier(id) AS (SELECT id FROM runs WHERE id = $1 UNION \
     SELECT rerun_of FROM runs JOIN earlier ON runs.id = earlier.id WHERE rerun_of IS NOT NULL), \
     kin(id) AS (SELECT id FROM earlier UNION \
     SELECT runs.id FROM runs JOIN kin ON runs.rerun_of = kin.id) \
     SELECT runs.id, ended FROM runs JOIN kin ON kin.id = runs.id WHERE runs.id <> $1 \
     AND (ended = 0 OR status = $2 AND runs.id NOT IN (SELECT id FROM earlier)) \
     ORDER BY ended, runs.id DESC LIMIT 1";

/// Why no run is to go on from this one: another one does, or has. Only one process writes, and one
/// transaction at a time (decision 4): so it stays true until this one ends.
pub(super) async fn heir(
    connection: &mut Connection,
    of: RunId,
) -> sqlx::Result<Option<StoreError>> {
    let heir: Option<(String, i32)> = sqlx::query_as(HEIR)
        .bind(of.to_string())
        .bind(status_text(RunStatus::Ended(FinalState::Succeeded)))
        .fetch_optional(connection)
        .await?;
    let Some((by, ended)) = heir else {
        return Ok(None);
    };
    let by: RunId = by
        .parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Some(match ended {
        0 => StoreError::GoesOn { of, by },
        _ => StoreError::HasGoneOn { of, by },
    }))
}

/// The runs that others, which have not ended, go on from.
pub(super) async fn gone_on_from(connection: &mut Connection) -> sqlx::Result<BTreeSet<String>> {
    let runs: Vec<String> =
        sqlx::query_scalar("SELECT rerun_of FROM runs WHERE ended = 0 AND rerun_of IS NOT NULL")
            .fetch_all(connection)
            .await?;
    Ok(runs.into_iter().collect())
}

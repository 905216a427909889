//! Runs that go on from others, in a database.

use std::collections::BTreeSet;

use super::Connection;
use crate::domain::names::RunId;
use crate::store::StoreError;

/// The last of the runs that go on from $1, one from the other. Where there are two that go on from
/// the same one, which older versions allowed, the newer counts.
const HEIR: &str = "WITH RECURSIVE heirs(id) AS (\
     SELECT id FROM runs WHERE rerun_of = $1 UNION \
     SELECT runs.id FROM runs JOIN heirs ON runs.rerun_of = heirs.id) \
     SELECT runs.id, ended FROM runs JOIN heirs ON heirs.id = runs.id \
     ORDER BY ended, runs.id DESC LIMIT 1";

/// Why no run is to go on from this one: another one does, or has. Only one process writes, and one
/// transaction at a time (decision 4): so it stays true until this one ends.
pub(super) async fn heir(
    connection: &mut Connection,
    of: RunId,
) -> sqlx::Result<Option<StoreError>> {
    let heir: Option<(String, i32)> = sqlx::query_as(HEIR)
        .bind(of.to_string())
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

/// The runs that others, which have not ended, go on from or take back.
pub(super) async fn gone_on_from(connection: &mut Connection) -> sqlx::Result<BTreeSet<String>> {
    let runs: Vec<String> = sqlx::query_scalar(
        "SELECT COALESCE(rerun_of, undo_of) FROM runs \
             WHERE ended = 0 AND (rerun_of IS NOT NULL OR undo_of IS NOT NULL)",
    )
    .fetch_all(connection)
    .await?;
    Ok(runs.into_iter().collect())
}

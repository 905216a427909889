//! Runs that take others back, in a database.

use super::Connection;
use crate::domain::names::RunId;
use crate::store::StoreError;

/// The run that takes back $1, or has: one that was cancelled, or failed before it began, has not.
pub(super) const UNDO: &str = "SELECT id, status, ended FROM runs WHERE undo_of = $1 AND (ended = 0 \
     OR status IN ('\"succeeded\"', '\"stuck\"') OR (status = '\"failed\"' AND began IS NOT NULL)) \
     ORDER BY id DESC LIMIT 1";

/// The runs that have begun since $1 did, with its key, or of its workflow where it has none: the last
/// first. Those that have taken everything back themselves are not among them, nor those that others
/// have taken back, nor these.
pub(super) const BEGUN_SINCE: &str = "SELECT later.id FROM runs AS later JOIN runs AS earlier ON earlier.id = $1 \
     WHERE later.id <> earlier.id AND later.began >= earlier.began \
     AND ((earlier.concurrency IS NOT NULL AND later.concurrency = earlier.concurrency) \
     OR (earlier.concurrency IS NULL AND later.workflow = earlier.workflow)) \
     AND later.status <> '\"rolled_back\"' \
     AND NOT (later.undo_of IS NOT NULL AND later.status IN ('\"succeeded\"', '\"cancelled\"')) \
     AND NOT EXISTS (SELECT 1 FROM runs AS undo \
     WHERE undo.undo_of = later.id AND undo.status = '\"succeeded\"') \
     ORDER BY later.began DESC, later.id DESC";

/// The last of the runs that go on from $1 and were not taken back.
const HEIR: &str = "WITH RECURSIVE heirs(id) AS (\
     SELECT id FROM runs WHERE rerun_of = $1 UNION \
     SELECT runs.id FROM runs JOIN heirs ON runs.rerun_of = heirs.id) \
     SELECT runs.id FROM runs JOIN heirs ON heirs.id = runs.id \
     WHERE NOT EXISTS (SELECT 1 FROM runs AS undo \
     WHERE undo.undo_of = runs.id AND undo.status = '\"succeeded\"') \
     ORDER BY runs.id DESC LIMIT 1";

/// Why no run is to have to do with this one any more: another one takes it back, or has. Only one
/// process writes, and one transaction at a time (decision 4): so it stays true until this one ends.
pub(super) async fn undone(
    connection: &mut Connection,
    of: RunId,
) -> sqlx::Result<Option<StoreError>> {
    let undo: Option<(String, String, i32)> = sqlx::query_as(UNDO)
        .bind(of.to_string())
        .fetch_optional(connection)
        .await?;
    let Some((by, status, ended)) = undo else {
        return Ok(None);
    };
    let by = id(&by)?;
    Ok(Some(match (ended, status.as_str()) {
        (0, _) => StoreError::BeingUndone { of, by },
        (_, "\"succeeded\"") => StoreError::Undone { of, by },
        _ => StoreError::UndoneInPart { of, by },
    }))
}

/// Why this run is not taken back: another one has gone on from it.
pub(super) async fn heir(
    connection: &mut Connection,
    of: RunId,
) -> sqlx::Result<Option<StoreError>> {
    let heir: Option<String> = sqlx::query_scalar(HEIR)
        .bind(of.to_string())
        .fetch_optional(connection)
        .await?;
    let by = heir.map(|by| id(&by)).transpose()?;
    Ok(by.map(|by| StoreError::GoneOnFrom { of, by }))
}

fn id(text: &str) -> sqlx::Result<RunId> {
    text.parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

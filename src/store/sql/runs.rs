//! Runs and their logs in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;
use tokio::sync::broadcast;

use super::{Connection, Row, SqlStore, messages, reruns, secrets, text, undos};
use crate::domain::digest::Digest;
use crate::domain::event::{EVENT_VERSION, Event, Logged, Requested};
use crate::domain::names::{PersonName, RunId};
use crate::domain::run::RunStatus;
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;
use crate::store::written::{Written, place, status_text};
use crate::store::{Append, Begun, NewRun, Result, RunRow, Runs, StoreError};

/// A page of a log: $3 events at most, and none behind the one with which it has $4 characters.
const PAGE: &str = "SELECT seq, at, body FROM (\
     SELECT seq, at, body, SUM(LENGTH(body)) OVER (ORDER BY seq) - LENGTH(body) AS before \
     FROM events WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3\
     ) AS page WHERE before < $4 ORDER BY seq";

/// So many characters fill a page of a log.
const PAGE_LENGTH: i64 = 4 << 20;

/// The run of a person under a key.
const KEYED: &str = "SELECT id FROM runs WHERE requested_by = $1 AND idempotency_key = $2";

impl Runs for SqlStore {
    fn create(&self, run: NewRun) -> BoxFuture<'_, Result<RunId>> {
        async move {
            let (id, undone) = (run.id, undone(&run.request));
            let run = Written::of(run, &self.redactor);
            let created = self
                .writer
                .write(Box::new(move |connection| {
                    async move { create(connection, &run).await }.boxed()
                }))
                .await??;
            if created == id {
                // Nobody listening is no error: a run is found by `unfinished` at the start.
                let _ = self.changes.send(id);
                // What is shown of that one says so.
                let _ = undone.map(|undone| self.changes.send(undone));
            }
            Ok(created)
        }
        .boxed()
    }

    fn keyed<'a>(
        &'a self,
        by: &'a PersonName,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<RunId>>> {
        async move {
            let id: Option<String> = sqlx::query_scalar(KEYED)
                .bind(by.as_str())
                .bind(text(key))
                .fetch_optional(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            id.map(|id| self.run_id(&id)).transpose()
        }
        .boxed()
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Logged>> {
        async move {
            let event = append.event.masked(&self.redactor);
            let append = Append { event, ..append };
            let logged = Logged {
                run: append.run,
                seq: append.after + 1,
                at: append.at,
                event: append.event.clone(),
            };
            let run = append.run;
            let shown_anew = self
                .writer
                .write(Box::new(move |connection| {
                    async move { grow(connection, &append).await }.boxed()
                }))
                .await?;
            let _ = self.changes.send(run);
            let undone = shown_anew.map(|undone| self.run_id(&undone)).transpose()?;
            let _ = undone.map(|undone| self.changes.send(undone));
            Ok(logged)
        }
        .boxed()
    }

    fn log(&self, run: RunId, after: u64) -> BoxFuture<'_, Result<Vec<Logged>>> {
        async move {
            let rows = sqlx::query(
                "SELECT seq, at, body FROM events WHERE run = $1 AND seq > $2 ORDER BY seq",
            )
            .bind(run.to_string())
            .bind(place(after))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            rows.iter().map(|row| self.logged(run, row)).collect()
        }
        .boxed()
    }

    fn log_page(&self, run: RunId, after: u64, most: u32) -> BoxFuture<'_, Result<Vec<Logged>>> {
        async move {
            let rows = sqlx::query(PAGE)
                .bind(run.to_string())
                .bind(place(after))
                .bind(i64::from(most))
                .bind(PAGE_LENGTH)
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            rows.iter().map(|row| self.logged(run, row)).collect()
        }
        .boxed()
    }

    fn definition<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Workflow>>> {
        async move {
            let body: Option<String> =
                sqlx::query_scalar("SELECT body FROM definitions WHERE digest = $1")
                    .bind(digest.as_str())
                    .fetch_optional(&self.readers)
                    .await
                    .map_err(|error| self.broken(&error))?;
            body.map(|body| {
                serde_json::from_str(&body)
                    .map_err(|error| self.unreadable(&format!("the definition {digest}"), error))
            })
            .transpose()
        }
        .boxed()
    }

    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<RunId>>> {
        async move {
            let ids: Vec<String> =
                sqlx::query_scalar("SELECT id FROM runs WHERE ended = 0 ORDER BY id")
                    .fetch_all(&self.readers)
                    .await
                    .map_err(|error| self.broken(&error))?;
            ids.iter().map(|id| self.run_id(id)).collect()
        }
        .boxed()
    }

    fn begun(&self) -> BoxFuture<'_, Result<Vec<Begun>>> {
        async move {
            let rows: Vec<(String, Option<String>)> = sqlx::query_as(
                "SELECT id, concurrency FROM runs WHERE ended = 0 AND status <> $1 ORDER BY id",
            )
            .bind(status_text(RunStatus::Queued))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            rows.into_iter()
                .map(|(id, concurrency)| {
                    let run = self.run_id(&id)?;
                    Ok(Begun { run, concurrency })
                })
                .collect()
        }
        .boxed()
    }

    fn unfinished_of<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Vec<RunId>>> {
        async move {
            let ids: Vec<String> = sqlx::query_scalar(
                "SELECT id FROM runs WHERE ended = 0 AND concurrency = $1 ORDER BY id",
            )
            .bind(text(&self.redactor.text(key)))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            ids.iter().map(|id| self.run_id(id)).collect()
        }
        .boxed()
    }

    fn undone_by(&self, run: RunId) -> BoxFuture<'_, Result<Option<RunId>>> {
        async move {
            let found: Option<(String, String, i32)> = sqlx::query_as(undos::UNDO)
                .bind(run.to_string())
                .fetch_optional(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            found.map(|(id, ..)| self.run_id(&id)).transpose()
        }
        .boxed()
    }

    fn begun_since(&self, run: RunId) -> BoxFuture<'_, Result<Vec<RunId>>> {
        async move {
            let ids: Vec<String> = sqlx::query_scalar(undos::BEGUN_SINCE)
                .bind(run.to_string())
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            ids.iter().map(|id| self.run_id(id)).collect()
        }
        .boxed()
    }

    fn list(&self, limit: u32) -> BoxFuture<'_, Result<Vec<RunRow>>> {
        async move {
            let rows = sqlx::query(
                "SELECT id, workflow, status, requested_by, requested_at, updated_at, summary \
                 FROM runs ORDER BY id DESC LIMIT $1",
            )
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            rows.iter()
                .map(|row| {
                    let id: String = row.get("id");
                    Ok(RunRow {
                        id: self.run_id(&id)?,
                        workflow: row.get::<String, _>("workflow").into(),
                        status: serde_json::from_str(row.get("status"))
                            .map_err(|e| self.unreadable(&format!("the status of run {id}"), e))?,
                        requested_by: row.get::<String, _>("requested_by").into(),
                        requested_at: Timestamp::from_micros(row.get("requested_at")),
                        updated_at: Timestamp::from_micros(row.get("updated_at")),
                        summary: row.get("summary"),
                    })
                })
                .collect()
        }
        .boxed()
    }

    fn find<'a>(&'a self, part: &'a str) -> BoxFuture<'a, Result<Vec<RunId>>> {
        async move {
            let Some(part) = part_of_id(part) else {
                return Ok(Vec::new());
            };
            let ids: Vec<String> = sqlx::query_scalar(
                "SELECT id FROM runs WHERE id LIKE $1 OR id LIKE $2 ORDER BY id DESC LIMIT 3",
            )
            .bind(format!("{part}%"))
            .bind(format!("%{part}"))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            ids.iter().map(|id| self.run_id(id)).collect()
        }
        .boxed()
    }

    fn changes(&self) -> broadcast::Receiver<RunId> {
        self.changes.subscribe()
    }
}

impl SqlStore {
    fn logged(&self, run: RunId, row: &Row) -> Result<Logged> {
        let seq: i64 = row.get("seq");
        let event = serde_json::from_str(row.get("body"))
            .map_err(|error| self.unreadable(&format!("event {seq} of the run {run}"), error))?;
        Ok(Logged {
            run,
            seq: u64::try_from(seq).unwrap_or(0),
            at: Timestamp::from_micros(row.get("at")),
            event,
        })
    }

    pub(super) fn run_id(&self, text: &str) -> Result<RunId> {
        text.parse()
            .map_err(|error| self.unreadable(&format!("the run id {text}"), error))
    }
}

/// What was typed as a part of an id, as ids are written; `None` when nothing of it can stand in one.
pub(super) fn part_of_id(typed: &str) -> Option<String> {
    let part: String = typed
        .chars()
        .filter(|c| c.is_ascii_hexdigit() || *c == '-')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    (!part.is_empty()).then_some(part)
}

/// Creates a run, unless it has come before, or says which one goes on already from the one that it
/// was to go on from.
async fn create(connection: &mut Connection, written: &Written) -> sqlx::Result<Result<RunId>> {
    let run = &written.run;
    if let Some(key) = &run.idempotency_key {
        let earlier: Option<String> = sqlx::query_scalar(KEYED)
            .bind(run.request.by.person.as_str())
            .bind(text(key))
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(earlier) = earlier.and_then(|id| id.parse().ok()) {
            return Ok(Ok(earlier));
        }
    }
    if let Some(refused) = refused(connection, &run.request).await? {
        return Ok(Err(refused));
    }
    insert(connection, written).await?;
    Ok(Ok(run.id))
}

/// Why a run is not created that has to do with an earlier one.
async fn refused(
    connection: &mut Connection,
    request: &Requested,
) -> sqlx::Result<Option<StoreError>> {
    let earlier = request.rerun.as_ref().map(|rerun| rerun.of);
    let Some(of) = earlier.or(request.undo.as_ref().map(|undo| undo.of)) else {
        return Ok(None);
    };
    if let Some(refused) = undos::undone(connection, of).await? {
        return Ok(Some(refused));
    }
    match earlier {
        Some(_) => reruns::heir(connection, of).await,
        None => undos::heir(connection, of).await,
    }
}

/// Writes a run that nothing speaks against.
pub(super) async fn insert(
    connection: &mut Connection,
    Written {
        run,
        request,
        definition,
        concurrency,
    }: &Written,
) -> sqlx::Result<()> {
    let (rerun, undo) = (run.request.rerun.as_ref(), run.request.undo.as_ref());
    sqlx::query("INSERT INTO definitions (digest, body) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(run.request.definition.as_str())
        .bind(definition)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO runs (id, workflow, definition, status, requested_by, requested_at, \
         updated_at, idempotency_key, concurrency, rerun_of, undo_of) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(run.id.to_string())
    .bind(run.request.workflow.as_str())
    .bind(run.request.definition.as_str())
    .bind(status_text(RunStatus::Queued))
    .bind(run.request.by.person.as_str())
    .bind(run.at.micros())
    .bind(run.at.micros())
    .bind(run.idempotency_key.as_deref().map(text))
    .bind(concurrency.as_deref().map(text))
    .bind(rerun.map(|rerun| rerun.of.to_string()))
    .bind(undo.map(|undo| undo.of.to_string()))
    .execute(&mut *connection)
    .await?;
    secrets::give(connection, run.id, &run.secrets).await?;
    if let Some(undone) = undone(&run.request) {
        messages::reopen(connection, undone).await?;
    }
    if let Some(place) = &run.request.shown_in {
        messages::begin(connection, run.id, place).await?;
    }
    insert_event(connection, run.id, 1, run.at, request).await
}

/// The run that this one is to take back.
fn undone(request: &Requested) -> Option<RunId> {
    request.undo.as_ref().map(|undo| undo.of)
}

/// Appends an event; says which other run is to be shown anew because of it.
async fn grow(connection: &mut Connection, append: &Append) -> sqlx::Result<Option<String>> {
    // The primary key refuses a place that is taken. A gap it would not notice: then the event
    // goes for place 1, which is always taken, and the append is refused as a conflict too.
    let last: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM events WHERE run = $1")
        .bind(append.run.to_string())
        .fetch_one(&mut *connection)
        .await?;
    let after = place(append.after);
    let seq = if last == after { append.after + 1 } else { 1 };
    let body = serde_json::json!(append.event).to_string();
    insert_event(connection, append.run, seq, append.at, &body).await?;
    if let Event::ArtifactKept { artifact, .. } = &append.event {
        sqlx::query(
            "INSERT INTO artifact_refs (digest, run) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(artifact.digest.as_str())
        .bind(append.run.to_string())
        .execute(&mut *connection)
        .await?;
    }
    let summary = match &append.event {
        Event::Finished { summary, .. } => Some(text(&summary.to_string()).into_owned()),
        _ => None,
    };
    let began = matches!(append.event, Event::Started).then(|| append.at.micros());
    sqlx::query(
        "UPDATE runs SET status = $1, ended = $2, updated_at = $3, summary = COALESCE($4, summary), \
         began = COALESCE(began, $5) WHERE id = $6",
    )
    .bind(status_text(append.status))
    .bind(i64::from(matches!(append.status, RunStatus::Ended(_))))
    .bind(append.at.micros())
    .bind(summary)
    .bind(began)
    .bind(append.run.to_string())
    .execute(&mut *connection)
    .await?;
    if let Some(draft) = &append.receipt {
        sqlx::query("INSERT INTO receipts (run, content, texts) VALUES ($1, $2, $3)")
            .bind(append.run.to_string())
            .bind(serde_json::json!(draft.content).to_string())
            .bind(serde_json::json!(draft.texts).to_string())
            .execute(&mut *connection)
            .await?;
    }
    if !matches!(append.event, Event::Finished { .. }) {
        return Ok(None);
    }
    let undone: Option<String> = sqlx::query_scalar("SELECT undo_of FROM runs WHERE id = $1")
        .bind(append.run.to_string())
        .fetch_one(&mut *connection)
        .await?;
    if let Some(undone) = undone.as_deref().and_then(|id| id.parse().ok()) {
        messages::reopen(connection, undone).await?;
    }
    Ok(undone)
}

async fn insert_event(
    connection: &mut Connection,
    run: RunId,
    seq: u64,
    at: Timestamp,
    body: &str,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO events (run, seq, at, v, body) VALUES ($1, $2, $3, $4, $5)")
        .bind(run.to_string())
        .bind(place(seq))
        .bind(at.micros())
        .bind(i64::from(EVENT_VERSION))
        .bind(body)
        .execute(connection)
        .await?;
    Ok(())
}

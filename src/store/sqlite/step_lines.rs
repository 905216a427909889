//! What steps say, in SQLite.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;

use super::SqliteStore;
use crate::domain::names::{RunId, StepId};
use crate::store::{Result, StepLines};

impl StepLines for SqliteStore {
    fn add_lines(&self, run: RunId, step: StepId, lines: Vec<String>) -> BoxFuture<'_, Result<()>> {
        let lines = self.masked(&lines);
        self.writer
            .write(Box::new(move |connection| {
                add(connection, run, step, lines).boxed()
            }))
            .boxed()
    }

    fn replace_lines(
        &self,
        run: RunId,
        step: StepId,
        lines: Vec<String>,
    ) -> BoxFuture<'_, Result<()>> {
        let lines = self.masked(&lines);
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query("DELETE FROM step_lines WHERE run = ? AND step = ?")
                        .bind(run.to_string())
                        .bind(step.as_str())
                        .execute(&mut *connection)
                        .await?;
                    add(connection, run, step, lines).await
                }
                .boxed()
            }))
            .boxed()
    }

    fn last_lines<'a>(
        &'a self,
        run: RunId,
        step: &'a StepId,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<String>>> {
        async move {
            let mut lines: Vec<String> = sqlx::query_scalar(
                "SELECT line FROM step_lines WHERE run = ? AND step = ? ORDER BY n DESC LIMIT ?",
            )
            .bind(run.to_string())
            .bind(step.as_str())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            lines.reverse();
            Ok(lines)
        }
        .boxed()
    }
}

impl SqliteStore {
    /// The lines as one JSON array, without secrets.
    fn masked(&self, lines: &[String]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| self.redactor.text(line)).collect();
        serde_json::json!(lines).to_string()
    }
}

async fn add(
    connection: &mut SqliteConnection,
    run: RunId,
    step: StepId,
    lines: String,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO step_lines (run, step, n, line) \
         SELECT ?1, ?2, key + 1 + (SELECT COALESCE(MAX(n), 0) FROM step_lines \
         WHERE run = ?1 AND step = ?2), value FROM json_each(?3)",
    )
    .bind(run.to_string())
    .bind(step.as_str())
    .bind(lines)
    .execute(connection)
    .await
    .map(drop)
}

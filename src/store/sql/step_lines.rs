//! What steps say, in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{ADD_LINES, Connection, SqlStore, text};
use crate::domain::names::{RunId, StepId};
use crate::store::{Result, StepLines};

impl StepLines for SqlStore {
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
                    sqlx::query("DELETE FROM step_lines WHERE run = $1 AND step = $2")
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
                "SELECT line FROM step_lines WHERE run = $1 AND step = $2 ORDER BY n DESC LIMIT $3",
            )
            .bind(run.to_string())
            .bind(step.as_str())
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.broken(&error))?;
            lines.reverse();
            Ok(lines)
        }
        .boxed()
    }
}

impl SqlStore {
    /// The lines as one JSON array, without secrets.
    fn masked(&self, lines: &[String]) -> String {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| text(&self.redactor.text(line)).into_owned())
            .collect();
        serde_json::json!(lines).to_string()
    }
}

async fn add(
    connection: &mut Connection,
    run: RunId,
    step: StepId,
    lines: String,
) -> sqlx::Result<()> {
    sqlx::query(ADD_LINES)
        .bind(run.to_string())
        .bind(step.as_str())
        .bind(lines)
        .execute(connection)
        .await
        .map(drop)
}

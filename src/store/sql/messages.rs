//! What chats show of runs, in a database.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{Connection, Row, SqlStore, text};
use crate::domain::chat::{ChatPlace, MessagePart};
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::domain::time::Timestamp;
use crate::store::messages::{WINDOWS, WINDOWS_OF_ONE};
use crate::store::{AskedWindow, MessageNews, Messages, Result, RunMessage};

/// The messages of the runs of which one message on the platform $1 is not settled, or of the run $2 alone
/// where that is not empty.
const OPEN: &str = "SELECT run, part, channel, in_thread, remote, tried_at, remade, settled \
     FROM run_messages WHERE run IN (SELECT run FROM run_messages \
     WHERE settled = 0 AND platform = $1 AND ($2 = '' OR run = $2)) ORDER BY run, part";

impl Messages for SqlStore {
    fn open_messages<'a>(
        &'a self,
        platform: &'a str,
        run: Option<RunId>,
    ) -> BoxFuture<'a, Result<Vec<RunMessage>>> {
        async move {
            let rows = sqlx::query(OPEN)
                .bind(platform)
                .bind(run.map(|run| run.to_string()).unwrap_or_default())
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            rows.iter()
                .map(|row| message(self, platform, row))
                .collect()
        }
        .boxed()
    }

    fn message_news(
        &self,
        run: RunId,
        part: MessagePart,
        news: MessageNews,
    ) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                take(connection, run, part, news).boxed()
            }))
            .boxed()
    }

    fn published_commands<'a>(&'a self, scope: &'a str) -> BoxFuture<'a, Result<Option<Digest>>> {
        async move {
            let digest: Option<String> =
                sqlx::query_scalar("SELECT digest FROM published_commands WHERE scope = $1")
                    .bind(scope)
                    .fetch_optional(&self.readers)
                    .await
                    .map_err(|error| self.broken(&error))?;
            Ok(digest.map(Digest::from))
        }
        .boxed()
    }

    fn commands_published<'a>(
        &'a self,
        scope: &'a str,
        digest: &'a Digest,
    ) -> BoxFuture<'a, Result<()>> {
        let (scope, digest) = (scope.to_owned(), digest.to_string());
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query(
                        "INSERT INTO published_commands (scope, digest) VALUES ($1, $2) \
                         ON CONFLICT (scope) DO UPDATE SET digest = excluded.digest",
                    )
                    .bind(scope)
                    .bind(digest)
                    .execute(connection)
                    .await
                    .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }

    fn ask_in_window(&self, window: AskedWindow) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                ask_in_window(connection, window).boxed()
            }))
            .boxed()
    }

    fn asked_window<'a>(
        &'a self,
        platform: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<AskedWindow>>> {
        async move {
            let row = sqlx::query("SELECT * FROM asked_windows WHERE platform = $1 AND id = $2")
                .bind(text(platform))
                .bind(text(id))
                .fetch_optional(&self.readers)
                .await
                .map_err(|error| self.broken(&error))?;
            Ok(row.map(|row| AskedWindow {
                platform: row.get("platform"),
                id: row.get("id"),
                person: row.get("person"),
                command: row.get("command"),
                options: row.get("options"),
                until: Timestamp::from_micros(row.get("until")),
            }))
        }
        .boxed()
    }

    fn forget_windows(&self, now: Timestamp) -> BoxFuture<'_, Result<()>> {
        self.writer
            .write(Box::new(move |connection| {
                async move {
                    sqlx::query("DELETE FROM asked_windows WHERE until <= $1")
                        .bind(now.micros())
                        .execute(connection)
                        .await
                        .map(drop)
                }
                .boxed()
            }))
            .boxed()
    }
}

/// Windows of one person that are older than so many others of theirs.
const TOO_MANY_OF_ONE: &str = "DELETE FROM asked_windows WHERE platform = $1 AND person = $2 \
     AND id IN (SELECT id FROM asked_windows WHERE platform = $1 AND person = $2 \
     ORDER BY until DESC, id DESC LIMIT 10000 OFFSET $3)";

/// Windows that are older than so many others.
const TOO_MANY: &str = "DELETE FROM asked_windows WHERE (platform, id) IN \
     (SELECT platform, id FROM asked_windows ORDER BY until DESC, id DESC LIMIT 10000 OFFSET $1)";

async fn ask_in_window(connection: &mut Connection, window: AskedWindow) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO asked_windows (platform, id, person, command, options, until) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (platform, id) DO NOTHING",
    )
    .bind(text(&window.platform))
    .bind(text(&window.id))
    .bind(text(&window.person))
    .bind(text(&window.command))
    .bind(text(&window.options))
    .bind(window.until.micros())
    .execute(&mut *connection)
    .await?;
    sqlx::query(TOO_MANY_OF_ONE)
        .bind(text(&window.platform))
        .bind(text(&window.person))
        .bind(WINDOWS_OF_ONE)
        .execute(&mut *connection)
        .await?;
    sqlx::query(TOO_MANY)
        .bind(WINDOWS)
        .execute(&mut *connection)
        .await
        .map(drop)
}

/// Writes down that a run is to be shown here.
pub(super) async fn begin(
    connection: &mut Connection,
    run: RunId,
    place: &ChatPlace,
) -> sqlx::Result<()> {
    for part in place.parts() {
        sqlx::query(
            "INSERT INTO run_messages (run, part, platform, channel, in_thread) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(run.to_string())
        .bind(part.as_str())
        .bind(text(&place.platform))
        .bind(text(&place.channel))
        .bind(i64::from(place.in_thread))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Has what is shown of a run that has ended shown once more: another one takes it back, or has not.
pub(super) async fn reopen(connection: &mut Connection, run: RunId) -> sqlx::Result<()> {
    sqlx::query("UPDATE run_messages SET settled = 0 WHERE run = $1 AND remote IS NOT NULL")
        .bind(run.to_string())
        .execute(connection)
        .await
        .map(drop)
}

async fn take(
    connection: &mut Connection,
    run: RunId,
    part: MessagePart,
    news: MessageNews,
) -> sqlx::Result<()> {
    let (set, value): (&'static str, Option<Value>) = match news {
        MessageNews::Tried(at) => (
            "UPDATE run_messages SET tried_at = $3 WHERE run = $1 AND part = $2",
            Some(Value::Number(at.micros())),
        ),
        MessageNews::Made(remote) => (
            "UPDATE run_messages SET remote = $3, tried_at = NULL WHERE run = $1 AND part = $2",
            Some(Value::Text(remote)),
        ),
        MessageNews::Removed => (
            "UPDATE run_messages SET remote = NULL, tried_at = NULL, remade = remade + 1 \
             WHERE run = $1 AND part = $2",
            None,
        ),
        MessageNews::Settled => (
            "UPDATE run_messages SET settled = 1 WHERE run = $1 AND part = $2",
            None,
        ),
    };
    let update = sqlx::query(set).bind(run.to_string()).bind(part.as_str());
    let update = match value {
        Some(Value::Number(number)) => update.bind(number),
        Some(Value::Text(text)) => update.bind(text),
        None => update,
    };
    update.execute(connection).await.map(drop)
}

/// What is written into a column.
enum Value {
    Number(i64),
    Text(String),
}

fn message(store: &SqlStore, platform: &str, row: &Row) -> Result<RunMessage> {
    let part = match row.get::<&str, _>("part") {
        "headline" => MessagePart::Headline,
        _ => MessagePart::Whole,
    };
    Ok(RunMessage {
        run: store.run_id(row.get("run"))?,
        part,
        place: ChatPlace {
            platform: platform.to_owned(),
            channel: row.get("channel"),
            in_thread: row.get::<i64, _>("in_thread") == 1,
        },
        remote: row.get("remote"),
        tried_at: row
            .get::<Option<i64>, _>("tried_at")
            .map(Timestamp::from_micros),
        remade: u32::try_from(row.get::<i64, _>("remade")).unwrap_or(u32::MAX),
        settled: row.get::<i64, _>("settled") == 1,
    })
}

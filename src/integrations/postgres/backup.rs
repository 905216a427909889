//! `postgres.backup`: dumps a database into a folder of objects.
//!
//! The dump and the census of the tables see one snapshot. The manifest is written last: what has
//! none is no backup, whenever the process, the database or the object store went away.

use std::time::Duration;

use chrono::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::Postgres;
use super::census;
use super::dump;
use super::manifest::{self, DUMP, Manifest};
use super::tools::{Tool, Version};
use crate::action::objects::{ObjectUrl, Objects};
use crate::action::{
    Action, ActionError, ActionSpec, Context, EffectStatus, Found, ReadContext, Result, Risk,
    Undone,
};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::Timestamp;
use crate::domain::undo::WayBack;

/// The most rows of one table that are hashed.
const MOST_SAMPLE_ROWS: u32 = 100_000;

const UPLOAD_DUMP: &str = "upload_dump";
const PUT_MANIFEST: &str = "put_manifest";

/// What to back up, and where to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The database; if absent, the one that the system's URL names.
    #[serde(default)]
    pub database: Option<String>,
    /// The folder that keeps the backups: `s3://SYSTEM/BUCKET/FOLDER` or `file:///FOLDER`.
    pub to: ObjectUrl,
    /// How many rows of each table a restore drill compares (1 to 100000).
    #[serde(default = "a_thousand")]
    pub sample_rows: u32,
}

fn a_thousand() -> u32 {
    1000
}

/// How far a backup is proven (decision 20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It lies in the object store whole.
    Stored,
    /// It was read and accepted by a server, and held nothing to compare.
    Readable,
    /// It was restored, and what came back is what was there.
    Restored,
}

/// What was stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The backup's own folder.
    pub backup: ObjectUrl,
    /// The database that it is of.
    pub database: String,
    /// The stored bytes.
    pub bytes: u64,
    /// The bytes before compression.
    pub uncompressed_bytes: u64,
    /// How many tables it holds.
    pub tables: usize,
    /// How many rows they have together.
    pub rows: u64,
    /// How long it took.
    pub seconds: u64,
    /// How far it is proven.
    pub proof: Proof,
}

/// What is decided once: the name that everything of this backup goes by.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Begun {
    name: String,
    database: String,
    at: Timestamp,
}

/// `postgres.backup`.
pub struct Backup;

impl Action for Backup {
    type System = Postgres;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "postgres.backup",
        summary: "Dump a database into a folder of objects, with a manifest to prove it by",
        risk: Risk::Change,
        service: Some("database"),
        effects: &[
            EffectSpec {
                name: UPLOAD_DUMP,
                sort: EffectSort::Repeatable,
                limit: Duration::from_hours(12),
            },
            EffectSpec {
                name: PUT_MANIFEST,
                sort: EffectSort::Keyed,
                limit: Duration::from_mins(3),
            },
        ],
        last_undoable: None,
    };

    async fn plan(&self, ctx: &ReadContext, server: &Postgres, input: Input) -> Result<Plan> {
        check(&input)?;
        let folder = ctx.objects(&input.to)?;
        let database = database_of(server, &input);
        let (version, pg_dump) = can_dump(server, database).await?;
        let mut connection = server.open(database).await?;
        let (tables, bytes) = census::size(&mut connection)
            .await
            .map_err(|error| server.explain("look at the tables", error.into()))?;
        let kept = manifest::names(&*folder).await?.len();
        let name = server.name();
        let subject = format!("a dump of the database `{database}` of {name}");
        Ok(
            Plan::new(format!("back up `{database}` of {name} to {}", input.to))
                .relies_on(
                    format!("the database `{database}` of {name}"),
                    format!("on PostgreSQL {}", version.major),
                )
                .changes(
                    format!("a new folder in {}", input.to),
                    None,
                    Some(format!(
                        "{subject} with a hash of up to {} rows a table",
                        input.sample_rows
                    )),
                )
                .note(format!(
                    "{tables} tables, {} MiB on the server",
                    bytes >> 20
                ))
                .note(format!("dumped by pg_dump {}", pg_dump.version))
                .note(format!("{} holds {kept} folders now", input.to)),
        )
    }

    async fn run(&self, ctx: &Context, server: &Postgres, input: Input) -> Result<Output> {
        check(&input)?;
        let folder = ctx.read.objects(&input.to)?;
        let begun: Begun = ctx.record("backup", || begin(ctx, server, &input)).await?;

        let manifest: Manifest = ctx
            .repeatable(UPLOAD_DUMP, |_| {
                upload(ctx, server, &input, &begun, &*folder)
            })
            .await?;
        ctx.effect(
            PUT_MANIFEST,
            |_| manifest::put(&*folder, &begun.name, &manifest),
            |_| find_manifest(&*folder, &begun.name, &manifest),
        )
        .await?;

        Ok(Output {
            backup: input.to.join(&begun.name),
            database: begun.database,
            bytes: manifest.dump.bytes,
            uncompressed_bytes: manifest.dump.uncompressed_bytes,
            tables: manifest.tables.len(),
            rows: manifest.rows(),
            seconds: manifest.seconds,
            proof: Proof::Stored,
        })
    }

    /// The manifest goes first, so that at no instant a manifest stands without its dump.
    async fn undo(&self, ctx: &Context, _: &Postgres, input: Input) -> Result<Undone> {
        let Some(name) = recorded_name(ctx).await? else {
            return Ok(Undone::Fully);
        };
        let folder = ctx.read.objects(&input.to)?;
        let (folder, name) = (&*folder, name.as_str());
        ctx.undo(PUT_MANIFEST, |_, _: Option<()>| {
            manifest::remove(folder, name)
        })
        .await?;
        ctx.undo(UPLOAD_DUMP, |_, _: Option<Manifest>| clear(folder, name))
            .await?;
        Ok(Undone::Fully)
    }

    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Undo
    }
}

fn check(input: &Input) -> Result<()> {
    if (1..=MOST_SAMPLE_ROWS).contains(&input.sample_rows) {
        return Ok(());
    }
    Err(ActionError::fatal(format!(
        "sample_rows is {}, and must be from 1 to {MOST_SAMPLE_ROWS}",
        input.sample_rows
    )))
}

fn database_of<'a>(server: &'a Postgres, input: &'a Input) -> &'a str {
    input
        .database
        .as_deref()
        .unwrap_or(server.default_database())
}

/// Refuses what cannot end well before anything is begun.
async fn can_dump(server: &Postgres, database: &str) -> Result<(Version, Tool)> {
    let mut connection = server.open(database).await?;
    let version = server.version_over(&mut connection).await?;
    let pg_dump = server.pg_dump_for(&version).await?;
    Ok((version, pg_dump))
}

async fn begin(ctx: &Context, server: &Postgres, input: &Input) -> Result<Begun> {
    let database = database_of(server, input);
    can_dump(server, database).await?;
    let at = ctx.read.clock.now();
    let token = ctx.key(UPLOAD_DUMP).await.token();
    Ok(Begun {
        name: name_of(database, at, &token),
        database: database.to_owned(),
        at,
    })
}

/// `orders-20261124T023000Z-9f86d081884c`: what people can read, and what no other run has.
fn name_of(database: &str, at: Timestamp, token: &str) -> String {
    let plain: String = database
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "_-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(63)
        .collect();
    let at = DateTime::from_timestamp_micros(at.micros()).unwrap_or_default();
    format!("{plain}-{}-{token}", at.format("%Y%m%dT%H%M%SZ"))
}

/// The name is recorded before the first effect, and lives on in the dump's result when undoing
/// the manifest has ended the generation that recorded it.
async fn recorded_name(ctx: &Context) -> Result<Option<String>> {
    if let Some(value) = ctx.journal.recorded("backup".to_owned()).await {
        let begun: Begun = serde_json::from_value(value).map_err(|error| {
            ActionError::fatal(format!("what the run recorded cannot be read: {error}"))
        })?;
        return Ok(Some(begun.name));
    }
    let effects = ctx.effects().await;
    let done = effects.iter().find_map(|e| match &e.status {
        EffectStatus::Done(result) if e.effect.name == UPLOAD_DUMP => {
            result.get("name")?.as_str().map(str::to_owned)
        }
        _ => None,
    });
    Ok(done)
}

/// Dumps and counts under one snapshot. Whatever goes wrong, nothing of it is kept.
async fn upload(
    ctx: &Context,
    server: &Postgres,
    input: &Input,
    begun: &Begun,
    folder: &dyn Objects,
) -> Result<Manifest> {
    clear(folder, &begun.name).await?;
    let outcome = tokio::select! {
        outcome = dump_and_count(ctx, server, input, begun, folder) => outcome,
        () = ctx.cancel.cancelled() => Err(ActionError::cancelled(format!(
            "the dump of `{}` was stopped, and nothing of it was kept", begun.database
        ))),
    };
    let Err(error) = outcome else { return outcome };
    match clear(folder, &begun.name).await {
        Ok(()) => Err(error),
        Err(left) => Err(error.with_remnants(&left)),
    }
}

async fn dump_and_count(
    ctx: &Context,
    server: &Postgres,
    input: &Input,
    begun: &Begun,
    folder: &dyn Objects,
) -> Result<Manifest> {
    let database = &begun.database;
    let (version, tool) = can_dump(server, database).await?;
    let mut connection = server.open(database).await?;
    let failed = |what: &str, error: sqlx::Error| {
        server.explain(&format!("{what} of `{database}`"), error.into())
    };
    let settings = settings_and_snapshot(&mut connection)
        .await
        .map_err(|error| failed("take a snapshot", error))?;

    let mut pg_dump = server.command(&tool, database);
    pg_dump.args(["--format=custom", "--compress=0", "--no-password"]);
    pg_dump.arg("--lock-wait-timeout=120000");
    pg_dump.arg(format!("--snapshot={}", settings.snapshot));
    let of = format!("`{database}` on {}", server.name());
    let path = manifest::path(&begun.name, DUMP);
    let count = async {
        census::take(&mut connection, input.sample_rows)
            .await
            .map_err(|error| failed("count the rows", error))
    };
    // The connection is kept until both are done: the snapshot lives as long as it does.
    let (dump, tables) = tokio::try_join!(dump::store(ctx, pg_dump, &of, folder, &path), count)?;
    let _ = connection.close().await;

    Ok(Manifest {
        format: Manifest::FORMAT,
        name: begun.name.clone(),
        database: database.clone(),
        at: begun.at,
        seconds: ctx.read.clock.now().since(begun.at).as_secs(),
        server_version: version,
        pg_dump_version: tool.version,
        encoding: settings.encoding,
        collate: settings.collate,
        ctype: settings.ctype,
        roles: settings.roles,
        dump,
        sample_rows: input.sample_rows,
        tables,
    })
}

/// What a restore needs to know beside the dump, and the name of the state that both see.
struct Settings {
    encoding: String,
    collate: String,
    ctype: String,
    roles: Vec<String>,
    snapshot: String,
}

async fn settings_and_snapshot(connection: &mut PgConnection) -> sqlx::Result<Settings> {
    census::begin(connection).await?;
    let (encoding, collate, ctype) = sqlx::query_as(
        "SELECT getdatabaseencoding()::text, datcollate::text, datctype::text FROM pg_database \
         WHERE datname = current_database()",
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(Settings {
        encoding,
        collate,
        ctype,
        roles: sqlx::query_scalar(
            "SELECT rolname::text FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname",
        )
        .fetch_all(&mut *connection)
        .await?,
        snapshot: census::export_snapshot(connection).await?,
    })
}

/// Removes what an earlier try may have left of the dump, unfinished uploads included.
async fn clear(folder: &dyn Objects, name: &str) -> Result<()> {
    let path = manifest::path(name, DUMP);
    folder.abort_uploads(path.as_ref()).await?;
    manifest::remove_object(folder, &path).await
}

async fn find_manifest(folder: &dyn Objects, name: &str, ours: &Manifest) -> Result<Found<()>> {
    Ok(match manifest::find(folder, name).await? {
        None => Found::NotDone,
        Some(there) if there == *ours => Found::Done(()),
        Some(_) => Found::Unclear(format!(
            "{} holds a manifest that this run did not write",
            folder.url().join(name)
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_and_when_and_leads_nowhere_else() {
        let at = Timestamp::from_micros(1_795_487_400_000_000);
        assert_eq!(
            name_of("../Bücher 1", at, "9f86d081884c"),
            "___B_cher_1-20261124T023000Z-9f86d081884c"
        );
    }
}

//! `postgres.drill_restore`: restores a backup into a scratch server, compares every table with
//! the manifest, and removes the server. Only this makes a backup a proven one.

use std::fmt::Write as _;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Postgres;
use super::backup::Proof;
use super::census::{self, Table};
use super::manifest::{self, Manifest};
use super::restore::{self, DATABASE, OWNER};
use super::scratch::{Place, Programs, Scratch};
use crate::action::objects::{ObjectUrl, Objects};
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk, Undone};
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::time::Span;
use crate::domain::undo::WayBack;
use crate::domain::words::counted;

/// No restore is waited for longer than this.
const LIMIT: Duration = Duration::from_hours(12);
const RESTORE_SCRATCH: &str = "restore_scratch";
/// How many tables that differ are named in an error.
const MOST_NAMED: usize = 5;

/// Which backup to prove.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The backup's folder, as `postgres.backup` and `postgres.list_backups` give it.
    pub backup: ObjectUrl,
    /// How long the restore may take; a slower one fails the step.
    #[serde(default)]
    pub within: Option<Span>,
}

/// What was proven.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The backup.
    pub backup: ObjectUrl,
    /// How far it is proven now.
    pub proof: Proof,
    /// The same in a sentence.
    pub says: String,
    /// How many tables were restored and compared.
    pub tables: u64,
    /// How many rows they have together.
    pub rows: u64,
    /// How many of them were compared by content.
    pub compared_rows: u64,
    /// How long it took.
    pub seconds: u64,
    /// The version of the scratch server.
    pub server_version: String,
}

/// What the scratch server held, when it held what it should.
#[derive(Serialize, Deserialize)]
struct Matched {
    tables: u64,
    rows: u64,
    compared_rows: u64,
    seconds: u64,
    server_version: String,
}

/// `postgres.drill_restore`.
pub struct DrillRestore;

impl Action for DrillRestore {
    type System = Postgres;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "postgres.drill_restore",
        summary: "Restore a backup into a scratch server and compare every table with its manifest",
        risk: Risk::Change,
        service: None,
        effects: &[EffectSpec {
            name: RESTORE_SCRATCH,
            sort: EffectSort::Repeatable,
            limit: LIMIT,
        }],
        last_undoable: None,
    };

    async fn plan(&self, ctx: &ReadContext, server: &Postgres, input: Input) -> Result<Plan> {
        let (folder, name) = open(ctx, &input.backup)?;
        let manifest = manifest::expect(&*folder, &name).await?;
        let programs = programs_for(server, &manifest).await?;
        Ok(Plan::new(format!(
            "restore {} into a scratch server, compare its {} tables, and remove the server",
            input.backup,
            manifest.tables.len()
        ))
        .relies_on(
            format!("the dump of {}", input.backup),
            manifest.dump.sha256.as_str(),
        )
        .note(format!(
            "{} MiB stored, {} MiB to restore under {}",
            manifest.dump.bytes >> 20,
            manifest.dump.uncompressed_bytes >> 20,
            server.scratch_parent().display()
        ))
        .note(format!("on PostgreSQL {}", programs.postgres.version)))
    }

    async fn run(&self, ctx: &Context, server: &Postgres, input: Input) -> Result<Output> {
        let (folder, name) = open(&ctx.read, &input.backup)?;
        let matched: Matched = ctx
            .repeatable(RESTORE_SCRATCH, |key| async move {
                let place = Place::of(server.scratch_parent(), &key)?;
                drill(ctx, server, &place, &*folder, &name, input.within).await
            })
            .await?;
        let (proof, says) = verdict(&matched);
        Ok(Output {
            backup: input.backup,
            proof,
            says,
            tables: matched.tables,
            rows: matched.rows,
            compared_rows: matched.compared_rows,
            seconds: matched.seconds,
            server_version: matched.server_version,
        })
    }

    async fn undo(&self, ctx: &Context, server: &Postgres, _: Input) -> Result<Undone> {
        ctx.undo(RESTORE_SCRATCH, |key, _: Option<Matched>| async move {
            Place::of(server.scratch_parent(), &key)?.clear().await
        })
        .await?;
        Ok(Undone::Fully)
    }

    /// The scratch server is gone when it has succeeded.
    fn way_back(&self, _: &StepState) -> WayBack {
        WayBack::Nothing
    }
}

fn open(ctx: &ReadContext, backup: &ObjectUrl) -> Result<(std::sync::Arc<dyn Objects>, String)> {
    let (folder, name) = backup.split().ok_or_else(|| {
        ActionError::fatal(format!(
            "{backup} is a whole bucket and no backup; postgres.list_backups says which there are"
        ))
    })?;
    Ok((ctx.objects(&folder)?, name))
}

/// A server that is older than the dump may not understand it: that would prove nothing.
async fn programs_for(server: &Postgres, manifest: &Manifest) -> Result<Programs> {
    let programs = Programs::find(server.bin()).await?;
    let needed = manifest
        .server_version
        .major
        .max(manifest.pg_dump_version.major);
    let has = &programs.postgres.version;
    if has.major < needed {
        return Err(ActionError::fatal(format!(
            "the backup was made of PostgreSQL {} by pg_dump {}, and drills run on {has}, which is \
             older: nothing was begun and nothing is proven; install PostgreSQL {needed} or set \
             `bin` in [systems.{}] to its folder",
            manifest.server_version,
            manifest.pg_dump_version,
            server.name()
        )));
    }
    Ok(programs)
}

/// Restores, compares, and clears away, whatever came of it.
async fn drill(
    ctx: &Context,
    server: &Postgres,
    place: &Place,
    folder: &dyn Objects,
    name: &str,
    within: Option<Span>,
) -> Result<Matched> {
    place.clear().await?;
    let manifest = manifest::expect(folder, name).await?;
    let programs = programs_for(server, &manifest).await?;
    let begun = ctx.read.clock.now();
    let restored = async {
        let scratch = place.start(&programs).await?;
        let compared = restore_and_compare(
            ctx,
            &scratch,
            &programs,
            folder,
            &manifest,
            server.drill_as_superuser(),
        )
        .await;
        scratch.remove().await?;
        compared
    };
    let limit = within.map_or(LIMIT, Span::duration);
    // Polled in place: the server must be stopped before the handle to it is dropped.
    let mut restored = std::pin::pin!(restored);
    let outcome = tokio::select! {
        outcome = &mut restored => outcome,
        () = tokio::time::sleep(limit) => Err(ActionError::fatal(format!(
            "{} was not restored within {}: a restore takes longer than it may",
            folder.url().join(name),
            humantime::format_duration(limit)
        ))),
        () = ctx.cancel.cancelled() => {
            Err(ActionError::cancelled("the drill was stopped and its scratch server removed"))
        }
    };
    place.clear().await?;
    let mut matched = outcome?;
    matched.seconds = ctx.read.clock.now().since(begun).as_secs();
    Ok(matched)
}

async fn restore_and_compare(
    ctx: &Context,
    scratch: &Scratch,
    programs: &Programs,
    folder: &dyn Objects,
    manifest: &Manifest,
    as_superuser: bool,
) -> Result<Matched> {
    ctx.progress("restoring");
    let same_locale =
        restore::restore(ctx, scratch, programs, folder, manifest, as_superuser).await?;
    ctx.progress("comparing");
    let found = async {
        let mut connection = scratch.open(OWNER, DATABASE).await?;
        census::begin(&mut connection).await?;
        census::take(&mut connection, manifest.sample_rows).await
    }
    .await
    .map_err(|error| {
        ActionError::retryable(format!("the scratch server cannot be counted: {error}"))
    })?;
    let differences = differences(&manifest.tables, &found);
    if !differences.is_empty() {
        let doubt = if same_locale {
            "this backup cannot be relied on".to_owned()
        } else {
            format!(
                "this may be only because the locale `{}` is missing here, with which some texts \
                 may have been computed; install it and repeat the drill",
                manifest.ctype
            )
        };
        return Err(ActionError::fatal(format!(
            "{} was restored and is not what was backed up: {}; {doubt}",
            folder.url().join(&manifest.name),
            joined(&differences)
        )));
    }
    Ok(Matched {
        tables: found.len() as u64,
        rows: found.iter().map(|table| table.rows).sum(),
        compared_rows: found.iter().map(|table| table.sampled).sum(),
        seconds: 0,
        server_version: programs.postgres.version.to_string(),
    })
}

/// Every way in which the tables differ, one sentence a table.
fn differences(expected: &[Table], found: &[Table]) -> Vec<String> {
    let same_name = |a: &Table, b: &Table| a.schema == b.schema && a.name == b.name;
    let of_expected = expected.iter().filter_map(|table| {
        let name = format!("`{}.{}`", table.schema, table.name);
        match found.iter().find(|other| same_name(table, other)) {
            None => Some(format!("{name} is missing")),
            Some(other) if other.rows != table.rows => Some(format!(
                "{name} had {} rows and has {}",
                table.rows, other.rows
            )),
            Some(other) if other.sha256 != table.sha256 || other.sampled != table.sampled => {
                Some(format!(
                    "{name} has the same {} rows with other content (sample {}, expected {})",
                    table.rows,
                    other.sha256.short(),
                    table.sha256.short()
                ))
            }
            Some(_) => None,
        }
    });
    let unexpected = found
        .iter()
        .filter(|table| !expected.iter().any(|other| same_name(table, other)))
        .map(|table| format!("`{}.{}` was not there before", table.schema, table.name));
    of_expected.chain(unexpected).collect()
}

fn joined(differences: &[String]) -> String {
    let mut text = differences[..differences.len().min(MOST_NAMED)].join("; ");
    if let Some(more @ 1..) = differences.len().checked_sub(MOST_NAMED) {
        let _ = write!(text, "; and {more} more tables");
    }
    text
}

fn verdict(matched: &Matched) -> (Proof, String) {
    if matched.compared_rows == 0 {
        return (
            Proof::Readable,
            format!(
                "{} restored with not one row to compare: an empty database is no proof of a \
                 backup",
                counted(matched.tables, "table")
            ),
        );
    }
    (
        Proof::Restored,
        format!(
            "{} with {} restored; every count is right, and so is the content of the {} compared",
            counted(matched.tables, "table"),
            counted(matched.rows, "row"),
            counted(matched.compared_rows, "row")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;

    fn table(name: &str, rows: u64, content: &str) -> Table {
        Table {
            schema: "public".to_owned(),
            name: name.to_owned(),
            rows,
            sampled: rows,
            sha256: Digest::of_bytes(content.as_bytes()),
        }
    }

    #[test]
    fn every_difference_names_its_table_with_what_was_expected_and_found() {
        let before = [
            table("a", 3, "x"),
            table("b", 2, "x"),
            table("c", 1, "x"),
            table("d", 0, ""),
        ];
        let after = [
            table("a", 2, "x"),
            table("b", 2, "y"),
            table("d", 0, ""),
            table("e", 1, ""),
        ];
        insta::assert_snapshot!(joined(&differences(&before, &after)), @"`public.a` had 3 rows and has 2; `public.b` has the same 2 rows with other content (sample a1fce4363854, expected 2d711642b726); `public.c` is missing; `public.e` was not there before");
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn nothing_compared_is_nothing_proven() {
        let matched = |compared_rows| Matched {
            tables: 2,
            rows: compared_rows,
            compared_rows,
            seconds: 1,
            server_version: String::new(),
        };
        assert_eq!(verdict(&matched(0)).0, Proof::Readable);
        assert_eq!(verdict(&matched(1)).0, Proof::Restored);
    }
}

//! `postgres.list_backups`: what a folder holds that is a backup, newest first.

use futures_util::StreamExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Postgres;
use super::manifest::{self, Manifest};
use crate::action::objects::ObjectUrl;
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;

/// More than this is never listed: a reply and an event must stay small.
const MOST: usize = 500;

/// Which folder to look into.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The folder that keeps the backups: `s3://SYSTEM/BUCKET/FOLDER` or `file:///FOLDER`.
    pub from: ObjectUrl,
    /// Only backups of this database.
    #[serde(default)]
    pub database: Option<String>,
    /// How many to list at most (1 to 500).
    #[serde(default = "fifty")]
    pub limit: usize,
}

fn fifty() -> usize {
    50
}

/// What is there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The newest, newest first.
    pub backups: Vec<Listed>,
    /// How many there are in all.
    pub total: usize,
    /// Folders beside them that hold no backup: dumps that were never finished, or something else.
    pub without_manifest: usize,
}

/// One backup, as its manifest tells.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// Its folder, for `postgres.drill_restore`.
    pub url: ObjectUrl,
    /// The database that it is of.
    pub database: String,
    /// When it was begun, in UTC.
    pub at: String,
    /// The stored bytes.
    pub bytes: u64,
    /// How many tables it holds.
    pub tables: usize,
    /// How many rows they have together.
    pub rows: u64,
}

/// `postgres.list_backups`.
pub struct ListBackups;

impl Action for ListBackups {
    type System = Postgres;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "postgres.list_backups",
        summary: "List the backups in a folder, newest first",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, _: &Postgres, input: Input) -> Result<Plan> {
        Ok(Plan::new(format!("list the backups in {}", input.from)))
    }

    async fn run(&self, ctx: &Context, _: &Postgres, input: Input) -> Result<Output> {
        if !(1..=MOST).contains(&input.limit) {
            return Err(ActionError::fatal(format!(
                "limit is {}, and must be from 1 to {MOST}",
                input.limit
            )));
        }
        let folder = ctx.read.objects(&input.from)?;
        let names = manifest::names(&*folder).await?;
        let mut reads = manifest::each(folder, names);
        let (mut manifests, mut without_manifest) = (Vec::new(), 0);
        while let Some(found) = reads.next().await {
            match found {
                Ok(Some(manifest)) => manifests.push(manifest),
                Ok(None) => without_manifest += 1,
                // One that cannot be read is no backup; the others still are.
                Err(error) if error.kind == crate::action::ErrorKind::Fatal => {
                    ctx.log.line(&error.message);
                    without_manifest += 1;
                }
                Err(error) => return Err(error),
            }
        }
        manifests.retain(|m| {
            input
                .database
                .as_ref()
                .is_none_or(|wanted| *wanted == m.database)
        });
        manifests.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| b.name.cmp(&a.name)));
        Ok(Output {
            total: manifests.len(),
            without_manifest,
            backups: manifests
                .iter()
                .take(input.limit)
                .map(|manifest| listed(&input.from, manifest))
                .collect(),
        })
    }
}

fn listed(from: &ObjectUrl, manifest: &Manifest) -> Listed {
    Listed {
        url: from.join(&manifest.name),
        database: manifest.database.clone(),
        at: manifest.at.to_string(),
        bytes: manifest.dump.bytes,
        tables: manifest.tables.len(),
        rows: manifest.rows(),
    }
}

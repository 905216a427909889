//! `purser.backup_store`: a backup of Purser's own, for the day when its machine is gone.
//!
//! It is one object that is there whole or not at all. It is encrypted for keys whose secret halves
//! are elsewhere: so it can be read back and compared here, but not opened.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::archive::{self, Sent};
use super::manifest::{FORMAT, Manifest};
use super::{Own, folder, recipients};
use crate::action::objects::{ObjectUrl, Objects};
use crate::action::{
    Action, ActionError, ActionSpec, Context, EffectRecord, EffectStatus, ReadContext, Result,
    Risk, Undone,
};
use crate::domain::digest::Digest;
use crate::domain::effect::{EffectSort, EffectSpec};
use crate::domain::plan::Plan;
use crate::domain::receipt::Anchor;
use crate::domain::run::StepState;
use crate::domain::undo::WayBack;
use crate::domain::words::counted;

const UPLOAD_BACKUP: &str = "upload_backup";
const DELETE_OLD: &str = "delete_old";

/// For whom, and where to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The folder that keeps the backups of this Purser and of no other:
    /// `s3://SYSTEM/BUCKET/FOLDER` or `file:///FOLDER`.
    pub to: ObjectUrl,
    /// Public keys of age (`age1…`): whoever has one of the secret keys can open the backup.
    pub recipients: Vec<String>,
    /// So many of the newest backups are kept, and older ones are deleted; left out, all are kept.
    #[serde(default)]
    pub keep: Option<u32>,
}

/// How far a backup is proven (decision 20). Nobody can open it here: that is what
/// `purser recover` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The object store has taken it whole; we may not read it there.
    Stored,
    /// It was read back, and is what was sent.
    Readable,
}

/// What was stored.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The backup.
    pub backup: ObjectUrl,
    /// The stored bytes.
    pub bytes: u64,
    /// How many files it holds.
    pub files: usize,
    /// How many receipts it holds.
    pub receipts: u64,
    /// The hash of the last of them: keep it elsewhere, and no other backup passes for this one.
    pub head: Option<Digest>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
    /// The older backups that were deleted.
    pub deleted: Vec<String>,
    /// How far it is proven.
    pub proof: Proof,
}

/// What is decided once: the name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Begun {
    name: String,
}

/// What was uploaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    sent: Sent,
    files: usize,
    head: Option<Anchor>,
    left_out: Vec<String>,
}

/// `purser.backup_store`.
pub struct BackupStore;

impl Action for BackupStore {
    type System = Own;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "purser.backup_store",
        summary: "Back up Purser's own store, keys, configuration and files, encrypted for keys that are elsewhere",
        risk: Risk::Destroy,
        service: None,
        effects: &[
            EffectSpec {
                name: UPLOAD_BACKUP,
                sort: EffectSort::Repeatable,
                limit: Duration::from_hours(2),
            },
            EffectSpec {
                name: DELETE_OLD,
                sort: EffectSort::Repeatable,
                limit: Duration::from_mins(3),
            },
        ],
        last_undoable: Some(UPLOAD_BACKUP),
    };

    async fn plan(&self, ctx: &ReadContext, _: &Own, input: Input) -> Result<Plan> {
        let keys = check(&input)?;
        let there = folder::backups(&*ctx.objects(&input.to)?).await?.len();
        let outlook = ctx.systems.own()?.outlook().await?;
        let mut plan = Plan::new(format!("back up Purser itself to {}", input.to))
            .changes(
                format!("a new object in {}", input.to),
                None,
                Some(format!(
                    "a backup that {} of `recipients` can open",
                    counted(keys, "key")
                )),
            )
            .note(format!(
                "{} MiB before compression",
                outlook.bytes.div_ceil(1 << 20)
            ))
            .note(format!("{} there now", counted(there, "backup")));
        if let Some(keep) = input.keep {
            plan = plan.changes(
                format!("backups in {} beyond the {keep} newest", input.to),
                Some("kept".to_owned()),
                None,
            );
        }
        for left_out in outlook.left_out {
            plan = plan.note(format!("left out: {left_out}"));
        }
        Ok(plan)
    }

    async fn run(&self, ctx: &Context, _: &Own, input: Input) -> Result<Output> {
        check(&input)?;
        let folder = ctx.read.objects(&input.to)?;
        let begun: Begun = ctx.record("backup", || begin(ctx)).await?;
        let stored: Stored = ctx
            .repeatable(UPLOAD_BACKUP, |_| upload(ctx, &input, &begun, &*folder))
            .await?;
        let proof = ctx
            .record("proof", || prove(&*folder, &begun.name, &stored.sent))
            .await?;
        let deleted = match (input.keep, proof) {
            (Some(keep), Proof::Readable) => delete_old(ctx, &*folder, &begun.name, keep).await?,
            (Some(_), Proof::Stored) => {
                ctx.log.line(
                    "no older backup was deleted: this one could not be read back (the key may \
                     write there, and not read)",
                );
                vec![]
            }
            (None, _) => vec![],
        };
        Ok(Output {
            backup: input.to.join(&begun.name),
            bytes: stored.sent.bytes,
            files: stored.files,
            receipts: stored.head.as_ref().map_or(0, |head| head.seq),
            head: stored.head.map(|head| head.hash),
            left_out: stored.left_out,
            deleted,
            proof,
        })
    }

    /// As soon as one older backup was to be deleted for it, the new one stays, whatever the journal
    /// says of that: it may be all that there is.
    async fn undo(&self, ctx: &Context, _: &Own, input: Input) -> Result<Undone> {
        let Some(begun) = ctx.journal.recorded("backup".to_owned()).await else {
            return Ok(Undone::Fully);
        };
        let begun: Begun = serde_json::from_value(begun).map_err(|error| {
            ActionError::fatal(format!("what the run recorded cannot be read: {error}"))
        })?;
        if let Some(gone) = gone(&ctx.effects().await) {
            return Ok(Undone::ExceptFor(format!(
                "{} stays, for older ones were to be deleted for it; {gone}",
                begun.name
            )));
        }
        let folder = ctx.read.objects(&input.to)?;
        ctx.undo(UPLOAD_BACKUP, |_, _: Option<Stored>| {
            clear(&*folder, &begun.name)
        })
        .await?;
        Ok(Undone::Fully)
    }

    fn way_back(&self, step: &StepState) -> WayBack {
        match gone(&step.effects) {
            Some(gone) => WayBack::Stays(format!(
                "the backup stays, for older ones were to be deleted for it; {gone}"
            )),
            None => WayBack::Undo,
        }
    }
}

/// How many can open it.
fn check(input: &Input) -> Result<usize> {
    if input.keep == Some(0) {
        return Err(ActionError::fatal(
            "`keep` is 0, and the new backup is one to keep: write 1 or more, or leave it out to \
             keep all",
        ));
    }
    Ok(recipients::read(&input.recipients)?.len())
}

async fn begin(ctx: &Context) -> Result<Begun> {
    let at = ctx.read.clock.now();
    let token = ctx.key(UPLOAD_BACKUP).await.token();
    let name = folder::name_of(at, &token);
    Ok(Begun { name })
}

/// Copies and uploads. Whatever goes wrong, nothing of it is kept.
async fn upload(
    ctx: &Context,
    input: &Input,
    begun: &Begun,
    folder: &dyn Objects,
) -> Result<Stored> {
    clear(folder, &begun.name).await?;
    let outcome = tokio::select! {
        outcome = copy_and_store(ctx, input, begun, folder) => outcome,
        () = ctx.cancel.cancelled() => Err(ActionError::cancelled(
            "the backup was stopped, and nothing of it was kept",
        )),
    };
    let Err(error) = outcome else { return outcome };
    match clear(folder, &begun.name).await {
        Ok(()) => Err(ActionError {
            may_have_landed: false,
            ..error
        }),
        Err(left) => Err(error.with_remnants(&left)),
    }
}

async fn copy_and_store(
    ctx: &Context,
    input: &Input,
    begun: &Begun,
    folder: &dyn Objects,
) -> Result<Stored> {
    let keys = recipients::read(&input.recipients)?;
    let token = ctx.key(UPLOAD_BACKUP).await.token();
    let made_at = ctx.read.clock.now();
    let copy = ctx.read.systems.own()?.copy(&token).await?;
    let manifest = Manifest {
        format: FORMAT,
        name: begun.name.clone(),
        purser: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        head: copy.head,
        schema: copy.schema,
        left_out: copy.left_out,
        files: vec![],
    };
    let stored = archive::store(ctx, keys, manifest, copy.files, folder).await;
    drop(copy.copied);
    let (manifest, sent) = stored?;
    Ok(Stored {
        sent,
        files: manifest.files.len(),
        head: manifest.head,
        left_out: manifest.left_out,
    })
}

async fn prove(folder: &dyn Objects, name: &str, sent: &Sent) -> Result<Proof> {
    match archive::read_back(folder, name).await? {
        None => Ok(Proof::Stored),
        Some(there) if there == *sent => Ok(Proof::Readable),
        Some(there) => Err(ActionError::retryable(format!(
            "{} is not what was sent: {} bytes with {} were read back, and {} bytes with {} were \
             sent; no older backup was deleted",
            folder.url().join(name),
            there.bytes,
            there.sha256,
            sent.bytes,
            sent.sha256
        ))),
    }
}

/// Deletes all but the newest; never the one that was just made.
async fn delete_old(
    ctx: &Context,
    folder: &dyn Objects,
    ours: &str,
    keep: u32,
) -> Result<Vec<String>> {
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let old: Vec<String> = ctx
        .record("old", || async {
            let there = folder::backups(folder).await?;
            let names = there.into_iter().skip(keep).map(|found| found.name);
            Ok(names.filter(|name| name != ours).collect())
        })
        .await?;
    for name in &old {
        ctx.repeatable((DELETE_OLD, name.as_str()), |_| async {
            let removed = folder::remove(folder, name).await;
            // Whatever is answered, the object may be gone.
            removed.map_err(ActionError::may_have_landed)
        })
        .await?;
    }
    Ok(old)
}

/// What became of the older backups; `None` when none was to be deleted yet.
fn gone(effects: &[EffectRecord]) -> Option<String> {
    let deletions = effects.iter().filter(|one| one.effect.name == DELETE_OLD);
    let said: Vec<_> = deletions
        .map(|one| {
            let name = one.effect.item.as_deref().unwrap_or_default();
            match one.status {
                EffectStatus::Done(_) => format!("{name} is deleted"),
                _ => format!("{name} may be gone"),
            }
        })
        .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// Removes what an earlier try may have left, unfinished uploads included.
async fn clear(folder: &dyn Objects, name: &str) -> Result<()> {
    folder.abort_uploads(name).await?;
    folder::remove(folder, name).await
}

//! Looking: at runs, what their steps said, and receipts.

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::answer::{any_open, may_decide};
use super::suggest::may_give;
use super::{Result, Service, ServiceError};
use crate::catalog::{Catalog, Reply};
use crate::domain::approval::MayAnswer;
use crate::domain::digest::Digest;
use crate::domain::event::Logged;
use crate::domain::input::InputSpec;
use crate::domain::link::Identity;
use crate::domain::names::{RunId, StepId};
use crate::domain::nearest;
use crate::domain::person::Actor;
use crate::domain::receipt::Receipt;
use crate::domain::run::{RunState, RunStatus};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;
use crate::engine::RunLog;
use crate::store::RunRow;

/// No list is longer.
const LONGEST_LIST: u32 = 500;

/// No longer is waited until the last receipts are sealed.
const SEALED_WITHIN: Duration = Duration::from_secs(2);

/// A run as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// Where it stands.
    pub status: RunStatus,
    /// What its running step says of itself, or why the run stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// While it waits for approval: whether whoever looks may give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_approve: Option<MayAnswer>,
    /// While it asks for a decision: whether whoever looks may decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_decide: Option<MayAnswer>,
    /// Of what its steps have kept, what is kept no more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub artifacts_gone: BTreeSet<Digest>,
    /// Whether something of it can be taken back, it has succeeded, and nobody has had it taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub can_be_undone: bool,
    /// The run that takes it back, has, or was to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<UndoneBy>,
    /// The steps of its definition that have not begun and may still do so, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_come: Vec<StepId>,
    /// Its whole state.
    pub run: RunState,
}

/// A run that takes another one back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoneBy {
    /// Which.
    pub run: RunId,
    /// Where it stands.
    pub status: RunStatus,
}

/// A workflow or a command as lists show it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Inputs or options, in the order of the file.
    pub inputs: IndexMap<String, InputSpec>,
}

/// Everything that can be asked for by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CatalogView {
    /// What people can type.
    pub commands: Vec<CatalogEntry>,
    /// What can be run.
    pub workflows: Vec<CatalogEntry>,
}

/// A run whose log has been read once; from then on only what is new is read.
pub struct Followed {
    log: RunLog,
    definition: Workflow,
}

impl Service {
    /// The run that this text means: an id, or the beginning or end of one.
    ///
    /// # Errors
    /// No run, more than one, or one of which there is nothing but its receipt.
    pub async fn find_run(&self, text: &str) -> Result<RunId> {
        match self.find_any_run(text).await? {
            (run, None) => Ok(run),
            (run, Some(since)) => Err(ServiceError::Gone(format!(
                "the log of run {run} is kept no more since {since}; what it did is in its receipt: \
                 `purser receipts show {}`",
                run.short()
            ))),
        }
    }

    /// The same, also of a run of which there is nothing but its receipt, with since when.
    async fn find_any_run(&self, text: &str) -> Result<(RunId, Option<Timestamp>)> {
        let store = &self.parts.store;
        let kept = store.find(text).await?;
        let mut found: Vec<_> = kept.into_iter().map(|run| (run, None)).collect();
        if found.is_empty() {
            let gone = store.find_gone(text).await?.into_iter();
            found = gone.map(|gone| (gone.run, Some(gone.at))).collect();
        }
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(ServiceError::Invalid(format!(
                "there is no run `{text}`: see `purser runs list`"
            ))),
            several => {
                let ids: Vec<_> = several.iter().map(|(run, _)| run.to_string()).collect();
                Err(ServiceError::Invalid(format!(
                    "`{text}` means several runs: {}; give more of the id",
                    ids.join(", ")
                )))
            }
        }
    }

    /// The latest runs, newest first.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn runs(&self, by: &Actor, limit: u32) -> Result<Vec<RunRow>> {
        self.known(by, "list runs").await?;
        Ok(self.parts.store.list(limit.min(LONGEST_LIST)).await?)
    }

    /// A run as it is now.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn show(&self, by: &Actor, run: RunId) -> Result<RunView> {
        let followed = self.follow(by, run).await?;
        self.see(by, &followed).await
    }

    /// A run that somebody will look at again and again.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn follow(&self, by: &Actor, run: RunId) -> Result<Followed> {
        self.known(by, "look at a run").await?;
        let (log, definition) = self.open(run).await?;
        Ok(Followed { log, definition })
    }

    /// A followed run as it is now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn see(&self, by: &Actor, followed: &Followed) -> Result<RunView> {
        let Followed { log, definition } = followed;
        let state = log.state().await?;
        let undone_by = self.undone_by(&state).await?;
        Ok(RunView {
            status: state.status(),
            progress: self.parts.progress.of(state.id),
            may_approve: may_approve(by, &state),
            may_decide: may_decide(by, &state, definition),
            can_be_undone: undone_by.is_none() && self.can_be_undone(&state, definition),
            undone_by,
            artifacts_gone: self.artifacts_gone(&state).await?,
            to_come: to_come(&state, definition),
            run: state,
        })
    }

    /// The events of a run behind this place of its log, as many as a page holds.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn log(&self, by: &Actor, run: RunId, after: u64) -> Result<Vec<Logged>> {
        self.known(by, "look at a run").await?;
        Ok(self.parts.store.log_page(run, after, LONGEST_LIST).await?)
    }

    /// The last lines that a step has said.
    ///
    /// # Errors
    /// A stranger asks, the run has no such step, or the store cannot be read.
    pub async fn lines(
        &self,
        by: &Actor,
        run: RunId,
        step: &StepId,
        limit: u32,
    ) -> Result<Vec<String>> {
        self.known(by, "look at a run").await?;
        let (log, definition) = self.open(run).await?;
        let is_known = log.state().await?.steps.contains_key(step);
        if !is_known && definition.step(step).is_none() {
            let steps: Vec<_> = definition.steps.iter().map(|s| s.id.as_str()).collect();
            let unknown = nearest::unknown("step", step.as_str(), steps);
            return Err(ServiceError::Invalid(unknown));
        }
        Ok(self
            .parts
            .store
            .last_lines(run, step, limit.min(LONGEST_LIST))
            .await?)
    }

    /// Everything that can be asked for by name.
    ///
    /// # Errors
    /// A stranger asks.
    pub async fn names(&self, by: &Actor) -> Result<CatalogView> {
        self.known(by, "look at the catalog").await?;
        Ok(catalog_view(&self.catalog()))
    }

    /// All commands, with their options.
    pub fn commands(&self) -> Vec<CatalogEntry> {
        catalog_view(&self.catalog()).commands
    }

    /// Whether the answer to a command is for who gave it alone.
    pub fn answers_privately(&self, command: &str) -> bool {
        let catalog = self.catalog();
        let command = catalog.command(command);
        command.is_ok_and(|command| command.reply == Reply::Private)
    }

    /// The commands that the person may give, each with its summary.
    pub fn commands_of(&self, by: &Actor) -> Vec<(String, String)> {
        let catalog = self.catalog();
        let mine = catalog
            .commands()
            .filter(|command| may_give(by, command, &catalog));
        mine.map(|command| (command.name.to_string(), command.summary.clone()))
            .collect()
    }

    /// Tells each run whose log has grown.
    pub fn changes(&self) -> tokio::sync::broadcast::Receiver<RunId> {
        self.parts.store.changes()
    }

    /// The last receipts, newest first.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn receipts(&self, by: &Actor, limit: u32) -> Result<Vec<Receipt>> {
        self.known(by, "list receipts").await?;
        self.all_sealed().await?;
        Ok(self
            .parts
            .store
            .latest_receipts(limit.min(LONGEST_LIST))
            .await?)
    }

    /// Receipts behind this place, oldest first, as many as a page holds.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn receipts_after(&self, by: &Actor, seq: u64) -> Result<Vec<Receipt>> {
        self.known(by, "read receipts").await?;
        self.all_sealed().await?;
        Ok(self.parts.store.receipts_after(seq, LONGEST_LIST).await?)
    }

    /// The receipt at this place, or of this run.
    ///
    /// # Errors
    /// A stranger asks, there is none, or the store cannot be read.
    pub async fn receipt(&self, by: &Actor, which: &str) -> Result<Receipt> {
        self.known(by, "read a receipt").await?;
        self.all_sealed().await?;
        let receipt = match which.parse::<u64>() {
            Ok(seq) if which.len() < 8 => self.parts.store.receipt_at(seq).await?,
            _ => {
                let (run, _) = self.find_any_run(which).await?;
                self.parts.store.receipt_of(run).await?
            }
        };
        receipt.ok_or_else(|| {
            ServiceError::Invalid(format!(
                "there is no receipt `{which}`: a run has one once it has ended; see `purser \
                 receipts list`"
            ))
        })
    }

    /// A receipt is sealed a moment after it was committed: whoever looks then waits for those that
    /// there are. A sealer in trouble keeps nobody from the others.
    async fn all_sealed(&self) -> Result<()> {
        let store = &self.parts.store;
        let mut commits = store.commits();
        let Some((newest, _)) = store.unsealed_receipts().await?.pop() else {
            return Ok(());
        };
        let sealed = async {
            while commits.changed().await.is_ok() {
                let waiting = store.unsealed_receipts().await?;
                if waiting.first().is_none_or(|(oldest, _)| *oldest > newest) {
                    break;
                }
            }
            Ok(())
        };
        tokio::time::timeout(SEALED_WITHIN, sealed)
            .await
            .unwrap_or(Ok(()))
    }

    /// Whether runs can be started: the store answers. Anybody may ask.
    ///
    /// # Errors
    /// The store does not.
    pub async fn ready(&self) -> Result<()> {
        Ok(self.parts.store.list(1).await.map(drop)?)
    }

    /// Only people whom Purser knows may look.
    ///
    /// # Errors
    /// A stranger asks; a receipt says so.
    pub async fn known(&self, by: &Actor, asked: &str) -> Result<()> {
        if by.roles.is_empty() {
            return Err(self.refuse_stranger(by, asked).await);
        }
        Ok(())
    }

    /// Refuses whoever is nobody, and says how they become somebody.
    pub(super) async fn refuse_stranger(&self, by: &Actor, asked: &str) -> ServiceError {
        let why = match by.chat() {
            None => format!(
                "{by} is nobody whom Purser knows: add `[people.NAME]` with `roles` and this {} to \
                 its configuration",
                by.through
            ),
            Some(Identity { platform, id }) => format!(
                "Purser does not know who you are: type `purser link` in a terminal where it knows you, and do \
                 what that says; or ask whoever runs it to add `{platform} = \"{id}\"` and `roles` to a \
                 `[people.NAME]` of its configuration"
            ),
        };
        self.refuse(by, asked, why).await
    }
}

/// None of a run that has ended or is being stopped.
pub(super) fn to_come(state: &RunState, definition: &Workflow) -> Vec<StepId> {
    if state.ended.is_some() || state.stop.is_some() || state.request.undo.is_some() {
        return Vec::new();
    }
    let ids = definition.steps.iter().map(|step| &step.id);
    ids.filter(|id| !state.steps.contains_key(*id))
        .cloned()
        .collect()
}

/// Nothing while the run does not ask for approval.
pub(super) fn may_approve(by: &Actor, state: &RunState) -> Option<MayAnswer> {
    let requester = &state.request.by.person;
    let may = any_open(state, |open| match open.may_be_met_by(by, requester) {
        MayAnswer::Yes => Ok(()),
        MayAnswer::No(why) => Err(why),
    })?;
    Some(may.map_or_else(MayAnswer::No, |()| MayAnswer::Yes))
}

/// What a catalog has, as lists show it.
pub fn catalog_view(catalog: &Catalog) -> CatalogView {
    CatalogView {
        commands: catalog
            .commands()
            .map(|command| CatalogEntry {
                name: command.name.to_string(),
                summary: command.summary.clone(),
                inputs: command.options.clone(),
            })
            .collect(),
        workflows: catalog
            .workflows()
            .map(|loaded| CatalogEntry {
                name: loaded.workflow.name.to_string(),
                summary: loaded.workflow.summary.clone(),
                inputs: loaded.workflow.inputs.clone(),
            })
            .collect(),
    }
}

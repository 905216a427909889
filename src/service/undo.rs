//! Undoing a run that has succeeded, in a run of its own.

use super::invoke::{MOST_STEPS_IN_A_CHANNEL, approvals};
use super::{Result, Service, ServiceError, UndoneBy};
use crate::catalog::{Catalog, Loaded};
use crate::domain::approval::ApprovalPolicy;
use crate::domain::chat::{ChatChannel, ChatPlace};
use crate::domain::ending::FinalState;
use crate::domain::event::{Requested, Trigger};
use crate::domain::names::RunId;
use crate::domain::person::{Actor, Refusal};
use crate::domain::plan::WorkflowPlan;
use crate::domain::run::{RunState, RunStatus};
use crate::domain::undo::{self, NoUndo, Undo};
use crate::domain::workflow::{WhenBusy, Workflow, may_start};
use crate::engine::first_to_undo;
use crate::store::{NewRun, StoreError};

/// What somebody asks for who wants a run undone.
#[derive(Clone, Debug, Default)]
pub struct Back {
    /// Why.
    pub reason: Option<String>,
    /// The same key by the same person gives the same run.
    pub idempotency_key: Option<String>,
    /// Why it is not to wait for freezes and locks.
    pub break_glass: Option<String>,
    /// The channel of a chat in which it is asked for.
    pub channel: Option<ChatChannel>,
}

/// A run that may be undone.
struct Checked {
    definition: Workflow,
    request: Requested,
    earlier: RunState,
}

impl Service {
    /// Starts a run that takes back what a run has done that succeeded. Whoever asks must be allowed to
    /// start the workflow, and its approvals are asked for.
    ///
    /// # Errors
    /// Nothing of it can be taken back, or not now; or anything for which the workflow could not be
    /// started.
    pub async fn undo(&self, by: &Actor, run: RunId, back: Back) -> Result<RunId> {
        let asked = format!("undo {run}");
        self.known(by, &asked).await?;
        let key = back.idempotency_key.as_deref();
        if let Some(earlier) = self.earlier(by, key).await? {
            return Ok(earlier);
        }
        let Checked {
            definition,
            request,
            earlier,
        } = self.check_undo(by, run, back.reason.as_deref()).await?;
        let reason = back.break_glass.as_deref();
        let request = Requested {
            break_glass: self.glass(by, &asked, reason).await?,
            shown_in: back.channel.map(|channel| shown_in(&request, channel)),
            ..request
        };
        // What is taken back may need what it was done with.
        let secrets = self.given_to(&earlier).await?;
        let id = self.new_run_id();
        self.mask_given(id, &secrets).await?;
        let run = NewRun {
            id,
            at: self.parts.clock.now(),
            request,
            definition,
            idempotency_key: back.idempotency_key,
            secrets: vec![],
        };
        self.commit(&asked, run, secrets).await
    }

    /// Says what undoing a run would do, and changes nothing.
    ///
    /// # Errors
    /// As [`Self::undo`], or a step for which no plan can be made.
    pub async fn plan_undo(&self, by: &Actor, run: RunId) -> Result<WorkflowPlan> {
        self.known(by, &format!("plan to undo {run}")).await?;
        let checked = self.check_undo(by, run, None).await?;
        self.plan_of(&checked.definition, checked.request).await
    }

    /// Whether something of a run can be taken back, as far as its log says.
    pub(super) fn can_be_undone(&self, state: &RunState, definition: &Workflow) -> bool {
        let way_back = |step: &_| self.parts.registry.way_back(step);
        undo::can_be(state, definition, way_back)
    }

    /// The run that takes this one back, or has: only of one that has ended.
    pub(super) async fn undone_by(&self, state: &RunState) -> Result<Option<UndoneBy>> {
        if state.ended.is_none() {
            return Ok(None);
        }
        let store = &self.parts.store;
        let Some(run) = store.undone_by(state.id).await? else {
            return Ok(None);
        };
        let status = store.status_of(run).await?;
        Ok(status.map(|status| UndoneBy { run, status }))
    }

    async fn check_undo(&self, by: &Actor, run: RunId, reason: Option<&str>) -> Result<Checked> {
        let reason = reason.map(|reason| self.reason(reason)).transpose()?;
        let (log, definition) = self.open(run).await?;
        let earlier = log.state().await?;
        let catalog = self.catalog();
        let loaded = self.may_undo(by, &catalog, &earlier).await?;
        undo::may_be_undone(&earlier).map_err(|why| self.no_undo(&why))?;
        self.not_undone(&earlier).await?;
        self.not_overtaken(&earlier).await?;
        let way_back = |step: &_| self.parts.registry.way_back(step);
        let undo = undo::of(&earlier, &definition, reason, way_back);
        let undo = undo.map_err(|why| self.no_undo(&why))?;
        let approval = policies(&catalog, loaded, &earlier, &definition, &undo);
        let mut environments = loaded.environments.clone();
        let before = earlier.request.environments.clone();
        environments.extend(
            before
                .into_iter()
                .filter(|one| !loaded.environments.contains(one)),
        );
        let request = Requested {
            by: by.clone(),
            trigger: Trigger::Api,
            environments,
            approval,
            // One that was asked for by a person waits for its turn, whatever its workflow does.
            when_busy: WhenBusy::default(),
            // Taking back is not stopped half-way.
            timeout: None,
            rerun: None,
            undo: Some(undo),
            break_glass: None,
            shown_in: None,
            ..earlier.request.clone()
        };
        Ok(Checked {
            definition,
            request,
            earlier,
        })
    }

    /// Who may is who may start the workflow as its file is now, where it acts now and where it acted.
    async fn may_undo<'c>(
        &self,
        by: &Actor,
        catalog: &'c Catalog,
        earlier: &RunState,
    ) -> Result<&'c Loaded> {
        let name = &earlier.request.workflow;
        let Ok(loaded) = catalog.workflow(name.as_str()) else {
            return Err(ServiceError::Conflict(format!(
                "there is no workflow `{name}` any more, and its file says who may undo run {}: put it \
                 back for that, or set right by hand what is not to stay",
                earlier.id.short()
            )));
        };
        let before = &earlier.request.environments;
        let may: Result<(), Refusal> = catalog
            .may_start(by, loaded)
            .and_then(|()| may_start(by, &loaded.workflow, before));
        match may {
            Ok(()) => Ok(loaded),
            Err(refusal) => {
                let asked = format!("undo {}", earlier.id);
                Err(self.refuse(by, &asked, refusal.0).await)
            }
        }
    }

    /// Nothing is taken back twice.
    async fn not_undone(&self, earlier: &RunState) -> Result<()> {
        let Some(UndoneBy { run: by, status }) = self.undone_by(earlier).await? else {
            return Ok(());
        };
        let of = earlier.id;
        Err(ServiceError::from(match status {
            RunStatus::Ended(FinalState::Succeeded) => StoreError::Undone { of, by },
            RunStatus::Ended(_) => StoreError::UndoneInPart { of, by },
            _ => StoreError::BeingUndone { of, by },
        }))
    }

    /// No run is taken back on which a later one builds.
    async fn not_overtaken(&self, earlier: &RunState) -> Result<()> {
        let parts = &self.parts;
        let later = first_to_undo(earlier.id, &parts.store, &parts.clock, &parts.entropy);
        match later.await? {
            Some(later) => Err(self.no_undo(&undo::overtaken(earlier, &later))),
            None => Ok(()),
        }
    }

    fn no_undo(&self, why: &NoUndo) -> ServiceError {
        ServiceError::Conflict(self.parts.redactor.text(&why.to_string()))
    }
}

/// Who must approve: as for starting the workflow, wherever it acted too; and for each step that is taken
/// back, who had to say yes to that.
fn policies(
    catalog: &Catalog,
    loaded: &Loaded,
    earlier: &RunState,
    definition: &Workflow,
    undo: &Undo,
) -> Vec<ApprovalPolicy> {
    let before = earlier.request.environments.iter();
    let before = before.filter_map(|environment| loaded.workflow.approval.get(environment));
    let of_steps = undo.taken_back().filter_map(|step| {
        let action = definition.step(step)?.action()?;
        action.approval.as_ref()
    });
    let mut policies = approvals(catalog, loaded);
    for policy in before.chain(of_steps) {
        if !policies.contains(policy) {
            policies.push(policy.clone());
        }
    }
    policies
}

/// Like the run of the workflow itself: what asks, or is long, has a thread.
fn shown_in(request: &Requested, channel: ChatChannel) -> ChatPlace {
    let steps = request.undo.iter().flat_map(Undo::taken_back).count();
    let in_thread = !request.approval.is_empty() || steps > MOST_STEPS_IN_A_CHANNEL;
    ChatPlace::within(channel, in_thread)
}

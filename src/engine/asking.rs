//! Asks people: the questions that a run's approvals are.

use super::planner::{Planner, failure_of};
use crate::domain::approval::ApprovalPolicy;
use crate::domain::digest::digest_of;
use crate::domain::event::{Event, Failure, StepAsked};
use crate::domain::interpreter::Spot;
use crate::domain::names::StepId;
use crate::domain::plan::{Plan, WorkflowPlan};
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;

/// May the whole plan be carried out? The policy that lapses first says until when.
pub(super) fn about_run(state: &RunState, now: Timestamp) -> Event {
    let first = state
        .request
        .approval
        .iter()
        .min_by_key(|policy| policy.expires.duration());
    match (state.plan.as_ref().map(WorkflowPlan::digest), first) {
        (Some(digest), Some(policy)) => Event::ApprovalRequested {
            digest,
            expires_at: now.plus(policy.expires.duration()),
            remind_at: policy.reminds_after().map(|after| now.plus(after)),
        },
        _ => Event::PlanFailed {
            failure: Failure::fatal("there is no plan to approve"),
        },
    }
}

/// A question about one step that has no time yet, or why it cannot be asked.
pub(super) struct Question {
    step: StepId,
    asked: Result<(Plan, ApprovalPolicy, serde_json::Value), Failure>,
}

/// May this step be carried out, now that its inputs are known?
pub(super) async fn about_step(
    planner: &Planner,
    definition: &Workflow,
    state: &RunState,
    step: &StepId,
) -> Question {
    Question {
        step: step.clone(),
        asked: plan_of(planner, definition, state, step).await,
    }
}

async fn plan_of(
    planner: &Planner,
    definition: &Workflow,
    state: &RunState,
    step: &StepId,
) -> Result<(Plan, ApprovalPolicy, serde_json::Value), Failure> {
    let spot = Spot::find(definition, state, step);
    let policy = spot
        .as_ref()
        .and_then(|spot| spot.step.action()?.approval.clone())
        .ok_or_else(|| Failure::fatal("the run's definition lacks the approval of this step"))?;
    match spot.map(|spot| spot.opening()) {
        Some(Event::StepStarted {
            action,
            system,
            input,
            ..
        }) => {
            let plan = planner
                .plan_step(action.as_str(), system.as_ref(), &input)
                .await
                .map_err(|error| failure_of(&error))?;
            let plan = plan.unwrap_or_else(|| Plan::new(format!("{action}, which only reads")));
            let bound_to = serde_json::json!([state.id, step, action, system, input]);
            Ok((plan, policy, bound_to))
        }
        Some(Event::AttemptFailed { failure, .. }) => Err(failure),
        _ => Err(Failure::fatal("the run's definition lacks this step")),
    }
}

impl Question {
    /// The event that asks it now; or, where it cannot be asked, the one that fails the step.
    pub(super) fn at(self, now: Timestamp) -> Event {
        let step = self.step;
        match self.asked {
            Ok((plan, policy, bound_to)) => Event::StepApprovalRequested(Box::new(StepAsked {
                step,
                digest: digest_of(&serde_json::json!([bound_to, plan.digest()])),
                plan,
                expires_at: now.plus(policy.expires.duration()),
                remind_at: policy.reminds_after().map(|after| now.plus(after)),
                policy,
            })),
            Err(failure) => Event::AttemptFailed {
                step,
                failure,
                retry_at: None,
            },
        }
    }
}

//! What can be done to a run as it stands.

use crate::domain::digest::Digest;
use crate::domain::ending::FinalState;
use crate::domain::names::StepId;
use crate::domain::run::{RunState, StepState, StepStatus};
use crate::service::{RunView, Verdict};

use super::asks::{self, About};

/// One thing that can be done. Whether somebody may do it is for [`crate::service`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Say yes to the plan of this digest.
    Approve {
        /// What the yes is bound to.
        plan: Digest,
    },
    /// Say no to it, which ends the run.
    Reject {
        /// What was looked at.
        plan: Digest,
    },
    /// Answer a question.
    Decide {
        /// Its number in the run.
        question: u32,
        /// What is said to it.
        verdict: Verdict,
    },
    /// Stop it.
    Cancel,
    /// Start a run that goes on from it.
    Rerun,
    /// Start a run that takes back what it did.
    Undo,
    /// Read what a step has said.
    Logs {
        /// The step.
        step: StepId,
        /// Its place among the steps of the run, counted from 0, which stays the same.
        place: u32,
    },
}

/// What can be done to a run: first what it asks for, last what only shows.
pub fn of(view: &RunView) -> Vec<Offer> {
    let run = &view.run;
    let mut offers = Vec::new();
    for open in run.open_approvals() {
        let plan = || open.digest.clone();
        offers.extend([
            Offer::Approve { plan: plan() },
            Offer::Reject { plan: plan() },
        ]);
    }
    for question in asks::questions(run) {
        let verdicts: &[Verdict] = match question.about {
            About::Effect(_) => &[Verdict::Happened, Verdict::DidNot],
            About::GoingOn => &[Verdict::GoOn],
        };
        offers.extend(verdicts.iter().map(|verdict| Offer::Decide {
            question: question.number,
            verdict: *verdict,
        }));
    }
    match &run.ended {
        None if run.stop.is_none() => offers.push(Offer::Cancel),
        Some(ended) if ended.state != FinalState::Succeeded => offers.push(Offer::Rerun),
        Some(_) if view.can_be_undone => offers.push(Offer::Undo),
        None | Some(_) => {}
    }
    offers.extend(logs(run));
    offers
}

/// What the steps have said that one would look at: those at work, those that ask, those that have
/// failed.
fn logs(run: &RunState) -> impl Iterator<Item = Offer> {
    let is_told = |state: &StepState| {
        state.action.is_some()
            && (state.status == StepStatus::Running
                || state.question.is_some()
                || state.failure.is_some() && state.status != StepStatus::Succeeded)
    };
    let steps = run.steps.iter().zip(0..);
    steps
        .filter(move |((_, state), _)| is_told(state))
        .map(|((step, _), place)| Offer::Logs {
            step: step.clone(),
            place,
        })
}

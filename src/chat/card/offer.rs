//! What can be done to a run as it stands.

use crate::domain::digest::Digest;
use crate::domain::ending::FinalState;
use crate::domain::names::StepId;
use crate::domain::run::{RunState, StepState, StepStatus};
use crate::service::{RunView, Verdict};

use super::asks::{self, About};

/// One thing that can be done. Whether somebody may do it is for [`crate::service`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What.
    pub act: Act,
    /// The step that it is about; `None`: the whole run.
    pub step: Option<StepId>,
}

/// What is done to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Say yes to the plan of this digest.
    Approve {
        /// What the yes is bound to.
        plan: Digest,
    },
    /// Say yes to it with the name that has to be typed: it removes what cannot be had back.
    Confirm {
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
        /// Its place among the steps of the run, counted from 0, which stays the same.
        place: u32,
    },
}

impl Act {
    /// As something that can be done to the whole run.
    fn about_all(self) -> Offer {
        Offer {
            act: self,
            step: None,
        }
    }

    /// As something that is about this step.
    fn about(self, step: &StepId) -> Offer {
        Offer {
            act: self,
            step: Some(step.clone()),
        }
    }
}

/// What can be done to a run: first what it asks for, last what only shows.
pub fn of(view: &RunView) -> Vec<Offer> {
    let run = &view.run;
    let approvals = asks::approvals(run);
    let approvals = approvals.into_iter().flat_map(|asked| {
        let plan = || asked.plan.clone();
        let yes = match asked.to_be_typed {
            Some(_) => Act::Confirm { plan: plan() },
            None => Act::Approve { plan: plan() },
        };
        let acts = [yes, Act::Reject { plan: plan() }];
        acts.map(|act| Offer {
            act,
            step: asked.step.clone(),
        })
    });
    let decisions = asks::questions(run).into_iter().flat_map(|asked| {
        let verdicts: &[Verdict] = match asked.about {
            About::Effect(_) => &[Verdict::Happened, Verdict::DidNot],
            About::GoingOn => &[Verdict::GoOn],
        };
        let act = move |verdict: &Verdict| Act::Decide {
            question: asked.number,
            verdict: *verdict,
        };
        verdicts
            .iter()
            .map(move |verdict| act(verdict).about(&asked.step))
    });
    let to_all = match &run.ended {
        None if run.stop.is_none() => Some(Act::Cancel),
        Some(ended) if ended.state != FinalState::Succeeded => Some(Act::Rerun),
        Some(_) if view.can_be_undone => Some(Act::Undo),
        None | Some(_) => None,
    };
    let to_all = to_all.map(Act::about_all);
    approvals
        .chain(decisions)
        .chain(to_all)
        .chain(logs(run))
        .collect()
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
        .map(|((step, _), place)| Act::Logs { place }.about(step))
}

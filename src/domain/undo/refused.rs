//! Why a run is not taken back, each with the way out.

use crate::domain::ending::FinalState;
use crate::domain::names::{RunId, StepId, WorkflowName};
use crate::domain::rerun::MOST_TAKEN_OVER;
use crate::domain::run::RunState;

/// Why a run is not taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUndo {
    /// It is under way, or waits.
    #[error(
        "run {0} has not ended: `purser cancel {0}` stops it, and takes back what it has done",
        .run.short()
    )]
    NotEnded {
        /// Which.
        run: RunId,
    },
    /// Its log ends before the run did.
    #[error(
        "nobody knows what run {0} did after the backup that its log comes from: look at the \
         systems that it acts on, and set right by hand what is not as it should be", .run.short()
    )]
    Recovered {
        /// Which.
        run: RunId,
    },
    /// It has taken back what it could by itself.
    #[error(
        "run {0} did not succeed ({1}): what it had done was taken back then, as far as it could be. \
         `purser rerun {0}` goes on from it", .run.short(), .state.in_words()
    )]
    NotSucceeded {
        /// Which.
        run: RunId,
        /// How it ended.
        state: FinalState,
    },
    /// It has taken back another one itself.
    #[error(
        "run {0} has taken back what run {1} did, and that is not undone: start the workflow anew, \
         `purser run {workflow}`", .run.short(), .of.short()
    )]
    IsUndo {
        /// Which.
        run: RunId,
        /// The run that it has taken back.
        of: RunId,
        /// Their workflow.
        workflow: WorkflowName,
    },
    /// It has changed nothing.
    #[error("run {0} has changed nothing: there is nothing to take back", .run.short())]
    ChangedNothing {
        /// Which.
        run: RunId,
    },
    /// Everything that it has done stays.
    #[error(
        "nothing that run {0} did can be taken back ({1}): what is not to stay has to be set right by \
         hand", .run.short(), .why.join("; ")
    )]
    AllStays {
        /// Which.
        run: RunId,
        /// Why, of each step.
        why: Vec<String>,
    },
    /// What is needed of it is too much for one event.
    #[error(
        "what is needed of run {0} to take it back is {bytes} bytes long, {MOST_TAKEN_OVER} at most \
         can be taken over, and step `{step}` has left most of it: what is not to stay has to be set \
         right by hand", .run.short()
    )]
    LeftTooMuch {
        /// Which.
        run: RunId,
        /// How much there is, in bytes of JSON.
        bytes: usize,
        /// The step that has left most of it.
        step: StepId,
    },
    /// A later run builds on what it has left.
    #[error(
        "run {0} has begun since run {1} did, {shared}: {way_out}", .by.short(), .run.short()
    )]
    Overtaken {
        /// Which.
        run: RunId,
        /// The later one.
        by: RunId,
        /// What both have: their key, or their workflow.
        shared: String,
        /// What to do about the later one.
        way_out: String,
    },
}

/// Why a run is not taken back after which this one has begun.
pub fn overtaken(earlier: &RunState, by: &RunState) -> NoUndo {
    let short = by.id.short();
    let shared = match &earlier.request.concurrency {
        Some(key) => format!("with the same key `{key}`"),
        None => format!("of the same workflow `{}`", earlier.request.workflow),
    };
    let way_out = match by.ended.as_ref().map(|ended| ended.state) {
        None => format!("wait for its end, or stop it with `purser cancel {short}`"),
        Some(FinalState::Succeeded) => format!("undo that one first, `purser undo {short}`"),
        Some(_) => format!(
            "what that one has left has to be set right by hand; `purser runs show {short}` says what \
             it is"
        ),
    };
    NoUndo::Overtaken {
        run: earlier.id,
        by: by.id,
        shared,
        way_out,
    }
}

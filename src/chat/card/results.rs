//! What has come of a run: outputs, what was kept, and the last sentence.

use std::fmt;
use std::time::Duration;

use super::span::duration;
use super::step::Mark;
use super::value::value;
use crate::domain::digest::Digest;
use crate::domain::ending::FinalState;
use crate::domain::names::StepId;
use crate::domain::run::{RunState, StepState, StepStatus};
use crate::service::RunView;

/// The output of a step as text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The step.
    pub step: StepId,
    /// What there is of it, and then a line for each thing that was left out.
    pub text: String,
}

/// The outputs of a run's steps, in the order in which they began.
pub fn outputs(run: &RunState) -> Vec<Output> {
    // What the run left that this one takes back is shown there.
    let is_own = |state: &StepState| run.request.undo.is_none() || state.done_in.is_none();
    let output = |(step, state): (&StepId, &StepState)| {
        if !is_own(state) {
            return None;
        }
        Some(Output {
            step: step.clone(),
            text: output(state)?,
        })
    };
    run.steps.iter().filter_map(output).collect()
}

fn output(state: &StepState) -> Option<String> {
    let output = state.output.as_ref()?;
    let left_out = state.told_of_left_out();
    let there = (left_out.is_empty() || !output.is_null()).then(|| value(output));
    let parts: Vec<_> = there.into_iter().chain(left_out).collect();
    Some(parts.join("\n"))
}

/// What a step has kept for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The step.
    pub step: StepId,
    /// Its name: within the run that of its step and its own where several steps have kept something.
    pub name: String,
    /// What it is: `image/png`.
    pub media_type: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Of its bytes.
    pub digest: Digest,
    /// Whether it is still there.
    pub is_there: bool,
}

impl fmt::Display for Kept {
    /// `chart.png (image/png, 12 KiB)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.bytes.div_ceil(1024);
        write!(f, "{} ({}, {size} KiB)", self.name, self.media_type)
    }
}

/// What the steps of a run have kept, in the order in which they did.
pub fn kept(view: &RunView) -> Vec<Kept> {
    let steps = &view.run.steps;
    let has_kept = |step: &&StepState| !step.artifacts.is_empty();
    let several = steps.values().filter(has_kept).count() > 1;
    let mut kept = Vec::new();
    for (step, state) in steps {
        kept.extend(state.artifacts.iter().map(|artifact| Kept {
            step: step.clone(),
            name: if several {
                format!("{step}/{}", artifact.name)
            } else {
                artifact.name.clone()
            },
            media_type: artifact.media_type.clone(),
            bytes: artifact.bytes,
            digest: artifact.digest.clone(),
            is_there: !view.artifacts_gone.contains(&artifact.digest),
        }));
    }
    kept
}

/// How a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub state: FinalState,
    /// After how long.
    pub took: Duration,
    /// Why, and what is true now, in sentences.
    pub whole: String,
    /// The same without the failure of a step, where its line says it.
    pub short: String,
}

impl Ending {
    /// The sign that its line begins with.
    pub fn mark(&self) -> Mark {
        if self.state == FinalState::Succeeded {
            Mark::Done
        } else {
            Mark::Failed
        }
    }
}

impl fmt::Display for Ending {
    /// Behind the lines of the steps: a failure of one was said there, and is not said again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, state, took) = (self.mark(), self.state.in_words(), duration(self.took));
        write!(f, "{mark} {state} after {took}: {}", self.short)
    }
}

/// The last line of a run; `None` before its end.
pub fn ending(run: &RunState) -> Option<Ending> {
    let ended = run.ended.as_ref()?;
    let has_failed = |step: &StepState| step.status == StepStatus::Failed;
    let was_said = ended.state != FinalState::Stuck
        && run.stop.is_none()
        && run.steps.values().any(has_failed);
    let whole = ended.summary.to_string();
    Some(Ending {
        state: ended.state,
        took: ended.at.since(run.requested_at),
        short: if was_said {
            ended.summary.now.clone()
        } else {
            whole.clone()
        },
        whole,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::output::{self, LeftOut};

    fn shown(there: Value) -> String {
        let state = StepState {
            output: Some(there),
            output_left_out: vec![LeftOut {
                item: None,
                bytes: 2_000_000,
                kept: output::Kept::AsArtifact,
            }],
            ..StepState::default()
        };
        super::output(&state).unwrap()
    }

    #[test]
    fn what_was_left_out_of_an_output_is_said_behind_what_is_there() {
        insta::assert_snapshot!(shown(json!({ "text": "a table" })), @"
        a table
        its output has 2000000 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps can read only `text` of it
        ");
        insta::assert_snapshot!(shown(Value::Null), @"its output has 2000000 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps cannot read it");
    }
}

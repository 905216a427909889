//! The steps of a run as lines.

use std::fmt;
use std::time::Duration;

use super::span::duration;
use crate::chat::text::Text;
use crate::domain::event::Failure;
use crate::domain::names::{ActionName, StepId, SystemName};
use crate::domain::run::{RunState, StepState, StepStatus};
use crate::domain::time::Timestamp;

/// The sign that a line begins with: how it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is done.
    Done,
    /// It is under way, or waits for what comes by itself.
    Busy,
    /// People are asked.
    Asks,
    /// People should know.
    Heed,
    /// It has failed.
    Failed,
    /// It was taken back.
    Undone,
    /// It is passed over.
    Passed,
}

impl Mark {
    /// The sign itself.
    pub fn sign(self) -> char {
        match self {
            Self::Done => '✓',
            Self::Busy => '…',
            Self::Asks => '?',
            Self::Heed => '!',
            Self::Failed => '✗',
            Self::Undone => '↶',
            Self::Passed => '-',
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sign().fmt(f)
    }
}

/// Where one step stands, in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLine {
    /// The step.
    pub step: StepId,
    /// How it stands there.
    pub mark: Mark,
    /// What is said of it.
    pub said: Text,
    /// How long it took, where it is done.
    pub took: Option<Duration>,
    /// Since when its present attempt is under way, where one is.
    pub since: Option<Timestamp>,
}

impl fmt::Display for StepLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.mark, self.step, self.said)?;
        match self.took {
            Some(took) => write!(f, " in {}", duration(took)),
            None => Ok(()),
        }
    }
}

/// The lines of all steps of which there is something to say, in the order in which they began.
pub fn lines(run: &RunState) -> Vec<StepLine> {
    let steps = run.steps.iter();
    steps.filter_map(|(id, state)| line(id, state)).collect()
}

/// What is said of a step; `None` while there is nothing to say.
pub fn line(id: &StepId, state: &StepState) -> Option<StepLine> {
    if state.is_composite() && (state.is_under_way() || state.is_over()) {
        return None;
    }
    let (mark, said) = match state.done_in.filter(|_| state.status != StepStatus::Undone) {
        Some(run) => (Mark::Passed, format!("done in run {}", run.short()).into()),
        None => told(state)?,
    };
    let is_done = mark == Mark::Done;
    let is_running = state.status == StepStatus::Running;
    let took = || Some(state.ended_at?.since(state.attempt_at?));
    Some(StepLine {
        step: id.clone(),
        mark,
        said,
        took: if is_done { took() } else { None },
        since: state.attempt_at.filter(|_| is_running),
    })
}

fn told(state: &StepState) -> Option<(Mark, Text)> {
    Some(match state.status {
        StepStatus::Pending | StepStatus::Ready => return None,
        StepStatus::Running => (Mark::Busy, at_work(state)),
        StepStatus::Waiting => waiting(state),
        StepStatus::Succeeded => (Mark::Done, "done".into()),
        StepStatus::Failed => (
            Mark::Failed,
            Text::sentence(message(state.failure.as_ref())),
        ),
        StepStatus::Skipped => (Mark::Passed, "skipped".into()),
        StepStatus::Undone => (Mark::Undone, "taken back".into()),
        StepStatus::Cancelled => (Mark::Passed, "not gone on with".into()),
    })
}

fn at_work(state: &StepState) -> Text {
    let what = action_of(state);
    match state.attempt {
        0 | 1 => what.into(),
        attempt => format!("{what}, attempt {attempt}").into(),
    }
}

fn waiting(state: &StepState) -> (Mark, Text) {
    if let Some(question) = &state.question {
        let asked = if question.is_whether_to_go_on() {
            question.known.as_str().into()
        } else {
            let did = Text::plain("did ").code(&question.effect);
            did.and(format!(" happen? {}", question.known))
        };
        return (Mark::Asks, asked);
    }
    if let Some(wait) = &state.wait {
        let waits = match (wait.until, &wait.hook) {
            (Some(until), _) => Text::plain("waits until ").due(until),
            (None, Some(hook)) => {
                Text::plain("waits for a message by the hook ").code(hook.as_str())
            }
            (None, None) => "waits".into(),
        };
        return (Mark::Busy, waits);
    }
    if let Some(at) = state.retry_at {
        let failure = message(state.failure.as_ref());
        let again = Text::sentence(failure).and("; again at ").due(at);
        return (Mark::Heed, again);
    }
    match &state.approval {
        Some(asked) => {
            let what = format!("waits for approval: {}", asked.plan.summary);
            (Mark::Asks, what.into())
        }
        None => (Mark::Heed, "waits".into()),
    }
}

/// `docker.deploy_service on shop`.
pub fn action_of(state: &StepState) -> String {
    action_phrase(state.action.as_ref(), state.system.as_ref())
}

/// As [`action_of`], for what it is made of.
pub fn action_phrase(action: Option<&ActionName>, system: Option<&SystemName>) -> String {
    let action = action.map(ToString::to_string);
    let system = system.map(|name| format!(" on {name}"));
    format!(
        "{}{}",
        action.unwrap_or_default(),
        system.unwrap_or_default()
    )
}

fn message(failure: Option<&Failure>) -> &str {
    failure.map_or("failed", |failure| &failure.message)
}

//! What is shown of a run, the same in every chat and on a terminal: plain data, and the functions
//! that make it.

pub mod asks;
pub mod offer;
pub mod plan;
pub mod results;
pub mod share;
pub mod span;
pub mod step;
pub mod timeline;
pub mod value;

#[cfg(test)]
pub(crate) mod samples;

use serde_json::Value;

pub use asks::{About, Approval, Question};
pub use offer::{Act, Offer};
pub use results::{Ending, Kept, Output};
pub use step::{Mark, StepLine};

use crate::chat::text::Text;
use crate::domain::ending::FinalState;
use crate::domain::input_file;
use crate::domain::names::{RunId, StepId, WorkflowName};
use crate::domain::redact::MASK;
use crate::domain::run::{RunState, RunStatus, StepState, StepStatus, WaitingFor};
use crate::domain::secret::SecretRef;
use crate::domain::time::Timestamp;
use crate::service::{RunView, UndoneBy};

/// No input that stands in a headline is longer, in characters.
const LONGEST_IN_HEADLINE: usize = 40;

/// No more inputs stand in a headline.
const MOST_IN_HEADLINE: usize = 2;

/// Everything that is shown of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// What it is in a few words: `deploy · shop/web v2`.
    pub headline: String,
    /// Who asked for it.
    pub asked: Asked,
    /// With which inputs.
    pub inputs: Vec<Input>,
    /// Where it stands, in a few words.
    pub state: &'static str,
    /// What that means to whoever glances at it.
    pub tone: Tone,
    /// Why approvals of it were void, in order.
    pub voided: Vec<String>,
    /// Its steps, those that have begun or ended.
    pub steps: Vec<StepLine>,
    /// How many of its steps are done, of how many; what stands below a step is part of it.
    pub way: Way,
    /// The same of the items of a step that is done once for each of several, while it is at that.
    pub items: Option<(StepId, Way)>,
    /// What its running step says of itself, or why the run stands still.
    pub progress: Option<Progress>,
    /// Each approval that people are asked for.
    pub approvals: Vec<Approval>,
    /// Each question that people are asked.
    pub questions: Vec<Question>,
    /// What its steps have left.
    pub outputs: Vec<Output>,
    /// What its steps have kept.
    pub kept: Vec<Kept>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// The run that takes it back, or has.
    pub undone_by: Option<UndoneBy>,
    /// What can be done to it now.
    pub offers: Vec<Offer>,
}

/// An input that a run was asked for with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its value in one line, unless it has lines itself.
    pub value: String,
    /// Whether the headline has it too.
    pub is_in_headline: bool,
}

/// Who asked for a run, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who.
    pub by: String,
    /// The identity that they came with.
    pub through: String,
    /// When.
    pub at: Timestamp,
    /// Why it did not have to wait for freezes and locks.
    pub broke_glass: Option<String>,
    /// The run that it goes on from, with the steps that are done there.
    pub goes_on_from: Option<(RunId, Vec<StepId>)>,
    /// The run that it takes back, with the reason for that.
    pub undoes: Option<(RunId, Option<String>)>,
}

/// What the state of a run means to whoever glances at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something is being done.
    Busy,
    /// People are asked for something.
    Asks,
    /// It has ended well.
    Good,
    /// It has not ended well.
    Bad,
    /// Nothing is being done, and nothing is wrong.
    Quiet,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// So many steps are done, or need not be.
    pub done: u32,
    /// Of so many.
    pub all: u32,
}

impl Way {
    fn share(self) -> Option<f64> {
        (self.all > 0).then(|| f64::from(self.done) / f64::from(self.all))
    }
}

/// What a run says of itself at this moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// In words.
    pub text: String,
    /// The share that is done, between 0 and 1, where the words hold it.
    pub share: Option<f64>,
}

impl Card {
    /// How far the run is, between 0 and 1; `None` where a bar would say nothing.
    pub fn share(&self) -> Option<f64> {
        let of_items = self.items.as_ref().and_then(|(_, items)| items.share());
        let of_words = self.progress.as_ref().and_then(|progress| progress.share);
        let of_step = of_items.or(of_words);
        let has_begun = !self.steps.is_empty() && self.ending.is_none();
        let says_something = self.way.all > 1 || of_step.is_some();
        let done = f64::from(self.way.done) + of_step.unwrap_or(0.0);
        (has_begun && says_something && self.way.all > 0)
            .then(|| (done / f64::from(self.way.all)).min(1.0))
    }

    /// The one sentence that says most of how it stands.
    pub fn last_sentence(&self) -> Text {
        if let Some(ending) = &self.ending {
            return Text::sentence(&ending.whole);
        }
        let asking = |line: &&StepLine| line.mark == Mark::Asks;
        if let Some(line) = self.steps.iter().rev().find(asking) {
            return of_step(line);
        }
        if let Some(open) = self.approvals.first() {
            return open.needs();
        }
        match (&self.progress, self.steps.last()) {
            (Some(progress), _) => progress.text.as_str().into(),
            (None, Some(line)) => of_step(line),
            (None, None) => Text::default(),
        }
    }
}

fn of_step(line: &StepLine) -> Text {
    let said = line.said.pieces().iter().cloned();
    said.fold(Text::plain(format!("{}: ", line.step)), Text::with)
}

/// Everything that is shown of this run.
pub fn of(view: &RunView) -> Card {
    let run = &view.run;
    let inputs = inputs(&run.request.inputs);
    Card {
        run: run.id,
        workflow: run.request.workflow.clone(),
        headline: run_headline(run, &inputs),
        asked: asked(run),
        inputs,
        state: state(view),
        tone: tone(view),
        voided: run.voided.clone(),
        steps: step::lines(run),
        way: way(view),
        items: items(run),
        progress: progress(view),
        approvals: asks::approvals(run),
        questions: asks::questions(run),
        outputs: results::outputs(run),
        kept: results::kept(view),
        ending: results::ending(run),
        undone_by: view.undone_by,
        offers: offer::of(view),
    }
}

/// `undone by run 8bc7558c`, no earlier than it is.
pub fn undone(UndoneBy { run, status }: UndoneBy) -> String {
    let run = run.short();
    match status {
        RunStatus::Ended(FinalState::Succeeded) => format!("undone by run {run}"),
        RunStatus::Ended(state) => {
            format!("run {run} was to undo it, and is {}", state.in_words())
        }
        _ => format!("run {run} undoes it"),
    }
}

/// Where a run stands; one that was told to stop and has not ended yet is said to be at that.
pub fn state(view: &RunView) -> &'static str {
    match (&view.run.ended, &view.run.stop) {
        (None, Some(_)) => "being stopped",
        _ => view.status.in_words(),
    }
}

/// What a state means; one that is being stopped and has not ended is at work, and nothing is left of one
/// that was undone.
fn tone(view: &RunView) -> Tone {
    let undone = view.undone_by.map(|by| by.status);
    match tone_of(view.status) {
        _ if undone == Some(RunStatus::Ended(FinalState::Succeeded)) => Tone::Quiet,
        Tone::Quiet if view.run.stop.is_some() && view.run.ended.is_none() => Tone::Busy,
        tone => tone,
    }
}

/// What a state means to whoever glances at it.
pub fn tone_of(status: RunStatus) -> Tone {
    match status {
        RunStatus::Ended(FinalState::Succeeded) => Tone::Good,
        RunStatus::Ended(FinalState::Cancelled) => Tone::Quiet,
        RunStatus::Ended(_) => Tone::Bad,
        RunStatus::Waiting(WaitingFor::Approval | WaitingFor::Decision) => Tone::Asks,
        RunStatus::Running => Tone::Busy,
        RunStatus::Queued | RunStatus::Waiting(_) => Tone::Quiet,
    }
}

/// The same of a run: one that takes back another one does not do what its workflow is called.
fn run_headline(run: &RunState, inputs: &[Input]) -> String {
    let headline = headline(&run.request.workflow, inputs);
    match run.request.undo {
        Some(_) => format!("undo of {headline}"),
        None => headline,
    }
}

/// The workflow, with the inputs that stand beside it.
pub fn headline(workflow: &WorkflowName, inputs: &[Input]) -> String {
    let given: Vec<_> = inputs
        .iter()
        .filter(|input| input.is_in_headline)
        .map(|input| input.value.as_str())
        .collect();
    if given.is_empty() {
        workflow.to_string()
    } else {
        format!("{workflow} · {}", given.join(" "))
    }
}

fn asked(run: &RunState) -> Asked {
    let request = &run.request;
    let goes_on_from = request.rerun.as_ref().map(|rerun| {
        let done = rerun.done.iter().map(|done| done.step.clone());
        (rerun.of, done.collect())
    });
    Asked {
        by: request.by.to_string(),
        through: request.by.through.clone(),
        at: run.requested_at,
        broke_glass: request.break_glass.clone(),
        goes_on_from,
        undoes: request
            .undo
            .as_ref()
            .map(|undo| (undo.of, undo.reason.clone())),
    }
}

/// What a run was asked for with; what was left out is not among it. In the headline stand the first
/// texts that are short enough.
pub fn inputs(inputs: &Value) -> Vec<Input> {
    let mut left = MOST_IN_HEADLINE;
    let given = inputs.as_object().into_iter().flatten();
    given
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let is_in_headline = left > 0 && value.as_str().is_some_and(is_short);
            left -= usize::from(is_in_headline);
            Input {
                name: name.clone(),
                value: said(value),
                is_in_headline,
            }
        })
        .collect()
}

/// An input in one line. Of a secret nothing is known here, and a file is longer than a line.
fn said(value: &Value) -> String {
    match SecretRef::of_json(value) {
        Some(_) => MASK.to_owned(),
        None => input_file::told(value).unwrap_or_else(|| value::short_value(value)),
    }
}

fn is_short(text: &str) -> bool {
    let length = text.chars().count();
    (1..=LONGEST_IN_HEADLINE).contains(&length)
            && !text.contains(char::is_control)
            // A number alone says nothing without its name.
            && text.contains(char::is_alphabetic)
}

/// Steps of the definition alone count: items, and steps of another workflow, are parts of theirs.
fn way(view: &RunView) -> Way {
    if let Some(undo) = &view.run.request.undo {
        let steps = undo.taken_back().map(|step| view.run.step(step));
        let is_back: Vec<_> = steps
            .map(|state| state.status == StepStatus::Undone)
            .collect();
        return Way {
            done: count(is_back.iter().filter(|is_back| **is_back).count()),
            all: count(is_back.len()),
        };
    }
    let is_of_definition = |id: &StepId| id.is_forward() && !id.as_str().contains(['/', '[']);
    let steps = view.run.steps.iter();
    let begun: Vec<_> = steps.filter(|(id, _)| is_of_definition(id)).collect();
    Way {
        done: count(begun.iter().filter(|(_, state)| state.is_over()).count()),
        all: count(begun.len() + view.to_come.len()),
    }
}

/// Of the first step that is under way with its items.
fn items(run: &RunState) -> Option<(StepId, Way)> {
    let mut steps = run.steps.iter();
    let (id, all) = steps.find_map(|(id, state)| {
        let items = state.items.as_ref().filter(|_| state.is_under_way())?;
        Some((id, items.len()))
    })?;
    let is_over = |at: &usize| run.steps.get(&id.item(*at)).is_some_and(StepState::is_over);
    let way = Way {
        done: count((0..all).filter(is_over).count()),
        all: count(all),
    };
    Some((id.clone(), way))
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

/// What a step said last may still be there when the run has ended.
fn progress(view: &RunView) -> Option<Progress> {
    let text = view.progress.clone()?;
    view.run.ended.is_none().then(|| Progress {
        share: share::share(&text),
        text,
    })
}

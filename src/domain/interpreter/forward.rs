//! The way forward: which steps may begin, which go on, and when all of them are over.

use chrono::DateTime;
use serde_json::{Value, json};

use super::size::has_room;
use super::spot::{Block, Spot};
use super::{Command, MOST_TAKEOVERS};
use crate::domain::approval::ApprovalRequest;
use crate::domain::effect::Question;
use crate::domain::event::{Awaited, Event, Failure, FailureKind};
use crate::domain::expression;
use crate::domain::input;
use crate::domain::names::StepId;
use crate::domain::output::InLog;
use crate::domain::run::{RunState, StepState, StepStatus, WaitState};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Foreach, Step, Wait, Work, Workflow, WorkflowCall};

/// How far something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is not at its end.
    Open,
    /// It is done, or need not be.
    Over,
    /// It has failed.
    Failed,
}

/// Collects what is to be done.
pub(super) struct Forward<'c> {
    pub(super) commands: &'c mut Vec<Command>,
    /// Nothing begins; what has begun goes on.
    pub(super) holds: bool,
}

/// What the run's own steps should be doing.
pub(super) fn go_on(
    definition: &Workflow,
    run: &RunState,
    holds: bool,
    commands: &mut Vec<Command>,
) -> Standing {
    let mut forward = Forward { commands, holds };
    forward.block(Block::root(definition, run))
}

/// People are reminded once, and the question lapses when its time is over.
pub(super) fn await_answer(open: &ApprovalRequest) -> Vec<Command> {
    let mut commands = Vec::new();
    if let Some(at) = open.remind_at.filter(|_| !open.reminded) {
        let digest = open.digest.clone();
        commands.push(Command::AppendAt(at, Event::ApprovalReminded { digest }));
    }
    commands.push(Command::AppendAt(open.expires_at, Event::ApprovalExpired));
    commands
}

impl Forward<'_> {
    /// What the steps of a block should be doing.
    pub(super) fn block(&mut self, block: Block<'_>) -> Standing {
        let mut standing = Standing::Over;
        for (number, spot) in block.spots().enumerate() {
            let here = match spot
                .state()
                .filter(|state| state.status != StepStatus::Pending)
            {
                Some(state) => self.begun(&spot, state),
                None if needs_are_met(block, number) => self.begin(&spot),
                None => Standing::Open,
            };
            match here {
                Standing::Failed => return Standing::Failed,
                Standing::Open => standing = Standing::Open,
                Standing::Over => {}
            }
        }
        standing
    }

    fn append(&mut self, event: Event) -> Standing {
        self.commands.push(Command::Append(event));
        Standing::Open
    }

    fn append_at(&mut self, at: Timestamp, event: Event) {
        self.commands.push(Command::AppendAt(at, event));
    }

    /// The first thing that happens to a step.
    fn begin(&mut self, spot: &Spot<'_>) -> Standing {
        if self.holds {
            return Standing::Open;
        }
        if let Some(condition) = &spot.step.condition {
            match expression::truth(condition, &spot.scope()) {
                Ok(true) => {}
                Ok(false) => {
                    let step = spot.id.clone();
                    return self.append(Event::StepSkipped { step });
                }
                Err(error) => return self.append(not_begun(spot, error)),
            }
        }
        match &spot.step.foreach {
            Some(_) => self.append(spot.opening()),
            None => self.begin_work(spot),
        }
    }

    fn begin_work(&mut self, spot: &Spot<'_>) -> Standing {
        if self.holds {
            return Standing::Open;
        }
        if spot
            .step
            .action()
            .is_some_and(|action| action.approval.is_some())
        {
            let step = spot.id.clone();
            self.commands.push(Command::AskStepApproval(step));
            return Standing::Open;
        }
        self.append(spot.work_opening())
    }

    /// A step to which something has happened.
    pub(super) fn begun(&mut self, spot: &Spot<'_>, state: &StepState) -> Standing {
        match state.status {
            StepStatus::Succeeded | StepStatus::Skipped => Standing::Over,
            StepStatus::Failed | StepStatus::Undone | StepStatus::Cancelled => Standing::Failed,
            StepStatus::Pending => self.begin_work(spot),
            StepStatus::Ready => self.append(spot.start()),
            StepStatus::Running if state.is_composite() => self.composite(spot, state),
            StepStatus::Running => self.attend(spot, state),
            StepStatus::Waiting => self.wait(spot, state),
        }
    }

    /// A running action goes on, until its own time is over.
    pub(super) fn attend(&mut self, spot: &Spot<'_>, state: &StepState) -> Standing {
        let step = spot.id.clone();
        if state.timed_out {
            self.commands.push(Command::StopStep(step));
            return Standing::Open;
        }
        if state.takeovers > MOST_TAKEOVERS {
            let question = taken_up_too_often(state);
            return self.append(Event::Parked { step, question });
        }
        self.commands.push(Command::RunStep(step));
        self.time_out(spot, state);
        Standing::Open
    }

    fn time_out(&mut self, spot: &Spot<'_>, state: &StepState) {
        if let (Some(timeout), Some(since)) = (spot.step.timeout, state.attempt_at) {
            let step = spot.id.clone();
            self.append_at(since.plus(timeout.duration()), Event::StepTimedOut { step });
        }
    }

    fn wait(&mut self, spot: &Spot<'_>, state: &StepState) -> Standing {
        if state.question.is_some() {
            return Standing::Open;
        }
        if state.wants_undo() {
            self.commands.push(Command::UndoStep(spot.id.clone()));
            return Standing::Open;
        }
        if let Some(wait) = &state.wait {
            return self.wait_for(spot, state, wait);
        }
        if let Some(at) = state.retry_at {
            let step = spot.id.clone();
            self.append_at(at, Event::RetryDue { step });
            return Standing::Open;
        }
        match &state.approval {
            Some(asked) if !asked.request.is_met(requester(spot)) => {
                self.commands.extend(await_answer(&asked.request));
                Standing::Open
            }
            _ if self.holds => Standing::Open,
            _ => self.append(spot.start()),
        }
    }

    fn wait_for(&mut self, spot: &Spot<'_>, state: &StepState, wait: &WaitState) -> Standing {
        let step = spot.id.clone();
        if let Some(at) = wait.until {
            self.append_at(at, succeeded(step, InLog::whole(json!({}))));
        } else if let (Some(timeout), Some(since)) = (spot.step.timeout, state.attempt_at) {
            let hook = wait.hook.as_ref().map_or("", |hook| hook.as_str());
            let failure = Failure {
                kind: FailureKind::TimedOut,
                message: format!("nothing came by the hook `{hook}` within {timeout}"),
            };
            let retry_at = None;
            self.append_at(
                since.plus(timeout.duration()),
                Event::AttemptFailed {
                    step,
                    failure,
                    retry_at,
                },
            );
        }
        Standing::Open
    }

    fn composite(&mut self, spot: &Spot<'_>, state: &StepState) -> Standing {
        if state.timed_out {
            return Standing::Failed;
        }
        let inner = match &state.items {
            Some(items) => self.items(spot, items),
            None => match spot.inner() {
                Some(block) => self.block(block),
                None => return self.append(gone(spot)),
            },
        };
        match inner {
            Standing::Open => {
                self.time_out(spot, state);
                Standing::Open
            }
            Standing::Failed => Standing::Failed,
            Standing::Over => self.append(leave(spot, state)),
        }
    }

    /// Each item, as many side by side as the file allows.
    fn items(&mut self, spot: &Spot<'_>, items: &[Value]) -> Standing {
        let foreach = spot.step.foreach.as_ref();
        let side_by_side = foreach.map_or(1, |foreach| foreach.parallel as usize);
        let mut under_way = 0;
        for (index, item) in items.iter().enumerate() {
            let item = spot.for_item(index, item);
            let here = match item.state() {
                Some(state) => self.begun(&item, state),
                None if under_way < side_by_side => self.begin_work(&item),
                None => return Standing::Open,
            };
            match here {
                Standing::Failed => return Standing::Failed,
                Standing::Open => under_way += 1,
                Standing::Over => {}
            }
        }
        if under_way == 0 {
            Standing::Over
        } else {
            Standing::Open
        }
    }
}

fn requester<'a>(spot: &Spot<'a>) -> &'a crate::domain::names::PersonName {
    &spot.block.run.request.by.person
}

/// Those that the step names, or else the one before it.
fn needs_are_met(block: Block<'_>, number: usize) -> bool {
    let is_over = |step: &Step| block.spot(step).state().is_some_and(StepState::is_over);
    match &block.steps[number].needs {
        Some(needs) => needs.iter().all(|id| {
            block
                .steps
                .iter()
                .any(|step| step.id == *id && is_over(step))
        }),
        None => number
            .checked_sub(1)
            .is_none_or(|before| is_over(&block.steps[before])),
    }
}

impl Spot<'_> {
    /// The event with which the step begins, its condition being true.
    pub fn opening(&self) -> Event {
        match &self.step.foreach {
            Some(foreach) if self.item.is_none() => self.fan_out(foreach),
            _ => self.work_opening(),
        }
    }

    /// The event with which its work begins: that of one item, where it has items.
    pub(super) fn work_opening(&self) -> Event {
        match &self.step.work {
            Work::Action(_) => self.start(),
            Work::Workflow(call) => self.enter(call),
            Work::Wait(wait) => self.begin_wait(wait),
        }
    }

    /// The event with which the next attempt at its action begins.
    pub(super) fn start(&self) -> Event {
        let Some(action) = self.step.action() else {
            return gone(self);
        };
        match self.render() {
            Ok((system, input)) => Event::StepStarted {
                step: self.id.clone(),
                attempt: self.state().map_or(0, |state| state.attempt) + 1,
                action: action.uses.clone(),
                system,
                input,
            },
            Err(error) => not_begun(self, error),
        }
    }

    fn fan_out(&self, foreach: &Foreach) -> Event {
        let items = match expression::render(&foreach.items, &self.scope()) {
            Ok(Value::Array(items)) => items,
            Ok(other) => {
                return not_begun(self, format!("`foreach` wants a list, and got {other}"));
            }
            Err(error) => return not_begun(self, error),
        };
        if let Err(why) = has_room(self.block.definition, self.block.run, items.len()) {
            return not_begun(self, why);
        }
        let step = self.id.clone();
        Event::StepFannedOut { step, items }
    }

    fn enter(&self, call: &WorkflowCall) -> Event {
        let Some(file) = self.block.definition.includes.get(&call.runs) else {
            return gone(self);
        };
        if let Err(why) = has_room(self.block.definition, self.block.run, file.steps.len()) {
            return not_begun(self, why);
        }
        let given = match expression::render(&Value::Object(call.with.clone()), &self.scope()) {
            Ok(Value::Object(given)) => given,
            Ok(_) => serde_json::Map::new(),
            Err(error) => return not_begun(self, error),
        };
        match input::check_inputs(&file.inputs, &given) {
            Ok(inputs) => Event::StepEntered {
                step: self.id.clone(),
                workflow: call.runs.clone(),
                inputs: Value::Object(inputs),
            },
            Err(error) => not_begun(self, error),
        }
    }

    fn begin_wait(&self, wait: &Wait) -> Event {
        let wait = match wait {
            Wait::For(span) => Awaited::For(*span),
            Wait::Hook(hook) => Awaited::Hook(hook.clone()),
            Wait::Until(text) => {
                let at = expression::render(&Value::from(text.as_str()), &self.scope());
                match at.map(|at| instant(&at)) {
                    Ok(Some(at)) => Awaited::Until(at),
                    Ok(None) => {
                        let why = "`until` wants an instant such as 2026-01-31T08:00:00Z";
                        return not_begun(self, why);
                    }
                    Err(error) => return not_begun(self, error),
                }
            }
        };
        let step = self.id.clone();
        Event::WaitBegan { step, wait }
    }
}

fn instant(value: &Value) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(Timestamp::from_micros(at.timestamp_micros()))
}

/// The end of a step that stands for others, once all of those are over.
fn leave(spot: &Spot<'_>, state: &StepState) -> Event {
    let step = spot.id.clone();
    if let Some(items) = &state.items {
        let of_item = |index| {
            let item = spot.block.run.steps.get(&spot.id.item(index));
            let output = item.and_then(|state| state.output.clone());
            let left_out = item.map_or(&[][..], |state| &state.output_left_out);
            (output.unwrap_or(Value::Null), left_out)
        };
        return succeeded(step, InLog::of_items((0..items.len()).map(of_item)));
    }
    match spot.inner().map(Block::outputs) {
        Some(Ok(output)) => succeeded(step, InLog::whole(output)),
        Some(Err(error)) => not_begun(spot, error),
        None => gone(spot),
    }
}

fn succeeded(step: StepId, in_log: InLog) -> Event {
    let InLog { output, left_out } = in_log;
    Event::StepSucceeded {
        step,
        output,
        left_out,
    }
}

/// What a person is asked of a step that ends the processes that take it up, or outlives none.
fn taken_up_too_often(state: &StepState) -> Question {
    Question {
        effect: String::new(),
        known: format!(
            "{} processes have taken this step up, and each ended before it did",
            state.takeovers
        ),
    }
}

fn not_begun(spot: &Spot<'_>, why: impl std::fmt::Display) -> Event {
    Event::AttemptFailed {
        step: spot.id.clone(),
        failure: Failure::fatal(format!("step `{}` was not begun: {why}", spot.id)),
        retry_at: None,
    }
}

/// A definition that lacks what a step of it names was not made by the catalog.
fn gone(spot: &Spot<'_>) -> Event {
    not_begun(spot, "the run's definition lacks what it stands for")
}

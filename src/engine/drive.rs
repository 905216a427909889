//! Drives one run: asks what should be happening, sees that it does, waits for something to move.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::gate::{Aside, Mark, Ticket};
use super::planner::Planner;
use super::rooms::Place;
use super::step::{Outcome, StepWork};
use super::{RunLog, Shared, asking, busy, is_past_undo, pause};
use crate::domain::event::{Event, Failure, FailureKind};
use crate::domain::hold::Hold;
use crate::domain::interpreter::{Command, decide};
use crate::domain::names::{RunId, StepId};
use crate::domain::run::{RunState, StepState, StepStatus};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;
use crate::store::Result;

/// How soon a run that stands still for a reason outside its log is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// No pause is waited for in one piece: the machine's clock may be moved.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Carries a run forward until it has ended or the engine stops.
pub(super) async fn drive(shared: &Arc<Shared>, run: RunId) -> Result<()> {
    let parts = &shared.parts;
    let changes = parts.store.changes();
    let (log, definition) = RunLog::open(
        run,
        Arc::clone(&parts.store),
        Arc::clone(&parts.clock),
        Arc::clone(&parts.entropy),
    )
    .await?;
    let mut drive = Drive {
        shared: Arc::clone(shared),
        run,
        log: Arc::new(log),
        definition: Arc::new(definition),
        changes,
        ticket: None,
        tasks: JoinSet::new(),
        working: HashMap::new(),
        stands_still: HashMap::new(),
        places: HashMap::new(),
        freed: shared.rooms.freed(),
        waits_for_place: false,
        holds_changed: parts.holds.changed(),
        held: None,
        aside: None,
    };
    drive.take_up().await?;
    drive.go().await
}

struct Drive {
    shared: Arc<Shared>,
    run: RunId,
    log: Arc<RunLog>,
    definition: Arc<Workflow>,
    changes: Receiver<RunId>,
    ticket: Option<Ticket>,
    tasks: JoinSet<(StepId, Result<Outcome>)>,
    working: HashMap<StepId, Working>,
    /// Steps that nothing can be done about for a reason outside the log, and when they are looked
    /// at again.
    stands_still: HashMap<StepId, tokio::time::Instant>,
    /// The places that steps have on the systems that they act on.
    places: HashMap<StepId, Place>,
    /// Tells that a step has left a system, this run's or another's.
    freed: watch::Receiver<()>,
    waits_for_place: bool,
    /// Tells that locks were taken or released.
    holds_changed: watch::Receiver<u64>,
    /// What keeps a step from beginning; of several, what ends first.
    held: Option<Hold>,
    /// Lets others of its key pass while the run is held before it begins.
    aside: Option<Aside>,
}

struct Working {
    cancel: CancellationToken,
    task: AbortHandle,
    stop_by: Option<tokio::time::Instant>,
}

/// What the driver does after a round of commands.
enum Next {
    /// Something was appended: ask again.
    AskAgain,
    /// Nothing moves by itself before this.
    Wait(Option<Timestamp>),
}

impl Drive {
    /// Says of each running step that it is taken up by this process: too often without coming any
    /// further, and a person is asked.
    async fn take_up(&self) -> Result<()> {
        let state = self.log.state().await?;
        for (id, step) in &state.steps {
            if state.ended.is_none() && is_at_work(step) {
                let step = id.clone();
                self.log.append(Event::StepTakenUp { step }).await?;
            }
        }
        busy::give_way(&self.shared, &self.log).await
    }

    async fn go(&mut self) -> Result<()> {
        loop {
            let state = self.log.state().await?;
            if state.ended.is_some() {
                return Ok(());
            }
            if self.shared.shutdown.is_cancelled() {
                return self.hand_back().await;
            }
            if state.started_at.is_some() && self.ticket.is_none() {
                self.ticket = Some(self.shared.gate.readmit(state.request.concurrency.clone()));
            }
            self.leave_systems(&state);
            let was_held = self.held.is_some();
            let next = self.carry_out(&state).await?;
            if was_held && self.held.is_none() && !self.waits_for_place {
                self.shared.progress.clear(self.run);
            }
            if let Next::Wait(until) = next {
                self.wait(until).await?;
            }
        }
    }

    async fn carry_out(&mut self, state: &RunState) -> Result<Next> {
        let mut until = None;
        self.freed.borrow_and_update();
        self.waits_for_place = false;
        self.holds_changed.borrow_and_update();
        self.held = None;
        for command in decide(&self.definition, state) {
            match command {
                Command::Claim => {
                    // What is held before it begins keeps no room and no key.
                    if self.is_held_back(state).await? {
                        continue;
                    }
                    if self.claim().await {
                        if self.is_held_back(state).await? {
                            self.ticket = None;
                            continue;
                        }
                        self.log.append_if_at(state.seq, Event::Started).await?;
                    }
                    return Ok(Next::AskAgain);
                }
                Command::MakePlan => {
                    if let Some((step, why)) = self.planner().lacks_ahead(&self.definition, state) {
                        self.stand_still(step, why);
                        continue;
                    }
                    let event = self.plan(state).await;
                    self.log.append_if_at(state.seq, event).await?;
                    return Ok(Next::AskAgain);
                }
                Command::AskApproval => {
                    let event = asking::about_run(state, self.shared.parts.clock.now());
                    self.log.append_if_at(state.seq, event).await?;
                    return Ok(Next::AskAgain);
                }
                Command::AskStepApproval(step) => {
                    let planner = self.planner();
                    if let Some(why) = self.uses(&step).and_then(|uses| planner.lacks(uses)) {
                        self.stand_still(step, why);
                        continue;
                    }
                    let asked = asking::about_step(&planner, &self.definition, state, &step).await;
                    let event = asked.at(self.shared.parts.clock.now());
                    self.log.append_if_at(state.seq, event).await?;
                    return Ok(Next::AskAgain);
                }
                Command::Append(event) => {
                    if self.is_held(state, &event).await? || !self.has_place_for(&event) {
                        continue;
                    }
                    self.log.append_if_at(state.seq, event).await?;
                    return Ok(Next::AskAgain);
                }
                Command::AppendAt(at, event) => {
                    if at <= self.shared.parts.clock.now() {
                        self.log.append_if_at(state.seq, event).await?;
                        return Ok(Next::AskAgain);
                    }
                    until = Some(until.map_or(at, |earlier: Timestamp| earlier.min(at)));
                }
                Command::RunStep(step) => self.work(state, &step, false),
                Command::UndoStep(step) => self.work(state, &step, true),
                Command::StopStep(step) => {
                    if self.stop(state, &step).await? {
                        return Ok(Next::AskAgain);
                    }
                }
            }
        }
        Ok(Next::Wait(until))
    }

    /// Waits for a place inside; `false` when something else has moved first.
    async fn claim(&mut self) -> bool {
        let key = self.log.look(|run| run.request.concurrency.clone()).await;
        let waits_for = key.as_ref().map_or_else(
            || "waits for room: the limit of concurrent runs is reached".to_owned(),
            |key| format!("waits for the run before it with the key `{key}`, or for room"),
        );
        self.shared.progress.set(self.run, waits_for);
        let shared = Arc::clone(&self.shared);
        let place = shared.gate.line_up(self.run, key);
        self.aside = None;
        let locks = self.holds_changed.clone();
        let is_over =
            |mark: &Mark| mark.until <= shared.parts.clock.now() || mark.changes != *locks.borrow();
        let entered = tokio::select! {
            biased;
            ticket = place.enter(is_over) => Some(ticket),
            () = moved(&mut self.changes, self.run) => None,
            () = shared.shutdown.cancelled() => None,
        };
        self.shared.progress.clear(self.run);
        self.ticket = entered;
        self.ticket.is_some()
    }

    /// Whether the run is kept from beginning at all by what holds one of its steps. Begun, it would
    /// stop half-way.
    async fn is_held_back(&mut self, state: &RunState) -> Result<bool> {
        let parts = &self.shared.parts;
        let now = parts.clock.now();
        let hold = parts.holds.on_run(&self.definition, state, now).await?;
        let Some((step, hold)) = hold else {
            return Ok(false);
        };
        if let Some(key) = state.request.concurrency.clone() {
            let mark = Mark {
                key,
                until: hold.until(),
                changes: *self.holds_changed.borrow(),
            };
            // The one before it goes first: both are of this run.
            self.aside = None;
            self.aside = Some(self.shared.gate.step_aside(self.run, mark));
        }
        self.wait_for(&step, hold);
        Ok(true)
    }

    /// Whether a step is kept from beginning. One that has touched anything goes on; so do what takes
    /// others back, and `on_failure`.
    async fn is_held(&mut self, state: &RunState, event: &Event) -> Result<bool> {
        let Event::StepStarted {
            step,
            action,
            system: Some(system),
            input,
            ..
        } = event
        else {
            return Ok(false);
        };
        let has_touched = !state.step(step).effects.is_empty();
        if has_touched || step.is_undo() || step.is_on_failure() {
            return Ok(false);
        }
        let parts = &self.shared.parts;
        let (touched, now) = ((action, system, input), parts.clock.now());
        let Some(hold) = parts.holds.on_step(state, touched, now).await? else {
            return Ok(false);
        };
        self.wait_for(step, hold);
        Ok(true)
    }

    fn wait_for(&mut self, step: &StepId, hold: Hold) {
        let why = format!("`{step}` waits: {hold}");
        // Of several the first is told, the same in each round.
        let is_news = || self.shared.progress.of(self.run).as_ref() != Some(&why);
        if self.held.is_none() && is_news() {
            tracing::info!(run = %self.run, %step, %hold, "the run waits");
            self.shared.progress.set(self.run, why);
        }
        let ends_first = |known: &Hold| known.until() <= hold.until();
        if !self.held.as_ref().is_some_and(ends_first) {
            self.held = Some(hold);
        }
    }

    /// Steps have their places until they have come to an end, or pause.
    fn leave_systems(&mut self, state: &RunState) {
        self.places.retain(|step, _| is_at_work(&state.step(step)));
    }

    /// Whether a step may begin to act on its system now. What takes others back, and `on_failure`,
    /// wait for nobody.
    fn has_place_for(&mut self, event: &Event) -> bool {
        let Event::StepStarted {
            step,
            system: Some(system),
            ..
        } = event
        else {
            return true;
        };
        let rooms = &self.shared.rooms;
        let place = if step.is_undo() || step.is_on_failure() {
            rooms.readmit(system)
        } else if let Some(place) = rooms.enter(system) {
            place
        } else {
            let most = rooms.most();
            let why = format!("`{step}` waits: {most} steps act on `{system}` already");
            self.shared.progress.set(self.run, why);
            self.waits_for_place = true;
            return false;
        };
        self.places.insert(step.clone(), place);
        true
    }

    async fn plan(&self, state: &RunState) -> Event {
        match self.planner().plan(&self.definition, state).await {
            Ok(plan) => Event::Planned { plan },
            Err(failure) => Event::PlanFailed { failure },
        }
    }

    fn planner(&self) -> Planner {
        let parts = &self.shared.parts;
        Planner {
            registry: Arc::clone(&parts.registry),
            systems: Arc::clone(&parts.systems),
            clock: Arc::clone(&parts.clock),
            secrets: Arc::clone(&parts.secrets),
            redactor: Arc::clone(&parts.redactor),
        }
    }

    /// Sees that a task runs the step's action, or takes its effects back.
    fn work(&mut self, state: &RunState, step: &StepId, undo: bool) {
        if self.working.contains_key(step) || self.stands_still.contains_key(step) {
            return;
        }
        if let (false, Some(system)) = (
            self.places.contains_key(step),
            state.step(step).system.as_ref(),
        ) {
            let place = self.shared.rooms.readmit(system);
            self.places.insert(step.clone(), place);
        }
        let cancel = CancellationToken::new();
        let work = StepWork {
            shared: Arc::clone(&self.shared),
            planner: self.planner(),
            log: Arc::clone(&self.log),
            definition: Arc::clone(&self.definition),
            run: state.id,
            step: step.clone(),
            cancel: cancel.clone(),
        };
        let id = step.clone();
        let task = self.tasks.spawn(async move {
            let outcome = if undo {
                work.undo().await
            } else {
                work.run().await
            };
            (id, outcome)
        });
        self.working.insert(
            step.clone(),
            Working {
                cancel,
                task,
                stop_by: None,
            },
        );
    }

    /// Tells a running action to stop, and drops it when its grace is over. An action that no
    /// task runs (any more) has stopped: `true` when that was appended. One that cannot be taken back
    /// any more is not stopped while it has time left: it finishes forward.
    async fn stop(&mut self, state: &RunState, step: &StepId) -> Result<bool> {
        let known = state.step(step);
        if !known.timed_out && is_past_undo(&self.shared.parts.registry, &known).is_some() {
            self.work(state, step, false);
            return Ok(false);
        }
        let now = tokio::time::Instant::now();
        if let Some(working) = self.working.get_mut(step) {
            let stop_by = *working.stop_by.get_or_insert(now + self.shared.parts.grace);
            working.cancel.cancel();
            if now < stop_by {
                return Ok(false);
            }
            working.task.abort();
            self.working.remove(step);
        }
        self.log
            .append_if_at(state.seq, stopped(&self.definition, state, step))
            .await
    }

    /// Until something has moved or it is time.
    async fn wait(&mut self, until: Option<Timestamp>) -> Result<()> {
        let now = self.shared.parts.clock.now();
        let pause = until
            .map_or(LONGEST_PAUSE, |at| at.since(now))
            .min(LONGEST_PAUSE);
        let stop_by = self
            .working
            .values()
            .filter_map(|working| working.stop_by)
            .min();
        let look_again = self.stands_still.values().copied().min();
        let pause = [stop_by, look_again]
            .into_iter()
            .flatten()
            .map(|at| at.saturating_duration_since(tokio::time::Instant::now()))
            .fold(pause, Duration::min);
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = moved(&mut self.changes, self.run) => {
                self.stands_still.clear();
                Ok(())
            }
            () = tokio::time::sleep(pause) => {
                let now = tokio::time::Instant::now();
                self.stands_still.retain(|_, look_again| *look_again > now);
                Ok(())
            }
            _ = self.freed.changed(), if self.waits_for_place => Ok(()),
            _ = self.holds_changed.changed(), if self.held.is_some() => Ok(()),
            () = pause::instant(shared.parts.alarm.as_ref(), self.held.as_ref().map(Hold::until)),
                if self.held.is_some() => Ok(()),
            () = shared.shutdown.cancelled() => Ok(()),
            Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                self.step_ended(ended).await
            }
        }
    }

    /// Nothing can be done about the step for a reason outside the log. People are told once, and it
    /// is looked at again.
    fn stand_still(&mut self, step: StepId, why: String) {
        if self.shared.progress.of(self.run).as_ref() != Some(&why) {
            tracing::warn!(run = %self.run, %step, %why, "the run stands still");
            self.shared.progress.set(self.run, why);
        }
        self.stands_still
            .insert(step, tokio::time::Instant::now() + LOOK_AGAIN);
    }

    /// The action of a step, as the definition says.
    fn uses(&self, step: &StepId) -> Option<&str> {
        Some(self.definition.step(step)?.action()?.uses.as_str())
    }

    async fn step_ended(
        &mut self,
        ended: std::result::Result<(StepId, Result<Outcome>), tokio::task::JoinError>,
    ) -> Result<()> {
        match ended {
            Ok((step, outcome)) => {
                self.working.remove(&step);
                if let Outcome::StandsStill(why) = outcome? {
                    self.stand_still(step, why);
                }
                Ok(())
            }
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => {
                let id = error.id();
                let step = self.working.iter().find(|(_, w)| w.task.id() == id);
                let Some(step) = step.map(|(step, _)| step.clone()) else {
                    return Ok(());
                };
                self.working.remove(&step);
                let failure = Failure::fatal(format!(
                    "a defect of Purser ended step `{step}` ({error}); what it had begun is in its \
                     journal"
                ));
                self.log.append(self.defect(&step, failure).await).await
            }
        }
    }

    async fn defect(&self, step: &StepId, failure: Failure) -> Event {
        let step = step.clone();
        if self
            .log
            .look(|run| run.step(&step).status == StepStatus::Running)
            .await
        {
            Event::AttemptFailed {
                step,
                failure,
                retry_at: None,
            }
        } else {
            Event::StepUndoFailed { step, failure }
        }
    }

    /// Lets running actions come to the end of their effect, then drops them; the log says where
    /// they were.
    async fn hand_back(&mut self) -> Result<()> {
        for working in self.working.values() {
            working.cancel.cancel();
        }
        let grace = self.shared.parts.grace;
        let _ = tokio::time::timeout(grace, async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
        self.tasks.shutdown().await;
        let state = self.log.state().await?;
        for (id, step) in &state.steps {
            if self.working.contains_key(id) && is_at_work(step) {
                let step = id.clone();
                self.log.append(Event::StepHandedBack { step }).await?;
            }
        }
        Ok(())
    }
}

fn is_at_work(step: &StepState) -> bool {
    step.status == StepStatus::Running && !step.is_composite()
}

/// Returns when the run's log has grown, or may have.
async fn moved(changes: &mut Receiver<RunId>, run: RunId) {
    loop {
        match changes.recv().await {
            Ok(changed) if changed != run => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// What became of an attempt that was told to stop.
fn stopped(definition: &Workflow, state: &RunState, step: &StepId) -> Event {
    let timed_out = state.step(step).timed_out;
    let timeout = definition.step(step).and_then(|step| step.timeout);
    let failure = match timeout {
        Some(timeout) if timed_out => Failure {
            kind: FailureKind::TimedOut,
            message: format!("it was not done within {timeout} and was stopped"),
        },
        _ => Failure {
            kind: FailureKind::Cancelled,
            message: "it was stopped".to_owned(),
        },
    };
    Event::AttemptFailed {
        step: step.clone(),
        failure,
        retry_at: None,
    }
}

//! Drives one run: asks what should be happening, sees that it does, waits for something to move.

mod entry;
mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::gate::{Aside, Ticket};
use super::planner::Planner;
use super::rooms::Place;
use super::{RunLog, Shared, asking, busy, pause};
use crate::domain::event::Event;
use crate::domain::hold::Hold;
use crate::domain::interpreter::{Command, decide};
use crate::domain::names::{RunId, StepId};
use crate::domain::run::{RunState, StepState, StepStatus};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;
use crate::store::Result;
use work::Working;

/// How soon a run that stands still for a reason outside its log is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// No pause is waited for in one piece: the machine's clock may be moved.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a run keeps when a drive of it has failed, for the next one.
#[derive(Default)]
pub(super) struct Kept {
    /// Its place inside, from its beginning to its end.
    ticket: Option<Ticket>,
    /// This process has said of its steps that it takes them up.
    pub(super) are_steps_taken_up: bool,
}

impl Kept {
    /// A run that was inside already.
    pub(super) fn inside(ticket: Ticket) -> Self {
        Self {
            ticket: Some(ticket),
            are_steps_taken_up: false,
        }
    }
}

/// Carries a run forward until it has ended or the engine stops.
pub(super) async fn drive(shared: &Arc<Shared>, run: RunId, kept: &mut Kept) -> Result<()> {
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
        kept,
        tasks: JoinSet::new(),
        working: HashMap::new(),
        places: HashMap::new(),
        freed: shared.rooms.freed(),
        holds_changed: parts.holds.changed(),
        waits: Waits::default(),
        told: None,
        aside: None,
    };
    let driven = async {
        drive.take_up().await?;
        drive.go().await
    };
    let driven = driven.await;
    // The next drive begins when nothing of this one is at work any more.
    drive.tasks.shutdown().await;
    driven
}

struct Drive<'a> {
    shared: Arc<Shared>,
    run: RunId,
    log: Arc<RunLog>,
    definition: Arc<Workflow>,
    changes: Receiver<RunId>,
    kept: &'a mut Kept,
    tasks: JoinSet<(StepId, Result<()>)>,
    working: HashMap<StepId, Working>,
    /// The places that steps have on the systems that they act on.
    places: HashMap<StepId, Place>,
    /// Tells that a step has left a system, this run's or another's.
    freed: watch::Receiver<()>,
    /// Tells that locks were taken or released.
    holds_changed: watch::Receiver<u64>,
    waits: Waits,
    /// What people were last told of why it waits.
    told: Option<String>,
    /// Lets others of its key pass while the run is held before it begins.
    aside: Option<Aside>,
}

/// What keeps the run or steps of it from going on, for reasons outside its log, as the last round
/// of commands has found it.
#[derive(Default)]
struct Waits {
    /// A freeze or a lock; of several, what ends first.
    hold: Option<Hold>,
    /// A system has no place.
    for_place: bool,
    /// Something is not there that is needed, or not as it was.
    stands_still: bool,
    /// The first reason, for people.
    why: Option<String>,
}

impl Waits {
    fn because(&mut self, why: impl FnOnce() -> String) {
        self.why.get_or_insert_with(why);
    }
}

/// What the driver does after a round of commands.
enum Next {
    /// Something was appended: ask again.
    AskAgain,
    /// Nothing moves by itself before this.
    Wait(Option<Timestamp>),
}

impl Drive<'_> {
    /// Sees that the run has a place inside if it has begun, and says of each running step that it is
    /// taken up by this process: too often without coming any further, and a person is asked.
    async fn take_up(&mut self) -> Result<()> {
        let state = self.log.state().await?;
        if state.started_at.is_none() {
            self.kept.ticket = None;
        } else if self.kept.ticket.is_none() {
            let key = state.request.concurrency.clone();
            self.kept.ticket = Some(self.shared.gate.readmit(key));
        }
        if !self.kept.are_steps_taken_up {
            for (id, step) in &state.steps {
                if state.ended.is_none() && is_at_work(step) {
                    let step = id.clone();
                    self.log.append(Event::StepTakenUp { step }).await?;
                }
            }
            self.kept.are_steps_taken_up = true;
        }
        busy::skip(&self.shared, &self.log).await
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
            self.leave_systems(&state);
            if let Next::Wait(until) = self.carry_out(&state).await? {
                self.tell();
                self.wait(until).await?;
            }
        }
    }

    async fn carry_out(&mut self, state: &RunState) -> Result<Next> {
        let mut until = None;
        self.freed.borrow_and_update();
        self.holds_changed.borrow_and_update();
        self.waits = Waits::default();
        for command in decide(&self.definition, state) {
            match command {
                Command::Claim => {
                    if self.enter(state).await? {
                        return Ok(Next::AskAgain);
                    }
                }
                Command::MakePlan => {
                    if let Some((step, why)) = self.planner().lacks_ahead(&self.definition, state) {
                        self.stand_still(&step, &why);
                        continue;
                    }
                    if self.stands_still(state) {
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
                        self.stand_still(&step, &why);
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

    /// The action of a step, as the definition says.
    fn uses(&self, step: &StepId) -> Option<&str> {
        Some(self.definition.step(step)?.action()?.uses.as_str())
    }

    /// Nothing can be done about the step for a reason outside the log.
    fn stand_still(&mut self, step: &StepId, why: &str) {
        self.waits.stands_still = true;
        self.waits.because(|| format!("`{step}` {why}"));
    }

    /// Tells people why the run waits, once, and takes it back when it is true no more.
    fn tell(&mut self) {
        let progress = &self.shared.progress;
        match (&self.waits.why, &self.told) {
            (Some(why), told) => {
                if told.as_ref() != Some(why) {
                    tracing::info!(run = %self.run, why, "the run waits");
                }
                progress.set(self.run, why.clone());
            }
            (None, Some(told)) => progress.take_back(self.run, told),
            (None, None) => {}
        }
        self.told.clone_from(&self.waits.why);
    }

    /// Until something has moved or it is time.
    async fn wait(&mut self, until: Option<Timestamp>) -> Result<()> {
        let now = self.shared.parts.clock.now();
        let mut pause = until
            .map_or(LONGEST_PAUSE, |at| at.since(now))
            .min(LONGEST_PAUSE);
        if self.waits.stands_still {
            pause = pause.min(LOOK_AGAIN);
        }
        if let Some(stop_by) = self.working.values().filter_map(|w| w.stop_by).min() {
            let left = stop_by.saturating_duration_since(tokio::time::Instant::now());
            pause = pause.min(left);
        }
        let shared = Arc::clone(&self.shared);
        let held_until = self.waits.hold.as_ref().map(Hold::until);
        tokio::select! {
            () = moved(&mut self.changes, self.run) => Ok(()),
            () = tokio::time::sleep(pause) => Ok(()),
            _ = self.freed.changed(), if self.waits.for_place => Ok(()),
            _ = self.holds_changed.changed(), if held_until.is_some() => Ok(()),
            () = pause::instant(shared.parts.alarm.as_ref(), held_until), if held_until.is_some() => {
                Ok(())
            }
            () = shared.shutdown.cancelled() => Ok(()),
            Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                self.step_ended(ended).await
            }
        }
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

//! Counters and histograms of what runs do.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::ending::FinalState;
use crate::domain::event::{Event, FailureKind, Logged, Trigger};
use crate::domain::names::{RunId, StepId, WorkflowName};
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;

/// From a look at a list to a nightly backup, in seconds.
const DURATIONS: [f64; 14] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 7200.0,
];

/// From what nobody notices to a machine that was off over the weekend, in seconds.
const DELAYS: [f64; 11] = [
    0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0,
];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    workflow: String,
    trigger: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfWorkflow {
    workflow: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    workflow: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Attempt {
    action: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct OfSchedule {
    pub(super) schedule: String,
}

/// What has been counted, and the runs that have not ended.
#[derive(Debug)]
pub(super) struct Tally {
    requested: Family<Asked, Counter>,
    ended: Family<Ended, Counter>,
    durations: Histograms<OfWorkflow>,
    queued: Histogram,
    attempts: Histograms<Attempt>,
    lateness: Histograms<OfSchedule>,
    open: Mutex<BTreeMap<RunId, Open>>,
}

/// A run that has not ended.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) run: RunState,
    /// When nothing but its place in the queue kept it from beginning: it was asked for, or the last
    /// yes to its plan was said.
    pub(super) ready_at: Timestamp,
}

impl Open {
    pub(super) fn begin(first: &Logged) -> Option<Self> {
        let run = RunState::begin(first)?;
        let ready_at = first.at;
        Some(Self { run, ready_at })
    }

    pub(super) fn apply(&mut self, logged: &Logged) {
        if matches!(logged.event, Event::Approved { .. }) {
            self.ready_at = logged.at;
        }
        self.run.apply(logged);
    }
}

impl Tally {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATIONS);
        let delays: fn() -> Histogram = || Histogram::new(DELAYS);
        let tally = Self {
            requested: Family::default(),
            ended: Family::default(),
            durations: Family::new_with_constructor(durations),
            queued: Histogram::new(DELAYS),
            attempts: Family::new_with_constructor(durations),
            lateness: Family::new_with_constructor(delays),
            open: Mutex::default(),
        };
        registry.register(
            "runs_requested",
            "Runs that were asked for",
            tally.requested.clone(),
        );
        registry.register("runs_ended", "Runs that have ended", tally.ended.clone());
        registry.register_with_unit(
            "run_duration",
            "From the queue to the end of a run",
            Unit::Seconds,
            tally.durations.clone(),
        );
        registry.register_with_unit(
            "run_queue_time",
            "From the request, or the last yes to its plan, until a run left the queue",
            Unit::Seconds,
            tally.queued.clone(),
        );
        registry.register_with_unit(
            "step_attempt_duration",
            "Attempts at steps",
            Unit::Seconds,
            tally.attempts.clone(),
        );
        registry.register_with_unit(
            "schedule_lateness",
            "From the instant at which a fire was due until its run was asked for",
            Unit::Seconds,
            tally.lateness.clone(),
        );
        tally
    }

    /// Shows zeros of a workflow that there is: a counter that begins with its first failure has not
    /// grown by it, as Prometheus sees it.
    pub(super) fn expect(&self, workflow: &WorkflowName) {
        for state in FinalState::ALL {
            let (workflow, state) = (workflow.to_string(), state.name());
            drop(self.ended.get_or_create(&Ended { workflow, state }));
        }
    }

    /// The runs that have not ended.
    pub(super) fn open(&self) -> MutexGuard<'_, BTreeMap<RunId, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an event of a run that was like this before it.
    pub(super) fn count(&self, open: &Open, logged: &Logged) {
        let before = &open.run;
        let workflow = before.request.workflow.to_string();
        let at = logged.at;
        match &logged.event {
            Event::Requested(request) => {
                let trigger = match &request.trigger {
                    Trigger::Command(_) => "command",
                    Trigger::Api => "api",
                    Trigger::Webhook(_) => "webhook",
                    Trigger::Schedule { name, at: due } => {
                        if let Some(due) = due {
                            let schedule = name.to_string();
                            let lateness = self.lateness.get_or_create(&OfSchedule { schedule });
                            lateness.observe(at.since(*due).as_secs_f64());
                        }
                        "schedule"
                    }
                };
                let asked = Asked { workflow, trigger };
                self.requested.get_or_create(&asked).inc();
            }
            Event::Started => {
                self.queued.observe(at.since(open.ready_at).as_secs_f64());
            }
            Event::StepSucceeded { step, .. } => self.attempt(before, step, "succeeded", logged),
            Event::AttemptFailed { step, failure, .. } => {
                let outcome = match failure.kind {
                    FailureKind::Retryable | FailureKind::Fatal => "failed",
                    FailureKind::TimedOut => "timed_out",
                    FailureKind::Cancelled => "cancelled",
                };
                self.attempt(before, step, outcome, logged);
            }
            Event::Finished { state, .. } => {
                let state = state.name();
                if let Some(started) = before.started_at {
                    let of = OfWorkflow {
                        workflow: workflow.clone(),
                    };
                    let duration = at.since(started).as_secs_f64();
                    self.durations.get_or_create(&of).observe(duration);
                }
                self.ended.get_or_create(&Ended { workflow, state }).inc();
            }
            _ => {}
        }
    }

    fn attempt(&self, before: &RunState, step: &StepId, outcome: &'static str, logged: &Logged) {
        let step = before.step(step);
        let (Some(action), Some(began)) = (&step.action, step.attempt_at) else {
            return;
        };
        let action = action.to_string();
        let took = logged.at.since(began).as_secs_f64();
        let attempt = Attempt { action, outcome };
        self.attempts.get_or_create(&attempt).observe(took);
    }
}

//! The work on one step: run its action, or take its effects back, and append what came of it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::journal::StepJournal;
use super::lines::Lines;
use super::planner::{Planner, failure_of};
use super::secrets::StepSecrets;
use super::{RunLog, Shared, output};
use crate::action::{ActionError, AnyAction, Context, ErrorKind, Undone};
use crate::domain::event::{Event, Failure, FailureKind};
use crate::domain::interpreter::Spot;
use crate::domain::names::{RunId, StepId};
use crate::domain::output::InLog;
use crate::domain::plan::{Outlook, Plan};
use crate::domain::run::{RunState, StepState};
use crate::domain::time::Timestamp;
use crate::domain::undo::PATIENCE;
use crate::domain::workflow::Workflow;
use crate::store::{Result, StoreError};

/// Everything that the work on one step needs.
pub(super) struct StepWork {
    pub(super) shared: Arc<Shared>,
    pub(super) planner: Planner,
    pub(super) log: Arc<RunLog>,
    pub(super) definition: Arc<Workflow>,
    pub(super) run: RunId,
    pub(super) step: StepId,
    pub(super) action: Arc<dyn AnyAction>,
    pub(super) cancel: CancellationToken,
}

impl StepWork {
    /// Runs the action from its top: what its journal holds as done is not done again.
    ///
    /// # Errors
    /// The store cannot be written. Everything else is in the log.
    pub(super) async fn run(self) -> Result<()> {
        let step = self.look().await;
        if step.plan.is_none() && step.effects.is_empty() {
            match self.stand_by_plan(&step).await? {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => return self.failed(&step, &error).await,
            }
        }
        let lines = self.lines();
        let keeping = Arc::clone(&lines).keep();
        let failure = Arc::default();
        let ctx = self.context(&step, Arc::clone(&lines), &failure);
        let result = tokio::select! {
            result = self.action.run(&ctx, step.input.clone()) => result,
            () = keeping => Err(ActionError::fatal("its output could not be kept")),
        };
        let result = match result {
            Ok(output) => output::for_the_log(&ctx, output, &failure).await,
            Err(error) => Err(error),
        };
        lines.flush().await;
        if let (Err(_), Some(error)) = (&result, failure.get()) {
            return Err(error.clone());
        }
        match result {
            Ok(InLog { output, left_out }) => {
                let step = self.step.clone();
                let event = Event::StepSucceeded {
                    step,
                    output,
                    left_out,
                };
                self.append(event).await
            }
            Err(error) => self.failed(&step, &error).await,
        }
    }

    /// Takes the step's effects back, as often as it takes, up to a limit.
    ///
    /// # Errors
    /// The store cannot be written. Everything else is in the log.
    pub(super) async fn undo(self) -> Result<()> {
        let step = self.look().await;
        let failure = Arc::default();
        let ctx = self.context(&step, self.lines(), &failure);
        let mut attempt = 1;
        let event = loop {
            let undone = self.action.undo(&ctx, step.input.clone()).await;
            if let (Err(_), Some(error)) = (&undone, failure.get()) {
                return Err(error.clone());
            }
            match undone {
                Ok(Undone::Fully) => break self.undone(None),
                Ok(Undone::ExceptFor(left)) => break self.undone(Some(left)),
                Err(error) if error.kind == ErrorKind::Cancelled => return Ok(()),
                Err(error) => {
                    let Some(pause) = self.pause_before_next_undo(&error, attempt) else {
                        log_cause(self.run, &self.step, &error);
                        let failure = failure_of(&error);
                        break Event::StepUndoFailed {
                            step: self.step.clone(),
                            failure,
                        };
                    };
                    tracing::warn!(run = %self.run, step = %self.step, %error, "undo failed; again");
                    // Without what people are to do where it cannot be done: it is not so far.
                    let why = error.message.split("; ").next().unwrap_or_default();
                    ctx.progress(format!("taking it back is tried again soon: {why}"));
                    attempt += 1;
                    if ctx.sleep(pause).await.is_err() {
                        return Ok(());
                    }
                }
            }
        };
        self.append(event).await
    }

    fn lines(&self) -> Arc<Lines> {
        let store = Arc::clone(&self.shared.parts.store);
        Arc::new(Lines::of(store, self.run, self.step.clone()))
    }

    async fn look(&self) -> StepState {
        let look = |run: &RunState| run.step(&self.step).into_owned();
        self.log.look(look).await
    }

    /// Makes the step's plan again, once, before its first effect (decision 16). From then on it
    /// stands. `false` when it is not what was approved: then the log says so.
    ///
    /// # Errors
    /// The store cannot be written. That no plan can be made is the step's own failure.
    async fn stand_by_plan(&self, step: &StepState) -> Result<Result<bool, ActionError>> {
        let plan = self
            .planner
            .plan_step(self.action.spec().name, step.system.as_ref(), &step.input)
            .await;
        let plan = match plan {
            Ok(Some(plan)) => plan,
            Ok(None) => return Ok(Ok(true)),
            Err(error) => return Ok(Err(error)),
        };
        loop {
            // What was approved is judged where the judgement is written: while the plan was made
            // another step may have found that the approval is void.
            let run = self.log.state().await?;
            let drift = drift(&run, &self.step, &plan);
            let stands = drift.is_none();
            let step = self.step.clone();
            let event = match drift {
                None => Event::StepPlanned {
                    step,
                    plan: plan.clone(),
                },
                Some(why) => Event::ApprovalVoided { step, why },
            };
            if self.log.append_if_at(run.seq, event).await? {
                return Ok(Ok(stands));
            }
        }
    }

    /// Where the store could not be written, `failure` is set. What the action says of it then is no
    /// attempt that failed: the run is taken up again from its log, as after a crash.
    fn context(
        &self,
        step: &StepState,
        lines: Arc<Lines>,
        failure: &Arc<OnceLock<StoreError>>,
    ) -> Context {
        let journal = StepJournal {
            run: self.run,
            step: self.step.clone(),
            log: Arc::clone(&self.log),
            lines: Arc::clone(&lines),
            progress: Arc::clone(&self.shared.progress),
            artifacts: Arc::clone(&self.shared.parts.artifacts),
            redactor: Arc::clone(&self.shared.parts.redactor),
            cancel: self.cancel.clone(),
            failure: Arc::clone(failure),
        };
        let all = Arc::clone(&self.shared.parts.secrets);
        let secrets = StepSecrets::of(all, &self.definition, &self.step);
        Context {
            // What an earlier run has done bears that one's keys.
            run: step.done_in.unwrap_or(self.run),
            step: self.step.clone(),
            attempt: step.attempt,
            asked: step.question_number,
            read: self.planner.read_context(step.system.clone()),
            spec: self.action.spec(),
            journal: Arc::new(journal),
            log: lines,
            secrets: Arc::new(secrets),
            cancel: self.cancel.clone(),
        }
    }

    async fn failed(&self, step: &StepState, error: &ActionError) -> Result<()> {
        log_cause(self.run, &self.step, error);
        if self.shared.shutdown.is_cancelled() && error.kind == ErrorKind::Cancelled {
            // Handed back, not failed: the next start goes on from the journal.
            return Ok(());
        }
        if let ErrorKind::Waiting(question) = &error.kind {
            let question = question.clone();
            return self
                .append(Event::Parked {
                    step: self.step.clone(),
                    question,
                })
                .await;
        }
        let timed_out = self.log.look(|run| run.step(&self.step).timed_out).await;
        let mut failure = failure_of(error);
        if timed_out && failure.kind == FailureKind::Cancelled {
            failure.kind = FailureKind::TimedOut;
            failure.message = format!("it was out of time: {}", failure.message);
        }
        let retry_at = self.retry_at(step.attempt, &failure).await;
        self.append(Event::AttemptFailed {
            step: self.step.clone(),
            failure,
            retry_at,
        })
        .await
    }

    async fn retry_at(&self, attempt: u32, failure: &Failure) -> Option<Timestamp> {
        if !matches!(failure.kind, FailureKind::Retryable | FailureKind::TimedOut) {
            return None;
        }
        let retry = |run: &RunState| Spot::find(&self.definition, run, &self.step)?.step.retry();
        let retry = self.log.look(retry).await?;
        let pause = retry.pause_after(self.run, &self.step, attempt)?;
        Some(self.shared.parts.clock.now().plus(pause))
    }

    /// `None` when another try would fail too, or enough were made.
    fn pause_before_next_undo(&self, error: &ActionError, attempt: u32) -> Option<Duration> {
        if error.kind != ErrorKind::Retryable {
            return None;
        }
        PATIENCE.pause_after(self.run, &self.step, attempt)
    }

    fn undone(&self, left: Option<String>) -> Event {
        Event::StepUndone {
            step: self.step.clone(),
            left,
        }
    }

    async fn append(&self, event: Event) -> Result<()> {
        self.log.append(event).await
    }
}

/// What differs between what was approved and the plan that stands now. An approval is of what a run
/// does on its way forward, which of one that takes another one back is just that: else taking back
/// and `on_failure` are not asked about.
fn drift(run: &RunState, step: &StepId, now: &Plan) -> Option<String> {
    if !step.is_forward() && run.request.undo.is_none() {
        return None;
    }
    if let Some(asked) = &run.step(step).approval {
        return difference(step, &asked.plan, now);
    }
    if run.request.approval.is_empty() {
        return None;
    }
    let approved = run.plan.as_ref().filter(|_| run.is_approved());
    let Some(approved) = approved else {
        return Some(format!(
            "step `{step}` had begun when the approval of the run became void"
        ));
    };
    let Some(then) = approved.steps.iter().find(|planned| planned.step == *step) else {
        return Some(format!("step `{step}` was not part of the approved plan"));
    };
    let Outlook::Changes(then) = &then.outlook else {
        return None;
    };
    difference(step, then, now)
}

fn difference(step: &StepId, then: &Plan, now: &Plan) -> Option<String> {
    if then.digest() == now.digest() {
        return None;
    }
    let moved = now.preconditions.iter().find_map(|fact| {
        let was = then
            .preconditions
            .iter()
            .find(|known| known.subject == fact.subject)?;
        (was.is != fact.is).then(|| {
            format!(
                "{} was {} when it was approved and is {} now",
                fact.subject, was.is, fact.is
            )
        })
    });
    Some(moved.unwrap_or_else(|| {
        format!("what step `{step}` would change is no longer what was approved")
    }))
}

fn log_cause(run: RunId, step: &StepId, error: &ActionError) {
    let cause = error.cause.as_ref().map(tracing::field::display);
    tracing::warn!(%run, %step, %error, cause, "the step's action failed");
}

//! What people say to a run that exists: yes, no, stop, it happened, it did not.

use super::{Result, Service, ServiceError};
use crate::domain::approval::{ApprovalRequest, MayAnswer, already};
use crate::domain::event::Event;
use crate::domain::names::{PersonName, RunId};
use crate::domain::person::{Actor, Refusal};
use crate::domain::run::{OpenQuestion, RunState, RunStatus, WaitingFor};
use crate::domain::workflow::{Workflow, may_start};
use crate::engine::{RunLog, past_undo};

/// A log that moves on while somebody answers is read again this often.
pub(super) const TRIES: usize = 20;

/// What somebody has found, and of which question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What they say.
    pub verdict: Verdict,
    /// The number of the question in its run. Without it, the only one that the run has ever asked.
    pub question: Option<u32>,
}

/// What somebody says about an effect of which nobody else can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It happened: go on.
    Happened,
    /// It did not: do it.
    DidNot,
    /// There is no effect to tell of: the step was taken up too often, and is to be tried further.
    GoOn,
}

impl Service {
    /// Says yes to a run's plan. `digest` is what the person has seen, or the beginning of it; it may
    /// be left out only where nothing else was ever asked: a yes is never of what nobody has seen. Where
    /// the plan removes what cannot be had back, the yes comes with the name that was `typed`.
    ///
    /// # Errors
    /// The run asks for nothing, its plan is another one by now, the person may not, or what was typed is
    /// not what the plan has.
    pub async fn approve(
        &self,
        by: &Actor,
        run: RunId,
        digest: Option<&str>,
        typed: Option<&str>,
    ) -> Result<RunState> {
        let asked = format!("approve {run}");
        self.known(by, &asked).await?;
        self.answer(run, |state, _| {
            let open = seen_approval(state, "approve", digest)?;
            if open.has_yes_of(&by.person) {
                return Err(Answer::conflict(already(by)));
            }
            open.may_approve(by, &state.request.by.person)
                .map_err(|refusal| Answer::refused(refusal.0))?;
            is_typed(state, open, typed)?;
            Ok(Event::Approved {
                by: by.clone(),
                digest: open.digest.clone(),
            })
        })
        .await
        .or_refuse(self, by, &asked)
        .await
    }

    /// Lets somebody else say yes to a run's plan in this person's stead. `digest` as in
    /// [`Self::approve`].
    ///
    /// # Errors
    /// The run asks for nothing, its plan is another one by now, there is no such person, or this
    /// one's yes would not count.
    pub async fn delegate(
        &self,
        by: &Actor,
        run: RunId,
        to: &PersonName,
        digest: Option<&str>,
    ) -> Result<RunState> {
        let asked = format!("delegate the approval of {run} to {to}");
        self.known(by, &asked).await?;
        self.people().check(to).map_err(ServiceError::Invalid)?;
        self.answer(run, |state, _| {
            let open = seen_approval(state, "delegate", digest)?;
            if open.has_yes_of(&by.person) {
                return Err(Answer::conflict(already(by)));
            }
            if open.is_delegated(&by.person, to) {
                return Err(Answer::conflict(format!(
                    "{to} may approve this in the stead of {by} already"
                )));
            }
            open.may_delegate(by, to, &state.request.by.person)
                .map_err(|refusal| Answer::refused(refusal.0))?;
            Ok(Event::ApprovalDelegated {
                digest: open.digest.clone(),
                by: by.clone(),
                to: to.clone(),
            })
        })
        .await
        .or_refuse(self, by, &asked)
        .await
    }

    /// Says no to a run's plan; the run is cancelled. `digest` is what the person has seen, if they say.
    ///
    /// # Errors
    /// The run asks for nothing, or for something else by now, or the person may neither approve nor
    /// start it.
    pub async fn reject(
        &self,
        by: &Actor,
        run: RunId,
        digest: Option<&str>,
        reason: Option<String>,
    ) -> Result<RunState> {
        let asked = format!("reject {run}");
        self.known(by, &asked).await?;
        let reason = reason.map(|reason| self.reason(&reason)).transpose()?;
        self.answer(run, |state, definition| {
            match digest {
                Some(_) => seen_approval(state, "reject", digest)?,
                None => open_approval(state)?,
            };
            may_reject(by, state, definition).map_err(|refusal| Answer::refused(refusal.0))?;
            Ok(Event::Rejected {
                by: by.clone(),
                reason: reason.clone(),
            })
        })
        .await
        .or_refuse(self, by, &asked)
        .await
    }

    /// Stops a run: what it has done is taken back, unless it is past that point.
    ///
    /// # Errors
    /// The run has ended, is past the point up to which it can be taken back, or the person may
    /// not.
    pub async fn cancel(&self, by: &Actor, run: RunId, reason: Option<String>) -> Result<RunState> {
        let asked = format!("cancel {run}");
        self.known(by, &asked).await?;
        let reason = reason.map(|reason| self.reason(&reason)).transpose()?;
        self.answer(run, |state, definition| {
            may_touch(by, state, definition)?;
            if state.stop.is_some() {
                return Err(Answer::conflict(format!(
                    "run {} is being stopped already",
                    run.short()
                )));
            }
            if let (true, Some(undo)) = (state.is_taking_back(), &state.request.undo) {
                return Err(Answer::conflict(format!(
                    "run {} cannot be cancelled any more: it takes back what run {} did, and does not \
                     stop half-way",
                    run.short(),
                    undo.of.short()
                )));
            }
            if let Some((step, effect)) = past_undo(&self.parts.registry, state) {
                return Err(Answer::conflict(format!(
                    "run {} cannot be cancelled any more: step `{step}` has begun `{effect}` and \
                     finishes forward",
                    run.short()
                )));
            }
            Ok(Event::CancelRequested {
                by: by.clone(),
                reason: reason.clone(),
            })
        })
        .await
        .or_refuse(self, by, &asked)
        .await
    }

    /// Says whether an effect has happened of which nobody else can tell, or that a step is tried
    /// further.
    ///
    /// # Errors
    /// The run asks for no such decision (any more), it is not clear which of several is meant, or
    /// the person may not.
    pub async fn decide(&self, by: &Actor, run: RunId, finding: Finding) -> Result<RunState> {
        let asked = format!("decide {run}");
        self.known(by, &asked).await?;
        self.answer(run, |state, definition| {
            may_touch(by, state, definition)?;
            let open = meant_question(state, finding.question)?;
            told(by, state, &open, finding.verdict)
        })
        .await
        .or_refuse(self, by, &asked)
        .await
    }

    /// Appends what `judge` makes of the state, and judges again when the log has moved on.
    async fn answer(
        &self,
        run: RunId,
        judge: impl Fn(&RunState, &Workflow) -> Result<Event, Answer>,
    ) -> Result<RunState, Answer> {
        let (log, definition): (RunLog, _) = self.open(run).await?;
        for _ in 0..TRIES {
            let state = log.state().await.map_err(ServiceError::from)?;
            let event = judge(&state, &definition)?;
            if log
                .append_if_at(state.seq, event)
                .await
                .map_err(ServiceError::from)?
            {
                return Ok(log.state().await.map_err(ServiceError::from)?);
            }
        }
        Err(Answer::conflict(format!(
            "run {} moves too fast: try again",
            run.short()
        )))
    }
}

/// Why an answer did not count.
pub(super) enum Answer {
    Refused(String),
    Error(ServiceError),
}

impl Answer {
    fn refused(why: String) -> Self {
        Self::Refused(why)
    }

    fn conflict(why: String) -> Self {
        Self::Error(ServiceError::Conflict(why))
    }
}

impl From<ServiceError> for Answer {
    fn from(error: ServiceError) -> Self {
        Self::Error(error)
    }
}

trait OrRefuse<T> {
    async fn or_refuse(self, service: &Service, by: &Actor, asked: &str) -> Result<T>;
}

impl<T: Send> OrRefuse<T> for Result<T, Answer> {
    async fn or_refuse(self, service: &Service, by: &Actor, asked: &str) -> Result<T> {
        match self {
            Ok(value) => Ok(value),
            Err(Answer::Error(error)) => Err(error),
            Err(Answer::Refused(why)) => Err(service.refuse(by, asked, why).await),
        }
    }
}

fn open_approval(state: &RunState) -> Result<&ApprovalRequest, Answer> {
    if state.ended.is_some() {
        return Err(has_ended(state));
    }
    let short = state.id.short();
    let first = state.open_approval();
    first.ok_or_else(|| Answer::conflict(format!("run {short} asks for no approval now")))
}

/// Whether what was typed is what a plan takes that removes what cannot be had back.
fn is_typed(state: &RunState, open: &ApprovalRequest, typed: Option<&str>) -> Result<(), Answer> {
    let Some(name) = state.to_be_typed(&open.digest) else {
        return Ok(());
    };
    match typed.map(str::trim) {
        Some(typed) if typed == name => Ok(()),
        typed => {
            let instead = typed.map_or(String::new(), |typed| format!(", and not `{typed}`"));
            Err(Answer::conflict(format!(
                "the plan of run {short} removes what cannot be had back: whoever says yes to it types `{name}`\
                 {instead}. Nothing was approved: `purser approve {short} --plan {} --confirm '{name}'`",
                open.digest.short(),
                short = state.id.short(),
            )))
        }
    }
}

/// The question of which the plan was seen. `verb` is what is being said to it.
fn seen_approval<'s>(
    state: &'s RunState,
    verb: &str,
    seen: Option<&str>,
) -> Result<&'s ApprovalRequest, Answer> {
    let first = open_approval(state)?;
    let short = state.id.short();
    let Some(seen) = seen else {
        if state.approvals_asked() == 1 {
            return Ok(first);
        }
        let plans = state.open_approvals().map(|open| open.digest.short());
        let plans: Vec<_> = plans.collect();
        return Err(Answer::conflict(format!(
            "run {short} has asked for more than one approval: look with `purser runs show {short}`, \
             then say which plan you have seen: `purser {verb} {short} --plan {}`",
            plans.join(" | ")
        )));
    };
    let seen = seen.trim_start_matches("sha256:");
    let was_seen = |open: &&ApprovalRequest| {
        seen.len() >= 6 && open.digest.as_str()["sha256:".len()..].starts_with(seen)
    };
    state.open_approvals().find(was_seen).ok_or_else(|| {
        Answer::conflict(format!(
            "the plan of run {short} is {} by now: look at it again with `purser runs show {short}`",
            first.digest.short(),
        ))
    })
}

/// Who may approve a plan of the run, or start the workflow, may also say no, and so may who asked.
///
/// # Errors
/// Why the first of the approvals that are open is not this person's.
pub(super) fn may_reject(
    by: &Actor,
    state: &RunState,
    definition: &Workflow,
) -> Result<(), Refusal> {
    let request = &state.request;
    let may = may_start(by, definition, &request.environments);
    if by.person == request.by.person || may.is_ok() {
        return Ok(());
    }
    any_open(state, |open| open.may_approve(by, &request.by.person)).unwrap_or(Ok(()))
}

/// Yes, if that is said of one of the approvals that are open; else what is said of the first.
pub(super) fn any_open<E>(
    state: &RunState,
    judge: impl Fn(&ApprovalRequest) -> Result<(), E>,
) -> Option<Result<(), E>> {
    let mut judged = state.open_approvals().map(judge);
    let first = judged.next()?;
    Some(if judged.any(|one| one.is_ok()) {
        Ok(())
    } else {
        first
    })
}

/// Who may start the workflow may stop its runs; and who asked for a run may always stop it.
pub(super) fn may_touch(by: &Actor, state: &RunState, definition: &Workflow) -> Result<(), Answer> {
    if state.ended.is_some() {
        return Err(has_ended(state));
    }
    if by.person == state.request.by.person {
        return Ok(());
    }
    may_start(by, definition, &state.request.environments)
        .map_err(|refusal| Answer::refused(format!("{by} did not ask for this run, and {refusal}")))
}

/// Nothing while the run asks for no decision.
pub(super) fn may_decide(by: &Actor, state: &RunState, definition: &Workflow) -> Option<MayAnswer> {
    let asks = state.status() == RunStatus::Waiting(WaitingFor::Decision);
    if !asks {
        return None;
    }
    Some(match may_touch(by, state, definition) {
        Ok(()) => MayAnswer::Yes,
        Err(Answer::Refused(why)) => MayAnswer::No(why),
        Err(Answer::Error(error)) => MayAnswer::No(error.to_string()),
    })
}

fn has_ended(state: &RunState) -> Answer {
    let short = state.id.short();
    Answer::conflict(format!(
        "run {short} has ended already: see `purser runs show {short}`"
    ))
}

/// The question that an answer is about.
fn meant_question(state: &RunState, number: Option<u32>) -> Result<OpenQuestion<'_>, Answer> {
    let short = state.id.short();
    let open = state.open_questions();
    if open.is_empty() {
        return Err(Answer::conflict(format!(
            "run {short} asks for no decision"
        )));
    }
    let Some(number) = number.or((state.questions == 1).then_some(1)) else {
        let numbers: Vec<_> = open.iter().map(|open| open.number.to_string()).collect();
        return Err(Answer::conflict(format!(
            "run {short} has asked {} questions: look with `purser runs show {short}`, then say which \
             one you answer with `--question {}`",
            state.questions,
            numbers.join(" | ")
        )));
    };
    let meant = open.into_iter().find(|open| open.number == number);
    meant.ok_or_else(|| {
        let what = if number <= state.questions {
            "is answered already"
        } else {
            "was never asked"
        };
        Answer::conflict(format!(
            "question {number} of run {short} {what}: look again with `purser runs show {short}`"
        ))
    })
}

/// The event that this verdict is.
fn told(
    by: &Actor,
    state: &RunState,
    open: &OpenQuestion<'_>,
    verdict: Verdict,
) -> Result<Event, Answer> {
    let (run, step, question) = (state.id.short(), open.step.clone(), open.question);
    let by_whom = || Some(by.clone());
    let mut effects = open.state.effects.iter().map(|record| &record.effect);
    let effect = effects.find(|effect| effect.to_string() == question.effect);
    match (verdict, effect.cloned()) {
        (Verdict::GoOn, _) if question.is_whether_to_go_on() => Ok(Event::StepLetOn {
            step,
            by: by.clone(),
        }),
        (Verdict::Happened, Some(effect)) => Ok(Event::EffectDone {
            step,
            effect,
            result: serde_json::Value::Null,
            told_by: by_whom(),
        }),
        (Verdict::DidNot, Some(effect)) => Ok(Event::EffectFailed {
            step,
            effect,
            error: format!("{by} says that it did not happen"),
            told_by: by_whom(),
        }),
        (Verdict::GoOn, _) => Err(Answer::conflict(format!(
            "run {run} asks whether `{}` of step `{step}` happened: purser decide {run} happened | \
             did-not",
            question.effect
        ))),
        (Verdict::Happened | Verdict::DidNot, None) => Err(Answer::conflict(format!(
            "run {run} asks whether step `{step}` is to be tried further: purser decide {run} go-on, \
             or purser cancel {run}"
        ))),
    }
}

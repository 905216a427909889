//! Plays a run: carries out what the interpreter wants, and lets people, actions, clocks and crashes
//! have their way.

use std::collections::BTreeMap;

use proptest::sample::Index;
use purser::domain::approval::ApprovalRequest;
use purser::domain::digest::Digest;
use purser::domain::effect::{EffectName, EffectStatus, Question};
use purser::domain::event::{
    DIALECT, DoneStep, Event, Failure, FailureKind, Logged, Requested, Rerun, StepAsked, Trigger,
};
use purser::domain::interpreter::{Command, MOST_TAKEOVERS, decide, prospects};
use purser::domain::names::{Environment, RunId, StepId};
use purser::domain::plan::{Plan, WorkflowPlan};
use purser::domain::run::{RunState, StepState, StepStatus};
use purser::domain::time::Timestamp;
use purser::domain::workflow::{WhenBusy, Workflow};
use serde_json::{Value, json};
use uuid::Uuid;

use super::definitions::Case;
use super::laws::Laws;
use crate::support::world::actor;

/// What has been met, and how often.
pub(super) type Coverage = BTreeMap<&'static str, usize>;

pub(super) struct Play {
    pub(super) definition: Workflow,
    pub(super) log: Vec<Logged>,
    pub(super) state: RunState,
    met: Coverage,
    fates: std::vec::IntoIter<Index>,
}

impl Play {
    /// Takes out what was met.
    pub(super) fn take_met(&mut self) -> Coverage {
        std::mem::take(&mut self.met)
    }

    pub(super) fn begin(case: &Case) -> Self {
        let mut met = Coverage::new();
        if case.done_before > 0 {
            met.insert("reruns", 1);
        }
        let first = Logged {
            run: RunId::new(Uuid::nil()),
            seq: 1,
            at: Timestamp::from_micros(0),
            event: Event::Requested(Box::new(request(case))),
        };
        Self {
            definition: case.definition.clone(),
            state: RunState::begin(&first).unwrap(),
            log: vec![first],
            met,
            fates: case.fates.clone().into_iter(),
        }
    }

    /// One of `n` fates; the first when none are left.
    fn fate(&mut self, n: usize) -> usize {
        self.fates.next().map_or(0, |index| index.index(n))
    }

    fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    fn append(&mut self, event: Event) {
        let laws = Laws {
            definition: &self.definition,
            run: &self.state,
        };
        laws.check(&event);
        self.meet_event(&event);
        let seq = self.state.seq + 1;
        let logged = Logged {
            run: self.state.id,
            seq,
            at: Timestamp::from_micros(i64::try_from(seq).unwrap()),
            event,
        };
        self.state.apply(&logged);
        self.log.push(logged);
        let at_work =
            |step: &&StepState| step.status == StepStatus::Running && !step.is_composite();
        if self.state.steps.values().filter(at_work).count() > 1 {
            self.meet("steps side by side");
        }
    }

    fn meet_event(&mut self, event: &Event) {
        let what = match event {
            Event::StepStarted { step, .. } if step.is_undo() => "undo steps",
            Event::StepStarted { step, .. } if step.is_on_failure() => "on_failure",
            Event::StepStarted { attempt: 2.., .. } => "retries",
            Event::StepFannedOut { .. } => "foreach",
            Event::StepEntered { step, .. } if step.as_str().contains('/') => {
                "workflows in workflows"
            }
            Event::StepEntered { .. } => "workflows",
            Event::WaitBegan { .. } => "waits",
            Event::Signalled { .. } => "signals",
            Event::StepSkipped { .. } => "conditions",
            Event::StepApprovalRequested(_) => "approvals of steps",
            Event::ApprovalRequested { .. } => "approvals of runs",
            Event::ApprovalReminded { .. } => "reminders",
            Event::ApprovalExpired => "lapsed approvals",
            Event::ApprovalVoided { .. } => "void approvals",
            Event::ApprovalDelegated { .. } => "delegations",
            Event::Parked { .. } => "unclear effects",
            Event::StepTakenUp { .. } => "takeovers",
            Event::StepLetOn { .. } => "steps let on",
            Event::StepTimedOut { .. } => "timeouts of steps",
            Event::RunTimedOut => "timeouts of runs",
            Event::CancelRequested { .. } => "cancels",
            Event::StepCancelled { .. } => "steps not gone on with",
            Event::StepUndone { .. } => "steps taken back",
            Event::StepUndoFailed { .. } => "stuck",
            Event::Finished { output, .. } if !output.is_null() => "outputs",
            _ => return,
        };
        self.meet(what);
    }

    /// People and crashes come in between at any time.
    pub(super) fn disturb(&mut self) {
        match self.fate(40) {
            1 if self.state.stop.is_none() => self.append(Event::CancelRequested {
                by: actor("bo"),
                reason: None,
            }),
            2..=5 => self.crash(),
            11 => (0..7).for_each(|_| self.crash()),
            6..=9 => {
                self.answer();
            }
            10 => self.answer_twice(),
            _ => {}
        }
    }

    fn crash(&mut self) {
        let replayed = RunState::replay(&self.log).unwrap();
        assert_eq!(replayed, self.state, "a restart finds the same state");
        let in_good_order = self.fate(2) == 1;
        let at_work = |(id, step): (&StepId, &StepState)| {
            (step.status == StepStatus::Running && !step.is_composite()).then(|| id.clone())
        };
        let running: Vec<_> = self.state.steps.iter().filter_map(at_work).collect();
        for step in running {
            if in_good_order {
                self.append(Event::StepHandedBack { step: step.clone() });
            }
            self.append(Event::StepTakenUp { step });
        }
    }

    /// The same yes by another mouth.
    fn answer_twice(&mut self) {
        let said = self.state.open_approvals().find_map(|open| {
            let by = open.approved_by.first()?.clone();
            let digest = open.digest.clone();
            Some(Event::Approved { by, digest })
        });
        if let Some(again) = said {
            self.meet("answers given twice");
            self.append(again);
        }
    }

    /// Carries out one of the things that should be happening.
    pub(super) fn turn(&mut self) {
        let commands = decide(&self.definition, &self.state);
        assert_eq!(
            commands,
            decide(&self.definition, &self.state),
            "asking twice is harmless"
        );
        let nobody_else_moves = commands
            .iter()
            .all(|command| matches!(command, Command::AppendAt(_, Event::RunTimedOut)));
        if nobody_else_moves && self.answer() {
            return;
        }
        assert!(
            !commands.is_empty(),
            "a run that does nothing waits for somebody"
        );
        let pick = self.fate(commands.len());
        match commands[pick].clone() {
            Command::Claim => self.append(Event::Started),
            Command::MakePlan => self.plan(),
            Command::AskApproval => {
                let digest = self.state.plan.as_ref().unwrap().digest();
                self.append(Event::ApprovalRequested {
                    digest,
                    expires_at: Timestamp::from_micros(i64::MAX),
                    remind_at: Some(Timestamp::from_micros(i64::MAX)),
                });
            }
            Command::AskStepApproval(step) => self.ask_about(step),
            Command::AppendAt(_, Event::ApprovalExpired) if self.fate(8) != 1 => {
                assert!(self.answer());
            }
            Command::Append(event) | Command::AppendAt(_, event) => self.append(event),
            Command::RunStep(step) => self.run(&step),
            Command::UndoStep(step) => self.undo(&step),
            Command::StopStep(step) => self.append(failed(step, FailureKind::Cancelled, false)),
        }
    }

    fn plan(&mut self) {
        if self.fate(8) == 1 {
            let failure = Failure::fatal("no");
            return self.append(Event::PlanFailed { failure });
        }
        let ahead = prospects(&self.definition, &self.state).unwrap();
        for prospect in &ahead {
            let step = self.definition.step(&prospect.step).unwrap();
            assert_eq!(step.action().unwrap().uses, prospect.action);
        }
        let plan = WorkflowPlan {
            notes: vec![],
            definition: self.definition.digest(),
            inputs: json!({ "again": self.state.voided.len() }),
            steps: vec![],
        };
        self.append(Event::Planned { plan });
    }

    fn ask_about(&mut self, step: StepId) {
        let policy = self.definition.step(&step).unwrap().action().unwrap();
        let policy = policy.approval.clone().unwrap();
        let asked = StepAsked {
            digest: Digest::of_bytes(format!("{step} {}", self.log.len()).as_bytes()),
            step,
            plan: Plan::new("make it"),
            policy,
            expires_at: Timestamp::from_micros(i64::MAX),
            remind_at: None,
        };
        self.append(Event::StepApprovalRequested(Box::new(asked)));
    }

    /// Somebody answers whatever is asked, or a message comes; whether there was anything.
    fn answer(&mut self) -> bool {
        if self.answer_approval() || self.answer_question() {
            return true;
        }
        let waits = |(id, step): (&StepId, &StepState)| {
            let hook = step.wait.as_ref()?.hook.as_ref();
            (hook.is_some() && step.status == StepStatus::Waiting).then(|| id.clone())
        };
        let waiting = self.state.steps.iter().find_map(waits);
        let Some(step) = waiting.filter(|_| !self.state.is_stopped()) else {
            return false;
        };
        let message = format!("m{}", self.log.len());
        let data = json!({ "rang": true });
        self.append(Event::Signalled {
            step,
            message,
            data,
        });
        true
    }

    fn answer_approval(&mut self) -> bool {
        let Some(open) = self.state.open_approval().cloned() else {
            return false;
        };
        let digest = open.digest.clone();
        let event = match self.fate(10) {
            1 => Event::Rejected {
                by: actor("bo"),
                reason: None,
            },
            2 => Event::ApprovalDelegated {
                digest,
                by: actor("bo"),
                to: "cy".into(),
            },
            _ => Event::Approved {
                by: actor(next_voice(&open)),
                digest,
            },
        };
        self.append(event);
        true
    }

    fn answer_question(&mut self) -> bool {
        let asked = self.state.steps.iter().find_map(|(id, step)| {
            let question = step.question.as_ref()?;
            Some((id.clone(), question.effect.is_empty()))
        });
        let Some((step, is_about_takeovers)) = asked else {
            return false;
        };
        let effect = EffectName::from("make");
        let told_by = Some(actor("bo"));
        let event = match self.fate(2) {
            _ if is_about_takeovers => Event::StepLetOn {
                step,
                by: actor("bo"),
            },
            0 => Event::EffectDone {
                step,
                effect,
                result: Value::Null,
                told_by,
            },
            _ => Event::EffectFailed {
                step,
                effect,
                error: "no".into(),
                told_by,
            },
        };
        self.append(event);
        true
    }

    /// One thing that an action may do next.
    fn run(&mut self, step: &StepId) {
        let effect = EffectName::from("make");
        let state = self.state.step(step).into_owned();
        let status = state.effect(&effect).map(|record| record.status.clone());
        let step = step.clone();
        assert!(
            state.takeovers <= MOST_TAKEOVERS,
            "{step} is looked at first"
        );
        let retries = self.definition.step(&step).unwrap().retry().unwrap();
        let has_approval = state.approval.is_some() || self.state.approval.is_some();
        let event = match (status, self.fate(9)) {
            (None, 6) if has_approval => Event::ApprovalVoided {
                step,
                why: "it moved".into(),
            },
            (Some(EffectStatus::Started), 1) => Event::Parked {
                step,
                question: Question {
                    effect: "make".into(),
                    known: "nothing".into(),
                },
            },
            (Some(EffectStatus::Started), 2) => Event::EffectFailed {
                step,
                effect,
                error: "no".into(),
                told_by: None,
            },
            (_, 3) => failed(step, FailureKind::Fatal, false),
            (_, 4 | 5) => failed(
                step,
                FailureKind::Retryable,
                state.attempt < retries.attempts,
            ),
            (Some(EffectStatus::Done(_)), _) => Event::StepSucceeded {
                step,
                output: json!({}),
                left_out: vec![],
            },
            (Some(EffectStatus::Started), _) => Event::EffectDone {
                step,
                effect,
                result: json!(1),
                told_by: None,
            },
            (None | Some(EffectStatus::Failed | EffectStatus::Undone), _) => Event::EffectStarted {
                step,
                effect,
                generation: state.generation,
            },
        };
        self.append(event);
    }

    fn undo(&mut self, step: &StepId) {
        let state = self.state.step(step).into_owned();
        assert_ne!(
            state.undone_after,
            Some(state.attempt),
            "nothing is taken back twice"
        );
        let step = step.clone();
        match self.fate(12) {
            1 => self.append(Event::StepUndone {
                step,
                left: Some("a stain".into()),
            }),
            2 => self.append(Event::StepUndoFailed {
                step,
                failure: Failure::fatal("stuck"),
            }),
            _ => {
                let effect = EffectName::from("make");
                self.append(Event::EffectUndone {
                    step: step.clone(),
                    effect,
                });
                self.append(Event::StepUndone { step, left: None });
            }
        }
    }
}

/// A law that was broken is of no use without what came before.
impl Drop for Play {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let events = self.log.iter().skip(1);
            let told: Vec<_> = events
                .map(|logged| json!(logged.event).to_string())
                .collect();
            eprintln!("the run:\n{}", told.join("\n"));
        }
    }
}

/// Whoever has not said yes yet.
fn next_voice(open: &ApprovalRequest) -> &'static str {
    let has_said = |name: &&str| !open.has_yes_of(&(*name).into());
    ["bo", "cy", "di"]
        .into_iter()
        .find(has_said)
        .unwrap_or("ed")
}

fn failed(step: StepId, kind: FailureKind, again: bool) -> Event {
    Event::AttemptFailed {
        step,
        failure: Failure {
            kind,
            message: "it broke".into(),
        },
        retry_at: again.then_some(Timestamp::from_micros(0)),
    }
}

fn request(case: &Case) -> Requested {
    let policy = serde_json::from_str(r#"{ "by": ["operator"], "count": 2 }"#).unwrap();
    let span = |text: &str| serde_json::from_value(json!(text)).unwrap();
    let done = case.definition.steps.iter().take(case.done_before);
    let done: Vec<_> = done
        .map(|step| DoneStep {
            step: step.id.clone(),
            done_in: None,
            skipped: false,
            systems: [].into(),
            output: json!({}),
            left_out: vec![],
        })
        .collect();
    Requested {
        workflow: case.definition.name.clone(),
        definition: case.definition.digest(),
        dialect: DIALECT,
        inputs: json!({}),
        by: actor("ann"),
        trigger: Trigger::Api,
        environments: vec![Environment::production()],
        approval: if case.asks { vec![policy] } else { vec![] },
        systems: [].into(),
        concurrency: None,
        when_busy: WhenBusy::Queue,
        timeout: case.has_timeout.then(|| span("1h")),
        rerun: (!done.is_empty()).then(|| Rerun {
            of: RunId::new(Uuid::max()),
            done,
        }),
        undo: None,
        break_glass: None,
        shown_in: None,
    }
}

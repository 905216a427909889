//! The interpreter under random definitions and random fates: results, failures, cancels, answers
//! of people and restarts, in any order.

use proptest::prelude::*;
use proptest::sample::Index;
use purser::domain::effect::{EffectName, EffectStatus, Question};
use purser::domain::ending::FinalState;
use purser::domain::event::{DIALECT, Event, Failure, FailureKind, Logged, Requested, Trigger};
use purser::domain::interpreter::{Command, decide};
use purser::domain::names::{Environment, RunId, StepId};
use purser::domain::plan::WorkflowPlan;
use purser::domain::run::{RunState, StepStatus};
use purser::domain::time::Timestamp;
use purser::domain::workflow::{WhenBusy, Workflow};
use uuid::Uuid;

use crate::support::world::actor;

/// More turns than any of these runs can need.
const TURNS: usize = 600;

#[derive(Clone, Debug)]
struct Case {
    attempts: Vec<u32>,
    conditions: Vec<Option<bool>>,
    needs_approval: bool,
    /// What happens, one draw a turn; when they are used up, everything goes well.
    fates: Vec<Index>,
}

fn cases() -> impl Strategy<Value = Case> {
    let steps = 1..5_usize;
    steps
        .prop_flat_map(|steps| {
            (
                prop::collection::vec(1..4_u32, steps),
                prop::collection::vec(prop::option::weighted(0.3, any::<bool>()), steps),
                any::<bool>(),
                prop::collection::vec(any::<Index>(), 0..80),
            )
        })
        .prop_map(|(attempts, conditions, needs_approval, fates)| Case {
            attempts,
            conditions,
            needs_approval,
            fates,
        })
}

fn definition(case: &Case) -> Workflow {
    let steps: Vec<_> = case
        .attempts
        .iter()
        .zip(&case.conditions)
        .enumerate()
        .map(|(n, (attempts, condition))| {
            let mut step = serde_json::json!({
                "id": format!("s{n}"), "uses": "toy.make",
                "retry": { "attempts": attempts },
            });
            if let Some(condition) = condition {
                step["if"] = condition.to_string().into();
            }
            step
        })
        .collect();
    let workflow = serde_json::json!({ "name": "play", "summary": "Play", "steps": steps });
    serde_json::from_value(workflow).unwrap()
}

struct Play {
    definition: Workflow,
    log: Vec<Logged>,
    state: RunState,
    fates: std::vec::IntoIter<Index>,
}

impl Play {
    fn begin(case: &Case) -> Self {
        let definition = definition(case);
        let policy = serde_json::from_str(r#"{ "by": ["operator"] }"#).unwrap();
        let request = Requested {
            workflow: definition.name.clone(),
            definition: definition.digest(),
            dialect: DIALECT,
            inputs: serde_json::json!({}),
            by: actor("ann"),
            trigger: Trigger::Api,
            environments: vec![Environment::production()],
            approval: if case.needs_approval {
                vec![policy]
            } else {
                vec![]
            },
            systems: [].into(),
            concurrency: None,
            when_busy: WhenBusy::Queue,
            timeout: None,
            rerun: None,
            break_glass: None,
        };
        let first = Logged {
            run: RunId::new(Uuid::nil()),
            seq: 1,
            at: Timestamp::from_micros(0),
            event: Event::Requested(Box::new(request)),
        };
        let state = RunState::begin(&first).unwrap();
        Self {
            definition,
            log: vec![first],
            state,
            fates: case.fates.clone().into_iter(),
        }
    }

    fn append(&mut self, event: Event) {
        self.check_legal(&event);
        let seq = self.state.seq + 1;
        let at = Timestamp::from_micros(i64::try_from(seq).unwrap());
        let logged = Logged {
            run: self.state.id,
            seq,
            at,
            event,
        };
        self.state.apply(&logged);
        self.log.push(logged);
    }

    /// What must hold of every event at the moment at which it is appended.
    fn check_legal(&self, event: &Event) {
        assert!(
            self.state.ended.is_none(),
            "nothing happens after the end: {event:?}"
        );
        match event {
            Event::StepStarted { step, attempt, .. } => {
                assert!(
                    self.state.stop.is_none(),
                    "nothing begins in a run that is being stopped"
                );
                let before = self
                    .definition
                    .steps
                    .iter()
                    .take_while(|other| other.id != *step);
                for earlier in before {
                    let status = self.state.step(&earlier.id).status;
                    let over = matches!(status, StepStatus::Succeeded | StepStatus::Skipped);
                    assert!(over, "{step} begins before {} is over", earlier.id);
                }
                assert_eq!(*attempt, self.state.step(step).attempt + 1);
                assert!(!self.state.step(step).wants_undo(), "a retry begins clean");
            }
            Event::Finished { state, .. } => self.check_end(*state),
            _ => {}
        }
    }

    fn check_end(&self, end: FinalState) {
        let states: Vec<_> = self
            .definition
            .steps
            .iter()
            .map(|step| self.state.step(&step.id))
            .collect();
        let all_over = states
            .iter()
            .all(|s| matches!(s.status, StepStatus::Succeeded | StepStatus::Skipped));
        assert!(
            states.iter().all(|s| s.status != StepStatus::Running),
            "nothing runs at the end"
        );
        match end {
            FinalState::Succeeded => assert!(all_over && self.state.stop.is_none()),
            FinalState::RolledBack => {
                assert!(
                    states
                        .iter()
                        .all(|s| !s.has_live_effects() && s.left.is_none())
                );
            }
            FinalState::Stuck => assert!(states.iter().any(|s| s.undo_failure.is_some())),
            FinalState::Failed | FinalState::Cancelled => {
                assert!(!all_over || self.state.stop.is_some());
                assert!(
                    states.iter().all(|s| !s.wants_undo()),
                    "all that can be is taken back"
                );
            }
        }
    }

    /// One of `n` fates; the first when none are left.
    fn fate(&mut self, n: usize) -> usize {
        self.fates.next().map_or(0, |index| index.index(n))
    }

    /// People and restarts come in between at any time.
    fn disturb(&mut self) {
        match self.fate(40) {
            1 if self.state.stop.is_none() => {
                self.append(Event::CancelRequested {
                    by: actor("bo"),
                    reason: None,
                });
            }
            2..=4 => {
                let replayed = RunState::replay(&self.log).unwrap();
                assert_eq!(replayed, self.state, "a restart finds the same state");
            }
            _ => {}
        }
    }

    fn turn(&mut self) {
        let commands = decide(&self.definition, &self.state);
        assert_eq!(
            commands,
            decide(&self.definition, &self.state),
            "asking twice is harmless"
        );
        if commands.is_empty() {
            return self.answer_question();
        }
        let pick = self.fate(commands.len());
        match commands[pick].clone() {
            Command::Claim => self.append(Event::Started),
            Command::MakePlan => self.plan(),
            Command::AskApproval => {
                let digest = self.state.plan.as_ref().unwrap().digest();
                let expires_at = Timestamp::from_micros(i64::MAX);
                let remind_at = None;
                self.append(Event::ApprovalRequested {
                    digest,
                    expires_at,
                    remind_at,
                });
            }
            Command::AppendAt(_, Event::ApprovalExpired) => self.answer_approval(),
            Command::Append(event) | Command::AppendAt(_, event) => self.append(event),
            Command::RunStep(step) => self.run(&step),
            Command::UndoStep(step) => self.undo(&step),
            Command::AskStepApproval(_) => unreachable!(),
            Command::StopStep(step) => {
                let failure = Failure {
                    kind: FailureKind::Cancelled,
                    message: "stopped".into(),
                };
                self.append(Event::AttemptFailed {
                    step,
                    failure,
                    retry_at: None,
                });
            }
        }
    }

    fn plan(&mut self) {
        let plan = WorkflowPlan {
            definition: self.definition.digest(),
            inputs: serde_json::json!({}),
            steps: vec![],
        };
        let event = match self.fate(6) {
            1 => Event::PlanFailed {
                failure: Failure::fatal("no"),
            },
            _ => Event::Planned { plan },
        };
        self.append(event);
    }

    fn answer_approval(&mut self) {
        let digest = self.state.approval.as_ref().unwrap().digest.clone();
        let event = match self.fate(8) {
            1 => Event::Rejected {
                by: actor("bo"),
                reason: None,
            },
            2 => Event::ApprovalExpired,
            _ => Event::Approved {
                by: actor("bo"),
                digest,
            },
        };
        self.append(event);
    }

    fn answer_question(&mut self) {
        let asked = self
            .state
            .steps
            .iter()
            .find(|(_, step)| step.question.is_some());
        let (step, _) = asked.expect("a run that does nothing waits for an answer");
        let (step, effect) = (step.clone(), EffectName::from("make"));
        let told_by = Some(actor("bo"));
        let event = match self.fate(2) {
            0 => Event::EffectDone {
                step,
                effect,
                result: serde_json::Value::Null,
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
    }

    /// One thing that an action may do next.
    fn run(&mut self, step: &StepId) {
        let effect = EffectName::from("make");
        let state = self.state.step(step).into_owned();
        let status = state.effect(&effect).map(|record| record.status.clone());
        let step = step.clone();
        let fail = |kind| Failure {
            kind,
            message: "it broke".into(),
        };
        let retries = self
            .definition
            .step(&step)
            .and_then(|step| step.retry())
            .unwrap();
        let fate = self.fate(8);
        let event = match (status, fate) {
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
            (_, 3) => {
                let failure = fail(FailureKind::Fatal);
                Event::AttemptFailed {
                    step,
                    failure,
                    retry_at: None,
                }
            }
            (_, 4 | 5) => {
                let again = state.attempt < retries.attempts;
                let retry_at = again.then_some(Timestamp::from_micros(0));
                Event::AttemptFailed {
                    step,
                    failure: fail(FailureKind::Retryable),
                    retry_at,
                }
            }
            (Some(EffectStatus::Done(_)), _) => Event::StepSucceeded {
                step,
                output: serde_json::json!({}),
            },
            (Some(EffectStatus::Started), _) => {
                let result = serde_json::json!(1);
                Event::EffectDone {
                    step,
                    effect,
                    result,
                    told_by: None,
                }
            }
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
        match self.fate(6) {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_and_says_what_is_true(case in cases()) {
        let mut play = Play::begin(&case);
        for _ in 0..TURNS {
            if play.state.ended.is_some() {
                break;
            }
            play.disturb();
            play.turn();
        }
        prop_assert!(play.state.ended.is_some(), "it does not end: {:#?}", play.log);
        prop_assert!(decide(&play.definition, &play.state).is_empty());
        for end in 1..play.log.len() {
            let prefix = RunState::replay(&play.log[..=end]).unwrap();
            // Every prefix of a log is a state from which one can go on.
            let _ = (prefix.status(), decide(&play.definition, &prefix));
        }
        let text = serde_json::to_string(&play.log).unwrap();
        let read: Vec<Logged> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(RunState::replay(&read).unwrap(), play.state);
    }
}

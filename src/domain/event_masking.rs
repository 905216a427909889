//! Masks secrets in the free texts of an event; names, states and keys stay as they are, so that
//! a password that happens to be a word of ours cannot garble the log.

use super::effect::Question;
use super::ending::Summary;
use super::event::{Event, Failure, Requested, StepAsked};
use super::output::{Kept, LeftOut};
use super::redact::Redactor;

impl Event {
    /// The same event with every known secret masked in what came from people or other systems.
    #[must_use]
    #[allow(
        clippy::too_many_lines,
        reason = "one arm an event: a new one must be thought of here"
    )]
    pub fn masked(self, redactor: &Redactor) -> Self {
        let text = |text: String| redactor.text(&text);
        let left = |left: LeftOut| LeftOut {
            kept: match left.kept {
                Kept::Nowhere(why) => Kept::Nowhere(text(why)),
                Kept::AsArtifact => Kept::AsArtifact,
            },
            ..left
        };
        let failure = |failure: Failure| Failure {
            message: text(failure.message),
            ..failure
        };
        match self {
            Self::Requested(request) => Self::Requested(Box::new(Requested {
                inputs: redactor.json(request.inputs.clone()),
                concurrency: request.concurrency.clone().map(text),
                break_glass: request.break_glass.clone().map(text),
                undo: request.undo.clone().map(|undo| undo.masked(redactor)),
                ..*request
            })),
            Self::Planned { plan } => Self::Planned {
                plan: plan.masked(redactor),
            },
            Self::PlanFailed { failure: why } => Self::PlanFailed {
                failure: failure(why),
            },
            Self::Rejected { by, reason } => Self::Rejected {
                by,
                reason: reason.map(text),
            },
            Self::ApprovalVoided { step, why } => Self::ApprovalVoided {
                step,
                why: text(why),
            },
            Self::StepStarted {
                step,
                attempt,
                action,
                system,
                input,
            } => Self::StepStarted {
                step,
                attempt,
                action,
                system,
                input: redactor.json(input),
            },
            Self::StepApprovalRequested(asked) => {
                let plan = asked.plan.clone().masked(redactor);
                Self::StepApprovalRequested(Box::new(StepAsked { plan, ..*asked }))
            }
            Self::StepFannedOut { step, items } => Self::StepFannedOut {
                step,
                items: items.into_iter().map(|item| redactor.json(item)).collect(),
            },
            Self::StepEntered {
                step,
                workflow,
                inputs,
            } => Self::StepEntered {
                step,
                workflow,
                inputs: redactor.json(inputs),
            },
            Self::Signalled {
                step,
                message,
                data,
            } => Self::Signalled {
                step,
                message,
                data: redactor.json(data),
            },
            Self::StepPlanned { step, plan } => Self::StepPlanned {
                step,
                plan: plan.masked(redactor),
            },
            Self::Recorded { step, name, value } => Self::Recorded {
                step,
                name,
                value: redactor.json(value),
            },
            Self::EffectDone {
                step,
                effect,
                result,
                told_by,
            } => Self::EffectDone {
                step,
                effect,
                result: redactor.json(result),
                told_by,
            },
            Self::EffectFailed {
                step,
                effect,
                error,
                told_by,
            } => Self::EffectFailed {
                step,
                effect,
                error: text(error),
                told_by,
            },
            Self::Parked { step, question } => {
                let question = Question {
                    known: text(question.known),
                    ..question
                };
                Self::Parked { step, question }
            }
            Self::StepSucceeded {
                step,
                output,
                left_out,
            } => Self::StepSucceeded {
                step,
                output: redactor.json(output),
                left_out: left_out.into_iter().map(left).collect(),
            },
            Self::AttemptFailed {
                step,
                failure: why,
                retry_at,
            } => Self::AttemptFailed {
                step,
                failure: failure(why),
                retry_at,
            },
            Self::StepUndone { step, left } => Self::StepUndone {
                step,
                left: left.map(text),
            },
            Self::StepUndoFailed { step, failure: why } => Self::StepUndoFailed {
                step,
                failure: failure(why),
            },
            Self::CancelRequested { by, reason } => Self::CancelRequested {
                by,
                reason: reason.map(text),
            },
            Self::Finished {
                state,
                summary,
                output,
            } => Self::Finished {
                state,
                summary: Summary {
                    cause: summary.cause.map(text),
                    now: text(summary.now),
                },
                output: redactor.json(output),
            },
            plain @ (Self::Started
            | Self::ApprovalRequested { .. }
            | Self::ApprovalReminded { .. }
            | Self::ApprovalDelegated { .. }
            | Self::Approved { .. }
            | Self::ApprovalExpired
            | Self::WaitBegan { .. }
            | Self::StepHandedBack { .. }
            | Self::StepTakenUp { .. }
            | Self::StepLetOn { .. }
            | Self::StepCancelled { .. }
            | Self::FoundBusy { .. }
            | Self::Overtaken { .. }
            | Self::EffectStarted { .. }
            | Self::EffectUndone { .. }
            | Self::ArtifactKept { .. }
            | Self::StepSkipped { .. }
            | Self::RetryDue { .. }
            | Self::StepTimedOut { .. }
            | Self::RunTimedOut
            | Self::Recovered { .. }) => plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_a_word_of_ours_garbles_no_name() {
        let redactor = Redactor::new();
        redactor.learn("postgres");
        let event = Event::StepStarted {
            step: "postgres".into(),
            attempt: 1,
            action: "postgres.backup".into(),
            system: Some("postgres".into()),
            input: serde_json::json!({ "url": "x://u:postgres@h" }),
        };
        let masked = serde_json::to_string(&event.masked(&redactor)).unwrap();
        assert_eq!(
            masked,
            r#"{"type":"step_started","step":"postgres","attempt":1,"action":"postgres.backup","system":"postgres","input":{"url":"x://u:[secret]@h"}}"#
        );
    }
}

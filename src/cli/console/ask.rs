//! What a run asks whoever watches it.

use clap::ValueEnum as _;

use crate::cli::Failure;
use crate::cli::answer::Verdict;
use crate::cli::render::question;
use crate::domain::run::{RunStatus, WaitingFor};
use crate::http::types::{AnswerBody, RunView};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whether its plan is to be carried out.
    Plan,
    /// Whether an effect has happened of which nobody else can tell.
    Effect,
    /// Whether a step is tried further that was taken up too often.
    Step,
}

/// What is said to a run, and how.
pub(super) struct Answer {
    /// The end of the path.
    pub(super) verb: &'static str,
    pub(super) body: AnswerBody,
}

impl Asked {
    /// What this run asks, if it waits for a person.
    pub(super) fn by(view: &RunView) -> Option<Self> {
        match view.status {
            RunStatus::Waiting(WaitingFor::Approval) => Some(Self::Plan),
            RunStatus::Waiting(WaitingFor::Decision) => {
                let question = question(&view.run)?;
                Some(if question.effect.is_empty() {
                    Self::Step
                } else {
                    Self::Effect
                })
            }
            _ => None,
        }
    }

    pub(super) fn prompt(self) -> &'static str {
        match self {
            Self::Plan => "Approve this plan? [yes/no/later] ",
            Self::Effect => "Did it happen? [yes/no/later] ",
            Self::Step => "Try it further? [yes/later] ",
        }
    }

    /// What the run is told by this answer; nothing where it is to wait. `plan` is the digest of the
    /// plan that was seen.
    pub(super) fn answer(self, typed: &str, plan: Option<&str>) -> Option<Answer> {
        let yes = matches!(typed, "yes" | "y");
        let no = matches!(typed, "no" | "n");
        Some(match self {
            Self::Plan if yes => Answer {
                verb: "approve",
                body: AnswerBody {
                    digest: plan.map(str::to_owned),
                    ..AnswerBody::default()
                },
            },
            Self::Plan if no => Answer::because("reject", &[]),
            Self::Effect if yes => Verdict::Happened.into(),
            Self::Effect if no => Verdict::DidNot.into(),
            Self::Step if yes => Verdict::GoOn.into(),
            _ => return None,
        })
    }
}

impl Answer {
    /// With a reason, where one is given.
    pub(super) fn because(verb: &'static str, reason: &[&str]) -> Self {
        let reason = (!reason.is_empty()).then(|| reason.join(" "));
        let body = AnswerBody {
            reason,
            ..AnswerBody::default()
        };
        Self { verb, body }
    }

    /// What was found, as it is typed behind `decide RUN`.
    pub(super) fn found(typed: &str) -> Result<Self, Failure> {
        let verdict = Verdict::from_str(typed, false);
        verdict.map(Self::from).map_err(|_| {
            let all = verdicts().join("`, `");
            Failure::usage(format!("`{typed}` is none of `{all}`"))
        })
    }
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        Self {
            verb: "decide",
            body: verdict.into(),
        }
    }
}

/// All that can be found.
pub(super) fn verdicts() -> Vec<String> {
    let all = Verdict::value_variants().iter();
    all.filter_map(|verdict| Some(verdict.to_possible_value()?.get_name().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_says_what_was_asked_and_anything_else_lets_the_run_wait() {
        for (asked, typed, told) in [
            (
                Asked::Plan,
                "yes",
                Some(("approve", json!({ "digest": "ab12" }))),
            ),
            (Asked::Plan, "n", Some(("reject", json!({})))),
            (Asked::Plan, "later", None),
            (
                Asked::Effect,
                "y",
                Some(("decide", json!({ "happened": true }))),
            ),
            (
                Asked::Effect,
                "no",
                Some(("decide", json!({ "happened": false }))),
            ),
            (Asked::Effect, "", None),
            (
                Asked::Step,
                "yes",
                Some(("decide", json!({ "go_on": true }))),
            ),
            (Asked::Step, "no", None),
        ] {
            let answer = asked.answer(typed, Some("ab12"));
            let answer = answer.map(|answer| (answer.verb, json!(answer.body)));
            assert_eq!(answer, told, "{asked:?} {typed}");
        }
    }
}

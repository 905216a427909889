//! What a run asks whoever watches it.

use clap::ValueEnum as _;

use crate::cli::Failure;
use crate::cli::answer::Verdict;
use crate::domain::run::{RunStatus, WaitingFor};
use crate::http::types::{AnswerBody, RunView};

/// What is asked, and which of several such questions it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whether the plan of this digest is to be carried out.
    Plan(String),
    /// The same of one that removes what cannot be had back: a yes is the name behind it.
    Loss(String, String),
    /// Whether an effect has happened of which nobody else can tell: the question of this number.
    Effect(u32),
    /// Whether a step is tried further that was taken up too often: the question of this number.
    Step(u32),
}

/// What is said to a run, and how.
pub(super) struct Answer {
    /// The end of the path.
    pub(super) verb: &'static str,
    pub(super) body: AnswerBody,
}

impl Asked {
    /// What this run asks, if it waits for a person and asks one thing. Of several, each is answered by
    /// its name: a yes would not say to which.
    pub(super) fn by(view: &RunView) -> Option<Self> {
        match view.status {
            RunStatus::Waiting(WaitingFor::Approval) => {
                let open = only(view.run.open_approvals())?;
                let plan = open.digest.short().to_owned();
                Some(match view.run.to_be_typed(&open.digest) {
                    Some(name) => Self::Loss(plan, name),
                    None => Self::Plan(plan),
                })
            }
            RunStatus::Waiting(WaitingFor::Decision) => {
                let open = only(view.run.open_questions())?;
                Some(if open.question.is_whether_to_go_on() {
                    Self::Step(open.number)
                } else {
                    Self::Effect(open.number)
                })
            }
            _ => None,
        }
    }

    pub(super) fn prompt(&self) -> String {
        match self {
            Self::Plan(_) => "Approve this plan? [yes/no/later] ".to_owned(),
            Self::Loss(_, name) => {
                format!("It removes what cannot be had back. Approve it? [{name}/no/later] ")
            }
            Self::Effect(_) => "Did it happen? [yes/no/later] ".to_owned(),
            Self::Step(_) => "Try it further? [yes/later] ".to_owned(),
        }
    }

    /// What the run is told by this answer; nothing where it is to wait.
    pub(super) fn answer(&self, typed: &str) -> Option<Answer> {
        let yes = matches!(typed, "yes" | "y");
        let no = matches!(typed, "no" | "n");
        Some(match self {
            Self::Plan(digest) if yes => Answer::yes(Some(digest)),
            Self::Loss(digest, name) if typed == name => Answer::confirmed(digest, name),
            Self::Plan(_) | Self::Loss(..) if no => Answer::because("reject", &[]),
            Self::Effect(number) if yes => Answer::to(*number, Verdict::Happened),
            Self::Effect(number) if no => Answer::to(*number, Verdict::DidNot),
            Self::Step(number) if yes => Answer::to(*number, Verdict::GoOn),
            _ => return None,
        })
    }
}

fn only<T>(all: impl IntoIterator<Item = T>) -> Option<T> {
    let mut all = all.into_iter();
    all.next().filter(|_| all.next().is_none())
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

    /// A yes to the plan of this digest.
    pub(super) fn yes(plan: Option<&str>) -> Self {
        let body = AnswerBody {
            digest: plan.map(str::to_owned),
            ..AnswerBody::default()
        };
        Self {
            verb: "approve",
            body,
        }
    }

    /// The same of a plan that takes a name.
    pub(super) fn confirmed(plan: &str, name: &str) -> Self {
        let mut yes = Self::yes(Some(plan));
        yes.body.confirm = Some(name.to_owned());
        yes
    }

    /// What was found, as it is typed behind `decide RUN`.
    pub(super) fn found(typed: &str, question: Option<&str>) -> Result<Self, Failure> {
        let verdict = Verdict::from_str(typed, false).map_err(|_| {
            let all = verdicts().join("`, `");
            Failure::usage(format!("`{typed}` is none of `{all}`"))
        })?;
        let number = |typed: &str| {
            let number = typed.parse();
            number.map_err(|_| Failure::usage(format!("`{typed}` is not the number of a question")))
        };
        Ok(Self::of(question.map(number).transpose()?, verdict))
    }

    fn to(question: u32, verdict: Verdict) -> Self {
        Self::of(Some(question), verdict)
    }

    fn of(question: Option<u32>, verdict: Verdict) -> Self {
        Self {
            verb: "decide",
            body: AnswerBody {
                question,
                ..verdict.into()
            },
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

    /// A run of two steps, of which so many ask whether their effect happened.
    fn asks(questions: usize) -> RunView {
        let step = |number: usize| {
            let question = json!({ "effect": "send_once", "known": "" });
            let step = json!({
                "status": "waiting", "attempt": 1, "action": "http.send", "system": null, "input": {},
                "plan": null, "output": null, "failure": null, "retry_at": null, "timed_out": false,
                "undone_after": null, "left": null, "undo_failure": null, "question": question,
                "question_number": number, "generation": 0, "effects": [], "records": {},
                "started_at": null, "attempt_at": null, "ended_at": null,
            });
            (format!("step{number}"), step)
        };
        let steps: serde_json::Map<_, _> = (1..=questions).map(step).collect();
        let request = json!({
            "workflow": "charge", "definition": format!("sha256:{:064}", 0), "dialect": 1, "inputs": {},
            "by": { "person": "bo", "roles": [], "through": "uid 0" }, "trigger": "api",
            "environments": [], "approval": [], "systems": {}, "concurrency": null, "timeout": null,
        });
        serde_json::from_value(json!({
            "status": { "waiting": "decision" }, "progress": null, "may_decide": "yes",
            "run": {
                "id": "01a215b4-3c64-708b-8efa-f3b312a3f076", "request": request, "requested_at": 0,
                "seq": 9, "started_at": 0, "plan": null, "approval": null, "voided": [], "steps": steps,
                "questions": questions, "stop": null, "ended": null,
            },
        }))
        .unwrap()
    }

    #[test]
    fn where_a_run_asks_two_things_it_is_not_clear_what_a_yes_would_be_to() {
        assert_eq!(Asked::by(&asks(1)), Some(Asked::Effect(1)));
        assert_eq!(Asked::by(&asks(2)), None);
    }

    #[test]
    fn an_answer_says_what_was_asked_and_anything_else_lets_the_run_wait() {
        let plan = || Asked::Plan("ab12".to_owned());
        let loss = || Asked::Loss("ab12".to_owned(), "shop/web".to_owned());
        for (asked, typed, told) in [
            (
                plan(),
                "yes",
                Some(("approve", json!({ "digest": "ab12" }))),
            ),
            (plan(), "n", Some(("reject", json!({})))),
            (loss(), "yes", None),
            (
                loss(),
                "shop/web",
                Some((
                    "approve",
                    json!({ "digest": "ab12", "confirm": "shop/web" }),
                )),
            ),
            (loss(), "no", Some(("reject", json!({})))),
            (plan(), "later", None),
            (
                Asked::Effect(2),
                "y",
                Some(("decide", json!({ "happened": true, "question": 2 }))),
            ),
            (
                Asked::Effect(1),
                "no",
                Some(("decide", json!({ "happened": false, "question": 1 }))),
            ),
            (Asked::Effect(1), "", None),
            (
                Asked::Step(1),
                "yes",
                Some(("decide", json!({ "go_on": true, "question": 1 }))),
            ),
            (Asked::Step(1), "no", None),
        ] {
            let answer = asked.answer(typed);
            let answer = answer.map(|answer| (answer.verb, json!(answer.body)));
            assert_eq!(answer, told, "{asked:?} {typed}");
        }
    }
}

//! What a notice says of what a receipt is about.

use serde_json::{Map, Value};

use super::text::shell_word;
use super::{Facts, Kind, Loudness, Next, Notice, NoticeId};
use crate::domain::ending::FinalState;
use crate::domain::event::Trigger;
use crate::domain::names::{RunId, SystemName};
use crate::domain::receipt::{Receipt, RunFacts, StepFacts};
use crate::domain::redact::MASK;
use crate::domain::run::StepStatus;
use crate::domain::schedule::ScheduleName;

/// A text of a receipt that is there no more.
const ERASED: &str = "(the text was erased)";

/// No text of others is longer, in characters.
const LONGEST: usize = 2000;

fn clipped(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

impl Kind {
    /// Of a run that ends so.
    pub(super) fn of_end(state: FinalState) -> Self {
        match state {
            FinalState::Succeeded => Self::RunSucceeded,
            FinalState::Failed => Self::RunFailed,
            FinalState::RolledBack => Self::RunRolledBack,
            FinalState::Cancelled => Self::RunCancelled,
            FinalState::Stuck => Self::RunStuck,
        }
    }
}

/// A run has ended.
pub(super) fn end(receipt: &Receipt, facts: &RunFacts, loudness: Loudness) -> Notice {
    let text = |committed| clipped(receipt.text(committed).unwrap_or(ERASED));
    let by = receipt.content.by.to_string();
    let systems = systems_of(facts);
    let headline = end_headline(facts, &systems, &by);
    let mut cause = facts.steps.iter().filter_map(|step| step.failure.as_ref());
    Notice {
        loudness,
        summary: text(&receipt.content.summary),
        next: after_end(receipt, facts),
        facts: Facts {
            run: Some(facts.run),
            workflow: Some(facts.workflow.clone()),
            state: Some(facts.state.name().to_owned()),
            systems,
            by: Some(by),
            cause: cause.next().map(text),
            ..Facts::default()
        },
        ..Notice::new(
            NoticeId::new(format!("run-{}-end", facts.run)),
            Kind::of_end(facts.state),
            receipt.content.at,
            headline,
        )
    }
}

/// `backup failed on orders-db (run 5b4e1234, asked for by schedule backup.nightly)`.
pub(super) fn end_headline(facts: &RunFacts, systems: &[SystemName], by: &str) -> String {
    let what = match facts.state {
        FinalState::Succeeded => "succeeded",
        FinalState::Failed => "failed",
        FinalState::RolledBack => "failed and was rolled back",
        FinalState::Cancelled => "was cancelled",
        FinalState::Stuck => "is stuck and needs a human",
    };
    let on = match systems {
        [] => String::new(),
        some => {
            let names: Vec<_> = some.iter().map(SystemName::as_str).collect();
            format!(" on {}", names.join(", "))
        }
    };
    let run = facts.run.short();
    let undo = facts.undo_of.map_or("", |_| "the undo of ");
    format!(
        "{undo}`{}` {what}{on} (run {run}, asked for by {by})",
        facts.workflow
    )
}

/// The systems on which it went wrong, or else all on which something was done.
pub(super) fn systems_of(facts: &RunFacts) -> Vec<SystemName> {
    let of = |wanted: fn(&StepFacts) -> bool| {
        let steps = facts.steps.iter().filter(|step| wanted(step));
        let mut systems: Vec<_> = steps.filter_map(|step| step.system.clone()).collect();
        systems.sort();
        systems.dedup();
        systems
    };
    let failed = of(|step| step.status == StepStatus::Failed || step.left.is_some());
    if failed.is_empty() {
        of(|_| true)
    } else {
        failed
    }
}

fn after_end(receipt: &Receipt, facts: &RunFacts) -> Vec<Next> {
    let show = see_run(facts.run);
    match facts.state {
        FinalState::Succeeded => vec![show],
        // What is left must be looked at before anything is tried again.
        FinalState::Stuck => vec![Next {
            to: "see what is left".to_owned(),
            ..show
        }],
        _ if let Some(of) = facts.undo_of => {
            let again = format!("purser undo {}", of.short());
            vec![show, Next::new("ask for it anew", again)]
        }
        FinalState::Failed | FinalState::RolledBack | FinalState::Cancelled => {
            let inputs = receipt.text(&facts.inputs).unwrap_or(MASK);
            let again = run_again(facts, inputs).map(|command| Next::new("run it again", command));
            [Some(show), again].into_iter().flatten().collect()
        }
    }
}

fn see_run(run: RunId) -> Next {
    Next::new(
        "see what it did",
        format!("purser runs show {}", run.short()),
    )
}

/// The command that starts such a run, where a line can hold it.
fn run_again(facts: &RunFacts, inputs: &str) -> Option<String> {
    if let Trigger::Schedule { name, .. } = &facts.trigger {
        return Some(format!("purser schedules run {name}"));
    }
    if inputs.contains(MASK) {
        return None;
    }
    let inputs: Map<String, Value> = serde_json::from_str(inputs).ok()?;
    let mut command = format!("purser run {}", facts.workflow);
    for (name, value) in inputs {
        let value = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        let word = shell_word(&format!("{name}={value}"))?;
        command = format!("{command} --input {word}");
    }
    Some(command)
}

/// A schedule has not had its run.
pub(super) fn passed_over(
    receipt: &Receipt,
    schedule: &ScheduleName,
    loudness: Loudness,
) -> Notice {
    let why = receipt.text(&receipt.content.summary).unwrap_or(ERASED);
    Notice {
        loudness,
        summary: clipped(why),
        next: vec![
            Next::new("run it now", format!("purser schedules run {schedule}")),
            Next::new("see all schedules", "purser schedules list"),
        ],
        facts: Facts {
            workflow: Some(schedule.workflow().clone()),
            state: Some("passed_over".to_owned()),
            by: Some(format!("schedule {schedule}")),
            cause: Some(clipped(why)),
            ..Facts::default()
        },
        ..Notice::new(
            of_receipt(receipt),
            Kind::PassedOver,
            receipt.content.at,
            format!("The schedule `{schedule}` was passed over"),
        )
    }
}

/// A program was refused.
pub(super) fn refused(receipt: &Receipt, asked: &str, loudness: Loudness) -> Notice {
    let by = receipt.content.by.to_string();
    let why = receipt.text(&receipt.content.summary).unwrap_or(ERASED);
    Notice {
        loudness,
        summary: clipped(why),
        next: vec![Next::new(
            "see its receipt",
            format!("purser receipts show {}", receipt.seq),
        )],
        facts: Facts {
            state: Some("refused".to_owned()),
            by: Some(by.clone()),
            cause: Some(clipped(why)),
            ..Facts::default()
        },
        ..Notice::new(
            of_receipt(receipt),
            Kind::Refused,
            receipt.content.at,
            format!("{by} was refused: {asked}"),
        )
    }
}

/// Receipts of two stores may go to one place: their numbers are the same, their hashes are not.
fn of_receipt(receipt: &Receipt) -> NoticeId {
    NoticeId::new(format!("receipt-{}-{}", receipt.seq, receipt.hash.short()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_undo_is_not_told_as_if_its_workflow_had_run() {
        let facts = |undo_of: Option<&str>| -> RunFacts {
            let committed = "sha256:0";
            serde_json::from_value(json!({
                "run": "01a2179f-cc8a-7c7b-8b06-a09ab51aa150", "workflow": "deploy", "definition": "sha256:0",
                "trigger": "api", "requested_at": 0, "state": "failed", "inputs": committed,
                "approved_plan": null, "approved_by": [], "undo_of": undo_of, "steps": [],
            }))
            .unwrap()
        };
        let of = "01a2179f-edb9-7e13-9406-b0d8b2e2f078";
        let told = [None, Some(of)].map(|of| end_headline(&facts(of), &[], "ann"));
        insta::assert_snapshot!(told.join("\n"), @"
        `deploy` failed (run b51aa150, asked for by ann)
        the undo of `deploy` failed (run b51aa150, asked for by ann)
        ");
    }
}

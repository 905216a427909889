//! Plans in words.

use super::value::indented;
use crate::domain::plan::{Outlook, Plan, WorkflowPlan};

/// A whole plan, with its digest.
pub fn of_workflow(plan: &WorkflowPlan) -> String {
    format!("{}\nplan {}", steps(plan), plan.digest().short())
}

/// What each step of a plan would do, and what is to be known of it.
pub fn steps(plan: &WorkflowPlan) -> String {
    let mut lines = Vec::new();
    for step in &plan.steps {
        let system = step
            .system
            .as_ref()
            .map(|name| format!(" on {name}"))
            .unwrap_or_default();
        let head = format!("{}: {}{system}", step.step, step.action);
        match &step.outlook {
            Outlook::Reads => lines.push(format!("{head}: only reads")),
            Outlook::KnownLater(why) => lines.push(format!("{head}: known later, {why}")),
            Outlook::Changes(plan) => {
                lines.push(head);
                lines.push(indented(&of_action(plan)));
            }
        }
    }
    lines.extend(plan.notes.iter().map(|note| format!("· {note}")));
    lines.join("\n")
}

/// What one action would do.
pub fn of_action(plan: &Plan) -> String {
    let mut lines = vec![plan.summary.clone()];
    for change in &plan.changes {
        let (from, to) = (change.from.as_deref(), change.to.as_deref());
        lines.push(match (from, to) {
            (Some(from), Some(to)) => format!("  ~ {}: {from} → {to}", change.subject),
            (None, Some(to)) => format!("  + {}: {to}", change.subject),
            (Some(from), None) => format!("  - {}: {from}", change.subject),
            (None, None) => format!("  ~ {}", change.subject),
        });
    }
    for note in &plan.notes {
        lines.push(format!("  · {note}"));
    }
    lines.join("\n")
}

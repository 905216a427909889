//! How runs, plans and outputs look on a terminal: pure functions from data to text.

use std::time::Duration;

use serde_json::Value;

use crate::domain::approval::ApprovalRequest;
use crate::domain::ending::FinalState;
use crate::domain::event::Failure;
use crate::domain::names::{ActionName, StepId, SystemName};
use crate::domain::plan::{Outlook, Plan, WorkflowPlan};
use crate::domain::run::{OpenQuestion, RunState, RunStatus, StepState, StepStatus, WaitingFor};
use crate::http::types::{Artifact, ArtifactView, RunRow, RunView};

/// A sentence in a table is cut at this many characters. Names and addresses are not: people copy
/// them.
const WIDEST: usize = 60;

/// Where a run stands; one that was told to stop and has not ended yet is said to be at that.
pub(super) fn state_of(view: &RunView) -> &'static str {
    match (&view.run.ended, &view.run.stop) {
        (None, Some(_)) => "being stopped",
        _ => view.status.in_words(),
    }
}

/// `1.4 s`, `2 min 5 s`.
pub(super) fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=59 => format!("{:.1} s", span.as_secs_f64()),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// As [`duration`], for what is still under way.
pub(super) fn whole_seconds(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..=59 => format!("{seconds} s"),
        _ => duration(span),
    }
}

/// Rows under their headings, in columns.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let cut = |cell: &String| -> String {
        let flat = cell.replace('\n', " ");
        if flat.chars().count() <= WIDEST || !flat.contains(' ') {
            return flat;
        }
        flat.chars().take(WIDEST - 1).chain(['…']).collect()
    };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(cut).collect())
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column).map(|cell| cell.chars().count()))
            .chain([headings[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(headings.to_vec())];
    lines.extend(
        rows.iter()
            .map(|row| line(row.iter().map(String::as_str).collect())),
    );
    lines.join("\n")
}

/// The list of runs.
pub(super) fn runs(rows: &[RunRow]) -> String {
    if rows.is_empty() {
        return "no runs yet".to_owned();
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.id.short(),
                row.workflow.to_string(),
                row.status.in_words().to_owned(),
                row.requested_by.to_string(),
                row.requested_at.to_string(),
                row.summary.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table(
        &["RUN", "WORKFLOW", "STATUS", "BY", "ASKED AT", "SUMMARY"],
        &cells,
    )
}

/// A whole plan.
pub(super) fn workflow_plan(plan: &WorkflowPlan) -> String {
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
                lines.push(indented(&self::plan(plan)));
            }
        }
    }
    lines.extend(plan.notes.iter().map(|note| format!("· {note}")));
    lines.push(format!("plan {}", plan.digest().short()));
    lines.join("\n")
}

/// What one action would do.
pub(super) fn plan(plan: &Plan) -> String {
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

/// What the terminal says about a step; `None` while there is nothing to say.
pub(super) fn step_line(id: &StepId, state: &StepState) -> Option<String> {
    let what = action_of(state);
    let took = match (state.attempt_at, state.ended_at) {
        (Some(from), Some(to)) => format!(" in {}", duration(to.since(from))),
        _ => String::new(),
    };
    let failure = || message(state.failure.as_ref());
    if state.is_composite() && (state.is_under_way() || state.is_over()) {
        return None;
    }
    if let Some(run) = state.done_in {
        return Some(format!("- {id}: done in run {}", run.short()));
    }
    Some(match state.status {
        StepStatus::Pending | StepStatus::Ready => return None,
        StepStatus::Running if state.attempt > 1 => {
            format!("… {id}: {what}, attempt {}", state.attempt)
        }
        StepStatus::Running => format!("… {id}: {what}"),
        StepStatus::Waiting => waiting_line(id, state),
        StepStatus::Succeeded => format!("✓ {id}: done{took}"),
        StepStatus::Failed => format!("✗ {id}: {}", failure()),
        StepStatus::Skipped => format!("- {id}: skipped"),
        StepStatus::Undone => format!("↶ {id}: taken back"),
        StepStatus::Cancelled => format!("- {id}: not gone on with"),
    })
}

fn waiting_line(id: &StepId, state: &StepState) -> String {
    if let Some(question) = &state.question {
        if question.is_whether_to_go_on() {
            return format!("? {id}: {}", question.known);
        }
        let (effect, known) = (&question.effect, &question.known);
        return format!("? {id}: did `{effect}` happen? {known}");
    }
    if let Some(wait) = &state.wait {
        return match (&wait.until, &wait.hook) {
            (Some(until), _) => format!("… {id}: waits until {until}"),
            (None, Some(hook)) => format!("… {id}: waits for a message by the hook `{hook}`"),
            (None, None) => format!("… {id}: waits"),
        };
    }
    if let Some(at) = state.retry_at {
        let failure = message(state.failure.as_ref());
        return format!("! {id}: {failure}; again at {at}");
    }
    match &state.approval {
        Some(asked) => format!("? {id}: waits for approval: {}", asked.plan.summary),
        None => format!("! {id}: waits"),
    }
}

/// `docker.deploy_service on shop`.
pub(super) fn action_of(state: &StepState) -> String {
    action_phrase(state.action.as_ref(), state.system.as_ref())
}

/// As [`action_of`], for what it is made of.
pub(super) fn action_phrase(action: Option<&ActionName>, system: Option<&SystemName>) -> String {
    let action = action.map(ToString::to_string);
    let system = system.map(|name| format!(" on {name}"));
    format!(
        "{}{}",
        action.unwrap_or_default(),
        system.unwrap_or_default()
    )
}

fn message(failure: Option<&Failure>) -> &str {
    failure.map_or("failed", |failure| &failure.message)
}

/// The outputs of a run's steps; of several, each under its step's name.
pub(super) fn outputs(run: &RunState) -> Vec<String> {
    let steps = run.steps.iter();
    let outputs: Vec<_> = steps
        .filter_map(|(id, state)| Some((id, output(state)?)))
        .collect();
    match &outputs[..] {
        [(_, only)] => vec![only.clone()],
        several => several
            .iter()
            .map(|(id, output)| format!("{id}:\n{}", indented(output)))
            .collect(),
    }
}

fn output(state: &StepState) -> Option<String> {
    let output = state.output.as_ref()?;
    let left_out = state.told_of_left_out();
    let there = (left_out.is_empty() || !output.is_null()).then(|| value(output));
    let parts: Vec<_> = there.into_iter().chain(left_out).collect();
    Some(parts.join("\n"))
}

/// What the steps have kept for people, and how to have it.
pub(super) fn kept(view: &RunView) -> Vec<String> {
    let run = &view.run;
    let id = run.id.short();
    let several = run
        .steps
        .values()
        .filter(|step| !step.artifacts.is_empty())
        .count()
        > 1;
    let line = |step: &StepId, artifact: &Artifact| {
        let size = artifact.bytes.div_ceil(1024);
        let name = if several {
            format!("{step}/{}", artifact.name)
        } else {
            artifact.name.clone()
        };
        let media_type = &artifact.media_type;
        if view.artifacts_gone.contains(&artifact.digest) {
            return format!("kept no more: {name} ({media_type}, {size} KiB)");
        }
        format!("kept: {name} ({media_type}, {size} KiB): purser runs artifact {id} {name}")
    };
    run.steps
        .iter()
        .flat_map(|(step, state)| state.artifacts.iter().map(move |kept| line(step, kept)))
        .collect()
}

/// The list of what a run has kept.
pub(super) fn artifacts(kept: &[ArtifactView]) -> String {
    if kept.is_empty() {
        return "this run has kept nothing".to_owned();
    }
    let row = |view: &ArtifactView| {
        let artifact = &view.artifact;
        vec![
            artifact.name.clone(),
            view.step.to_string(),
            artifact.media_type.clone(),
            artifact.bytes.to_string(),
            if view.kept {
                artifact.digest.to_string()
            } else {
                "kept no more".to_owned()
            },
        ]
    };
    let rows: Vec<_> = kept.iter().map(row).collect();
    table(&["NAME", "STEP", "TYPE", "BYTES", "DIGEST"], &rows)
}

/// The last line of a run. A failure of a step was said when it happened, and is not said again.
pub(super) fn ending(run: &RunState) -> Option<String> {
    let ended = run.ended.as_ref()?;
    let mark = if ended.state == FinalState::Succeeded {
        "✓"
    } else {
        "✗"
    };
    let took = duration(ended.at.since(run.requested_at));
    let was_said = ended.state != FinalState::Stuck
        && run.stop.is_none()
        && run
            .steps
            .values()
            .any(|step| step.status == StepStatus::Failed);
    let text = if was_said {
        ended.summary.now.clone()
    } else {
        ended.summary.to_string()
    };
    Some(format!(
        "{mark} {} after {took}: {text}",
        ended.state.in_words()
    ))
}

/// What a person can do about a run that waits for one, a line for each thing that it asks.
pub(super) fn what_to_do(view: &RunView) -> Option<String> {
    let run = &view.run;
    let lines: Vec<String> = match view.status {
        RunStatus::Waiting(WaitingFor::Approval) => {
            let open = run.open_approvals();
            open.map(|open| how_to_approve(run, open)).collect()
        }
        RunStatus::Waiting(WaitingFor::Decision) => {
            let open = run.open_questions();
            open.iter().map(|open| how_to_decide(run, open)).collect()
        }
        _ => Vec::new(),
    };
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn how_to_approve(run: &RunState, open: &ApprovalRequest) -> String {
    let by: Vec<String> = open
        .policies
        .iter()
        .map(|policy| {
            let who = crate::domain::person::one_of(&policy.by);
            let other = if policy.not_requester {
                ", not who asked"
            } else {
                ""
            };
            let missing = open.missing(policy, &run.request.by.person);
            format!("{missing} × {who}{other}")
        })
        .collect();
    format!(
        "waits for approval ({}) until {}: purser approve {} --plan {}",
        by.join("; "),
        open.expires_at,
        run.id.short(),
        open.digest.short()
    )
}

fn how_to_decide(run: &RunState, open: &OpenQuestion<'_>) -> String {
    let short = run.id.short();
    let (which, of_step) = if run.questions == 1 {
        (String::new(), String::new())
    } else {
        (
            format!(" --question {}", open.number),
            format!("`{}`: ", open.step),
        )
    };
    if open.question.is_whether_to_go_on() {
        format!(
            "{of_step}look why in the log, then: purser decide {short} go-on{which}, or purser cancel \
             {short}"
        )
    } else {
        format!(
            "{of_step}look whether it happened, then: purser decide {short} happened | did-not{which}, \
             or purser cancel {short}"
        )
    }
}

/// An output for people: the text that it brings along for them, or else a list of objects as a
/// table, an object as lines, text as it is.
pub(super) fn value(value: &Value) -> String {
    if let Some(text) = value.get("text").and_then(Value::as_str) {
        return text.to_owned();
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match value {
                Value::Array(items) if items.iter().all(Value::is_object) && !items.is_empty() => {
                    format!("{name}:\n{}", indented(&objects(items)))
                }
                Value::String(text) if text.contains('\n') => {
                    format!("{name}:\n{}", indented(text.trim_end()))
                }
                Value::Array(items) if !items.is_empty() => {
                    let lines: Vec<_> = items.iter().map(short_value).collect();
                    format!("{name}:\n{}", indented(&lines.join("\n")))
                }
                Value::Array(_) => format!("{name}: none"),
                other => format!("{name}: {}", short_value(other)),
            })
            .collect::<Vec<_>>()
            .join("\n"),
        Value::Array(items) if items.iter().all(Value::is_object) && !items.is_empty() => {
            objects(items)
        }
        other => short_value(other),
    }
}

fn objects(items: &[Value]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for item in items {
        for name in item.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !columns.contains(&name.as_str()) {
                columns.push(name);
            }
        }
    }
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            columns
                .iter()
                .map(|name| item.get(*name).map(short_value).unwrap_or_default())
                .collect()
        })
        .collect();
    table(&columns, &rows)
}

pub(super) fn short_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(short_value).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

pub(super) fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::output::{Kept, LeftOut};

    fn shown(there: Value) -> String {
        let state = StepState {
            output: Some(there),
            output_left_out: vec![LeftOut {
                item: None,
                bytes: 2_000_000,
                kept: Kept::AsArtifact,
            }],
            ..StepState::default()
        };
        output(&state).unwrap()
    }

    #[test]
    fn what_was_left_out_of_an_output_is_said_behind_what_is_there() {
        insta::assert_snapshot!(shown(json!({ "text": "a table" })), @"
        a table
        its output has 2000000 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps can read only `text` of it
        ");
        insta::assert_snapshot!(shown(Value::Null), @"its output has 2000000 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps cannot read it");
    }
}

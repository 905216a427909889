//! How lists and runs look on a terminal, with the commands that one would type next: pure functions
//! from data to text. What is the same in every chat is in [`crate::chat::card`].

use crate::chat::card::asks::{self, About, Approval, Question};
use crate::chat::card::results::{self, Kept, Output};
use crate::chat::card::value::{indented, table};
use crate::domain::run::{RunState, RunStatus, WaitingFor};
use crate::http::types::{ArtifactView, RunRow, RunView};

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

/// The outputs of a run's steps; of several, each under its step's name.
pub(super) fn outputs(run: &RunState) -> Vec<String> {
    match &results::outputs(run)[..] {
        [only] => vec![only.text.clone()],
        several => several
            .iter()
            .map(|Output { step, text }| format!("{step}:\n{}", indented(text)))
            .collect(),
    }
}

/// What the steps have kept for people, and how to have it.
pub(super) fn kept(view: &RunView) -> Vec<String> {
    let id = view.run.id.short();
    let line = |kept: &Kept| {
        if kept.is_there {
            format!("kept: {kept}: purser runs artifact {id} {}", kept.name)
        } else {
            format!("kept no more: {kept}")
        }
    };
    results::kept(view).iter().map(line).collect()
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

/// What a person can do about a run that waits for one, a line for each thing that it asks.
pub(super) fn what_to_do(view: &RunView) -> Option<String> {
    let run = &view.run;
    let lines: Vec<String> = match view.status {
        RunStatus::Waiting(WaitingFor::Approval) => {
            let open = asks::approvals(run);
            open.iter().map(|open| how_to_approve(run, open)).collect()
        }
        RunStatus::Waiting(WaitingFor::Decision) => {
            let open = asks::questions(run);
            open.iter().map(|open| how_to_decide(run, open)).collect()
        }
        _ => Vec::new(),
    };
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn how_to_approve(run: &RunState, open: &Approval) -> String {
    let typed = open.to_be_typed.as_ref();
    let confirm = typed.map_or(String::new(), |name| format!(" --confirm '{name}'"));
    format!(
        "waits for approval ({}) until {}: purser approve {} --plan {}{confirm}",
        open.missing.join("; "),
        open.until,
        run.id.short(),
        open.plan.short()
    )
}

fn how_to_decide(run: &RunState, open: &Question) -> String {
    let short = run.id.short();
    let (which, of_step) = if open.is_only {
        (String::new(), String::new())
    } else {
        (
            format!(" --question {}", open.number),
            format!("`{}`: ", open.step),
        )
    };
    match open.about {
        About::GoingOn => format!(
            "{of_step}look why in the log, then: purser decide {short} go-on{which}, or purser cancel \
             {short}"
        ),
        About::Effect(_) => format!(
            "{of_step}look whether it happened, then: purser decide {short} happened | did-not{which}, \
             or purser cancel {short}"
        ),
    }
}

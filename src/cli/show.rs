//! Everything about one run: what was asked, what happened when, what came of it, what it waits for.

use serde::Serialize;
use serde_json::Value;

use super::client::{Server, segment};
use super::render::{kept, outputs, what_to_do};
use super::terminal::Terminal;
use super::{Failure, print_json};
use crate::chat::card::results::ending;
use crate::chat::card::timeline::timeline;
use crate::chat::card::value::indented;
use crate::chat::card::{self, plan};
use crate::domain::event::Logged;
use crate::domain::run::RunState;
use crate::http::types::RunView;

/// A run's view, and its log.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    view: RunView,
    log: Vec<Logged>,
}

pub(super) async fn show(
    server: &Server,
    terminal: Terminal,
    run: &str,
    json: bool,
) -> Result<(), Failure> {
    let view: RunView = server.get(&format!("runs/{}", segment(run))).await?;
    let log = log(server, &view).await?;
    if json {
        return print_json(&Whole { view, log });
    }
    terminal.say(&text(&view, &log));
    Ok(())
}

/// What has happened up to the moment that the view is of.
async fn log(server: &Server, view: &RunView) -> Result<Vec<Logged>, Failure> {
    let mut log: Vec<Logged> = Vec::new();
    loop {
        let after = log.last().map_or(0, |last| last.seq);
        if after >= view.run.seq {
            return Ok(log);
        }
        let page: Vec<Logged> = server
            .get(&format!("runs/{}/log?after={after}", view.run.id))
            .await?;
        if page.is_empty() {
            return Ok(log);
        }
        log.extend(page.into_iter().filter(|logged| logged.seq <= view.run.seq));
    }
}

fn text(view: &RunView, log: &[Logged]) -> String {
    let run = &view.run;
    let mut lines = vec![
        format!(
            "run {} of {}: {}",
            run.id,
            run.request.workflow,
            card::state(view)
        ),
        format!(
            "asked by {} ({}) at {}",
            run.request.by, run.request.by.through, run.requested_at
        ),
    ];
    let glass = run.request.break_glass.iter();
    lines.extend(glass.map(|why| format!("{} broke the glass: {why}", run.request.by)));
    lines.extend(inputs(&run.request.inputs));
    if let Some(rerun) = &run.request.rerun {
        let done: Vec<_> = rerun.done.iter().map(|done| done.step.as_str()).collect();
        if !done.is_empty() {
            lines.push(format!(
                "done in run {}: {}",
                rerun.of.short(),
                done.join(", ")
            ));
        }
    }
    let undone_by = view.undone_by.map(card::undone);
    lines.extend(undoes(run).into_iter().chain(undone_by));
    lines.extend(timeline(log));
    lines.extend(outputs(run).iter().map(|output| indented(output)));
    lines.extend(kept(view));
    lines.extend(
        view.progress
            .as_ref()
            .map(|progress| format!("now: {progress}")),
    );
    lines.extend(ending(run).map(|ending| ending.to_string()));
    if let (None, Some(plan)) = (&run.ended, &run.plan)
        && run.approval_is_open()
    {
        lines.push(plan::of_workflow(plan));
    }
    lines.extend(what_to_do(view));
    lines.join("\n")
}

/// `undoes run 8bc7558c (too early)`
pub(super) fn undoes(run: &RunState) -> Option<String> {
    let undo = run.request.undo.as_ref()?;
    let reason = undo.reason.as_ref();
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    Some(format!("undoes run {}{reason}", undo.of.short()))
}

fn inputs(inputs: &Value) -> Option<String> {
    let given: Vec<String> = (card::inputs(inputs).iter())
        .map(|input| format!("{}={}", input.name, input.value))
        .collect();
    (!given.is_empty()).then(|| format!("inputs: {}", given.join(" ")))
}

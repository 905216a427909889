//! What is asked for by itself: a plan, the runs there are, what a step has said.

use super::TEXT;
use super::limits::{CONTENT, fit, fit_text, length};
use super::markdown::{ago, block, bold, code, one_line, plain};
use super::page::Page;
use super::run::colour;
use super::shown::{Shown, TextFile};
use super::steps::sign;
use crate::chat::card::{self, Mark, Tone};
use crate::chat::text::Text;
use crate::domain::names::WorkflowName;
use crate::domain::plan::WorkflowPlan;
use crate::domain::run::RunStatus;
use crate::domain::words::counted;
use crate::service::RunRow;

/// What a plan takes of the description of its embed.
const PLAN: usize = 3_000;

/// What is said of one run of a list, beside its name.
const SUMMARY: usize = 160;

/// What a run would do, and the digest that a yes to it would be bound to.
pub fn plan(workflow: &WorkflowName, plan: &WorkflowPlan) -> Shown {
    let title = card::headline(workflow, &card::inputs(&plan.inputs));
    let digest = format!("plan {}", plan.digest().short());
    let mut page = Page::new(&title, &digest, colour(Tone::Quiet));
    page.line("This is what it would do. Nothing has been done.");
    let told = card::plan::steps(plan);
    if !page.below(&told, PLAN, block) {
        page.file("plan.txt", &told);
    }
    page.shown()
}

/// The runs there are, newest first; those that have no room are counted.
pub fn runs(rows: &[RunRow]) -> Shown {
    let mut page = Page::new("Runs", "", colour(Tone::Quiet));
    if rows.is_empty() {
        page.line("No runs yet.");
    }
    for (at, row) in rows.iter().enumerate() {
        let more = format!("and {} before these", counted(rows.len() - at, "run"));
        if !page.line_before(&one(row), &more) {
            page.line(&more);
            break;
        }
    }
    page.shown()
}

/// Where it stands, who asked when, its short id, and below that what came of it.
fn one(row: &RunRow) -> String {
    let mark = sign(match card::tone_of(row.status) {
        Tone::Good => Mark::Done,
        Tone::Bad => Mark::Failed,
        Tone::Asks => Mark::Asks,
        Tone::Quiet if matches!(row.status, RunStatus::Ended(_)) => Mark::Passed,
        Tone::Busy | Tone::Quiet => Mark::Busy,
    });
    let name = fit(row.workflow.as_str(), 100, bold).drawn;
    let by = fit(row.requested_by.as_str(), 60, |by| plain(&one_line(by))).drawn;
    let (status, when) = (row.status.in_words(), ago(row.requested_at));
    let id = code(&row.id.short());
    let line = format!("{mark} {name} {status} · {by} {when} · {id}");
    match &row.summary {
        Some(summary) => {
            let summary = Text::plain(summary).in_one_line();
            format!("{line}\n{}", fit_text(&summary, SUMMARY).drawn)
        }
        None => line,
    }
}

/// What a step has said last, the oldest line first. Where that is too much, its end is shown and all
/// of it is a file.
pub fn log(lines: &[String]) -> Shown {
    let all = lines.join("\n");
    if all.trim().is_empty() {
        return super::said("It has said nothing so far.");
    }
    let last = |from: usize| block(&lines[from..].join("\n"));
    let mut from = lines.len();
    while from > 0 && length(&last(from - 1)) <= CONTENT {
        from -= 1;
    }
    let content = match last(from) {
        // Not even the last line is short enough, or it is empty.
        none if none.is_empty() => fit(&all, CONTENT, block).drawn,
        last => last,
    };
    let files = if from == 0 {
        Vec::new()
    } else {
        vec![TextFile::new(TEXT, &all)]
    };
    Shown {
        content,
        files,
        ..Shown::default()
    }
}

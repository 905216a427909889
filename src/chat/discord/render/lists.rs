//! What is asked for by itself: the runs there are, what is held, what can be said, what a step has said.

use super::limits::{CONTENT, fit, fit_text, length};
use super::markdown::{ago, block, bold, code, one_line, plain, text};
use super::page::Page;
use super::run::colour;
use super::shown::{Shown, TextFile};
use super::steps::sign;
use super::{TEXT, said};
use crate::chat::card::{self, Mark, Tone};
use crate::chat::text::Text;
use crate::domain::hold::Lock;
use crate::domain::names::StepId;
use crate::domain::run::RunStatus;
use crate::domain::words::counted;
use crate::service::{FreezeView, HoldsView, RunRow};

/// What is said of one run of a list, beside its name.
const SUMMARY: usize = 160;

/// The runs there are, newest first; those that have no room are counted.
pub fn runs(rows: &[RunRow]) -> Shown {
    let more = |left: usize| format!("and {} before these", counted(left, "run"));
    list("Runs", rows.iter().map(one), more, "No runs yet.")
}

/// What is locked or frozen.
pub fn held(holds: &HoldsView) -> Shown {
    let locks = holds.locks.iter().map(lock);
    let freezes = holds.freezes.iter().map(freeze);
    let lines = locks.chain(freezes).map(|line| text(&line));
    list("Held", lines, and_more, "Nothing is locked or frozen.")
}

/// A lock that was taken.
pub fn locked(taken: &Lock) -> Shown {
    said(&lock(taken))
}

/// A lock that was released.
pub fn free(released: &Lock) -> Shown {
    let target = Text::default().code(released.target.to_string());
    said(&target.and(" is free again."))
}

/// Commands, each with what it does.
pub fn help(entries: &[(String, String)]) -> Shown {
    let line = |(name, summary): &(String, String)| {
        let line = Text::default().code(format!("/{name}"));
        text(&line.and(format!(" {summary}")))
    };
    let lines = entries.iter().map(line);
    list(
        "What you can say here",
        lines,
        and_more,
        "Nothing that begins so.",
    )
}

fn lock(lock: &Lock) -> Text {
    Text::default()
        .code(lock.target.to_string())
        .and(format!(" is {}'s until ", lock.owner))
        .due(lock.until)
        .and(format!(": {}", lock.reason))
}

fn freeze(freeze: &FreezeView) -> Text {
    let line = Text::default().code(freeze.name.to_string());
    let line = match (freeze.in_force_until, freeze.begins) {
        (Some(until), _) => line.and(" is frozen until ").due(until),
        (None, Some(begins)) => line.and(" will be frozen ").due(begins),
        (None, None) => line.and(" is frozen no more"),
    };
    line.and(format!(": {}", freeze.reason))
}

fn and_more(left: usize) -> String {
    format!("… and {left} more")
}

/// The first lines that there is room for, and how many have none.
fn list(
    title: &str,
    lines: impl Iterator<Item = String>,
    more: impl Fn(usize) -> String,
    none: &str,
) -> Shown {
    let lines: Vec<_> = lines.collect();
    let mut page = Page::new(title, "", colour(Tone::Quiet));
    if lines.is_empty() {
        page.line(none);
    }
    for (at, line) in lines.iter().enumerate() {
        let more = more(lines.len() - at);
        if !page.line_before(line, &more) {
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
pub fn log(step: &StepId, lines: &[String]) -> Shown {
    let all = lines.join("\n");
    if all.trim().is_empty() {
        let step = Text::plain("The step ").code(step.as_str());
        return said(&step.and(" has said nothing so far."));
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

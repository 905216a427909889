//! The steps of a run, a line each. Of many the interesting ones stay, and the others are counted.

use super::limits::{fit_text, length};
use super::markdown::{ago, bold};
use super::page::Page;
use crate::chat::card::span::duration;
use crate::chat::card::{Card, Mark, StepLine};
use crate::domain::words::counted;

/// So many steps have a line.
const MOST: usize = 12;
/// What one of them takes.
const LINE: usize = 320;
/// What all of them take.
const ALL: usize = 1_200;
/// What the name of a step takes.
const NAME: usize = 100;

/// What holds them all, where they are not all shown as they are.
const FILE: &str = "steps.txt";

/// Draws them below what the page says so far.
pub(super) fn draw(page: &mut Page, card: &Card) {
    let shown = interesting(&card.steps);
    let mut is_whole = shown.len() == card.steps.len();
    if !is_whole {
        let counted = others(&card.steps, &shown);
        page.line(&counted);
    }
    let mut left = ALL;
    for line in shown.into_iter().map(|at| &card.steps[at]) {
        let (drawn, all) = one(line, LINE.min(left));
        is_whole &= all;
        left = left.saturating_sub(length(&drawn) + 1);
        is_whole &= page.line(&drawn);
    }
    if !is_whole && card.ending.is_some() {
        let lines: Vec<_> = card.steps.iter().map(ToString::to_string).collect();
        page.file(FILE, &lines.join("\n"));
    }
}

/// Which have a line: those that one would look at first, and of those that are alike the last.
fn interesting(steps: &[StepLine]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..steps.len()).collect();
    places.sort_by_key(|at| (rank(steps[*at].mark), std::cmp::Reverse(*at)));
    places.truncate(MOST);
    places.sort_unstable();
    places
}

fn rank(mark: Mark) -> u8 {
    match mark {
        Mark::Failed | Mark::Asks => 0,
        Mark::Heed => 1,
        Mark::Busy => 2,
        Mark::Undone => 3,
        Mark::Done | Mark::Passed => 4,
    }
}

/// `and 31 more: 30 done, 1 passed over`
fn others(steps: &[StepLine], shown: &[usize]) -> String {
    let hidden = steps.iter().enumerate();
    let hidden: Vec<Mark> = hidden
        .filter(|(at, _)| !shown.contains(at))
        .map(|(_, line)| line.mark)
        .collect();
    let kinds = [
        (Mark::Done, "done"),
        (Mark::Passed, "passed over"),
        (Mark::Undone, "taken back"),
        (Mark::Busy, "under way"),
        (Mark::Heed, "to be tried again"),
        (Mark::Asks, "asking"),
        (Mark::Failed, "failed"),
    ];
    let told = kinds.iter().filter_map(|(mark, words)| {
        let many = hidden.iter().filter(|of| *of == mark).count();
        (many > 0).then(|| format!("{many} {words}"))
    });
    let told: Vec<_> = told.collect();
    format!(
        "{} not shown: {}",
        counted(hidden.len(), "step"),
        told.join(", ")
    )
}

/// The sign of a mark where it begins a line of markdown.
pub(super) fn sign(mark: Mark) -> char {
    match mark {
        // Its own would begin a list.
        Mark::Passed => '–',
        mark => mark.sign(),
    }
}

/// `✓ **dump** done in 1.4 s`, and whether that is all that there is to say.
fn one(line: &StepLine, most: usize) -> (String, bool) {
    let sign = sign(line.mark);
    let name = super::limits::fit(line.step.as_str(), NAME, bold);
    let took = line.took.map(|took| format!(" in {}", duration(took)));
    let since = line.since.map(|since| format!(" · {}", ago(since)));
    let behind = took.or(since).unwrap_or_default();
    let head = format!("{sign} {} ", name.drawn);
    let room = most.saturating_sub(length(&head) + length(&behind));
    let said = fit_text(&line.said.in_one_line(), room);
    let is_whole = name.is_whole && said.is_whole;
    (format!("{head}{}{behind}", said.drawn), is_whole)
}

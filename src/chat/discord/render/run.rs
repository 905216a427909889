//! The message of a run: one embed with where it stands, its plan, its steps, what it asks and what has
//! come of it, and a button for each thing that can be done.

use super::buttons;
use super::limits::{fit, fit_text, length};
use super::markdown::{ago, block, bold, code, one_line, plain, sentence};
use super::page::Page;
use super::shown::Shown;
use super::steps;
use crate::chat::card::results::{Kept, Output};
use crate::chat::card::span::duration;
use crate::chat::card::value::indented;
use crate::chat::card::{About, Approval, Card, Question, Tone, Way, share, undone};
use crate::chat::text::Text;
use crate::domain::names::{RunId, StepId};

/// What stands before a run's id in the last line of its embed.
const RUN: &str = "run ";

/// Plans of approvals that are shown; the others are counted.
const MOST_APPROVALS: usize = 3;
/// What a plan takes of the description.
const PLAN: usize = 1_800;
/// What the inputs take of it, and each name and value of them.
const INPUTS: usize = 400;
const INPUT: usize = 100;
/// What a run says of itself takes of it.
const PROGRESS: usize = 300;
/// What its last sentences take of it.
const ENDING: usize = 700;
/// What stands before a plan of who is asked.
const WHO: usize = 400;
/// Outputs that have a field of their own.
const MOST_OUTPUTS: usize = 4;

/// Cells of a bar.
const CELLS: usize = 10;

/// The last line of a run's embed: a run is searched for by it.
pub fn footer(run: RunId) -> String {
    format!("{RUN}{run}")
}

/// The run whose embed has this last line.
pub fn run_of_footer(footer: &str) -> Option<RunId> {
    let id = footer.strip_prefix(RUN)?;
    id.parse().ok().filter(|run| self::footer(*run) == footer)
}

pub(super) fn colour(tone: Tone) -> u32 {
    match tone {
        Tone::Busy => 0x34_98_DB,
        Tone::Asks => 0xF1_C4_0F,
        Tone::Good => 0x2E_CC_71,
        Tone::Bad => 0xE7_4C_3C,
        Tone::Quiet => 0x95_A5_A6,
    }
}

/// The message of a run.
pub fn run(card: &Card) -> Shown {
    let mut page = Page::new(&card.headline, &footer(card.run), colour(card.tone));
    head(&mut page, card);
    plans(&mut page, card);
    page.gap();
    steps::draw(&mut page, card);
    page.gap();
    progress(&mut page, card);
    if let Some(ending) = &card.ending {
        let is_whole = page.below(&ending.short, ENDING, sentence);
        if !is_whole {
            page.file("ending.txt", &ending.whole);
        }
    }
    asked(&mut page, card);
    results(&mut page, card);
    Shown {
        rows: buttons::rows(card),
        ..page.shown()
    }
}

/// Where it stands, who asked for it, and with what.
fn head(page: &mut Page, card: &Card) {
    let (stands, when) = (stands(card), ago(card.asked.at));
    page.below(&card.asked.by, 200, |by| {
        format!("{stands} · asked by {} {when}", plain(&one_line(by)))
    });
    if let Some(why) = &card.asked.broke_glass {
        page.below(why, 200, |why| format!("! broke the glass: {}", plain(why)));
    }
    if let Some((from, done)) = &card.asked.goes_on_from {
        let done: Vec<_> = done.iter().map(StepId::as_str).collect();
        let told = match done.as_slice() {
            [] => format!("goes on from run {}", from.short()),
            done => format!(
                "goes on from run {}, done there: {}",
                from.short(),
                done.join(", ")
            ),
        };
        page.below(&told, 200, |told| plain(&one_line(told)));
    }
    if let Some((of, why)) = &card.asked.undoes {
        let why = why
            .as_ref()
            .map_or_else(String::new, |why| format!(" ({why})"));
        let told = format!("undoes run {}{why}", of.short());
        page.below(&told, 200, |told| plain(&one_line(told)));
    }
    if let Some(by) = card.undone_by {
        page.line(&undone(by));
    }
    page.line(&inputs(card));
    if let (None, Some(why)) = (&card.ending, card.voided.last()) {
        page.below(why, 300, |why| {
            format!("! the approval is void: {}", plain(why))
        });
    }
}

/// `**running**`, `✓ **succeeded** after 2 min 4 s`
pub(super) fn stands(card: &Card) -> String {
    let state = bold(card.state);
    match &card.ending {
        Some(ending) => format!("{} {state} after {}", ending.mark(), duration(ending.took)),
        None => state,
    }
}

/// Each input as a code, where the headline does not say them all.
fn inputs(card: &Card) -> String {
    if card.inputs.iter().all(|input| input.is_in_headline) {
        return String::new();
    }
    let mut told: Vec<String> = Vec::new();
    let mut left = INPUTS;
    for (at, input) in card.inputs.iter().enumerate() {
        let name = fit(&input.name, INPUT, plain).drawn;
        let value = fit(&input.value, INPUT, code).drawn;
        let one = format!("{name} {value}");
        let Some(rest) = left.checked_sub(length(&one)) else {
            told.push(format!("and {} more", card.inputs.len() - at));
            break;
        };
        left = rest;
        told.push(one);
    }
    told.join(" · ")
}

/// What would be done, where people are asked for the whole run.
fn plans(page: &mut Page, card: &Card) {
    for open in card.approvals.iter().filter(|open| open.step.is_none()) {
        if !page.below(&open.told, PLAN, block) {
            page.file("plan.txt", &open.told);
        }
    }
}

/// How far it is.
fn progress(page: &mut Page, card: &Card) {
    if card.ending.is_some() {
        return;
    }
    if let Some(share) = card.share() {
        page.line(&way(card, share));
    }
    if let Some(progress) = &card.progress {
        page.below(&progress.text, PROGRESS, |text| {
            format!("now: {}", plain(&one_line(text)))
        });
    }
}

/// `▰▰▰▰▰▱▱▱▱▱ 1 of 2 steps done · dump: 3 of 7`
fn way(card: &Card, share: f64) -> String {
    let Way { done, all } = card.way;
    let steps = (all > 1).then(|| format!("{done} of {all} steps done"));
    let items = card.items.as_ref().map(|(step, Way { done, all })| {
        let step = fit(step.as_str(), INPUT, plain).drawn;
        format!("{step}: {done} of {all}")
    });
    let told: Vec<_> = steps.into_iter().chain(items).collect();
    let bar = share::bar(share, CELLS, ['▰', '▱']);
    format!("{bar} {}", told.join(" · "))
}

/// What people are asked, and how they answer.
fn asked(page: &mut Page, card: &Card) {
    for open in card.approvals.iter().take(MOST_APPROVALS) {
        approval(page, open);
    }
    let more = card.approvals.len().saturating_sub(MOST_APPROVALS);
    if more > 0 {
        let told =
            format!("{more} more wait for approval; they are shown once these are answered.");
        page.field("And", &told, plain);
    }
    let todo: Vec<_> = card.questions.iter().map(what_to_do).collect();
    if !todo.is_empty() {
        page.field("What to do", &todo.join("\n"), plain);
    }
}

fn approval(page: &mut Page, open: &Approval) {
    let name = match &open.step {
        Some(step) => format!("Waits for approval: {step}"),
        None => "Waits for approval".to_owned(),
    };
    let mut who = open.needs().and("\nplan ").code(open.plan.short());
    if let Some(takes) = open.takes() {
        who = takes
            .pieces()
            .iter()
            .cloned()
            .fold(who.and("\n"), Text::with);
    }
    if !open.said_yes.is_empty() {
        who = who.and(format!("\nyes so far: {}", open.said_yes.join(", ")));
    }
    if !open.delegated.is_empty() {
        who = who.and(format!("\nmay say yes: {}", open.delegated.join(", ")));
    }
    let who = fit_text(&who, WHO).drawn;
    // The plan of the whole run stands above.
    let told = open.step.as_ref().map_or("", |_| open.told.as_str());
    let is_whole = page.field(&name, told, |told| match block(told) {
        none if none.is_empty() => who.clone(),
        block => format!("{who}\n{block}"),
    });
    if !is_whole {
        page.file(&format!("plan-{}.txt", open.plan.short()), told);
    }
}

fn what_to_do(open: &Question) -> String {
    let step = &open.step;
    match (&open.about, &open.system) {
        (About::Effect(effect), Some(system)) => {
            format!("{step}: look on {system} whether {effect} happened, then say so here.")
        }
        (About::Effect(effect), None) => {
            format!("{step}: look whether {effect} happened, then say so here.")
        }
        (About::GoingOn, _) => {
            format!("{step}: look in its log why, then let it be tried further, or cancel.")
        }
    }
}

/// What has come of a run that has ended.
fn results(page: &mut Page, card: &Card) {
    if card.ending.is_none() {
        return;
    }
    let mut is_whole = card.outputs.len() <= MOST_OUTPUTS;
    let has_many = card.outputs.len() > 1;
    for output in card.outputs.iter().take(MOST_OUTPUTS) {
        let name = if has_many {
            output.step.as_str()
        } else {
            "Result"
        };
        is_whole &= page.field(name, &output.text, block);
    }
    if !is_whole {
        page.file("output.txt", &whole(&card.outputs));
    }
    let kept: Vec<_> = card.kept.iter().map(kept_line).collect();
    page.field("Kept", &kept.join("\n"), plain);
}

fn kept_line(kept: &Kept) -> String {
    if kept.is_there {
        kept.to_string()
    } else {
        format!("{kept}, kept no more")
    }
}

fn whole(outputs: &[Output]) -> String {
    match outputs {
        [only] => only.text.clone(),
        several => {
            let one = |output: &Output| format!("{}:\n{}", output.step, indented(&output.text));
            several.iter().map(one).collect::<Vec<_>>().join("\n")
        }
    }
}

//! Buttons, by what can be done.

use std::collections::BTreeSet;

use super::limits::{BUTTONS, CUSTOM_ID, LABEL, ROWS, length};
use super::markdown::bare;
use super::shown::{Button, Look};
use crate::chat::card::{Act, Card, Offer};
use crate::chat::discord::reference::Reference;
use crate::domain::names::StepId;
use crate::service::Verdict;

/// What people are asked has two buttons each, which stay in one row.
const ASKED_IN_A_ROW: usize = 4;

/// The rows of buttons of a run: what it asks for, and in the last row what else can be done. What has
/// no room has some again as soon as something is answered.
pub(super) fn rows(card: &Card) -> Vec<Vec<Button>> {
    let mut seen = BTreeSet::new();
    let (mut asked, mut others) = (Vec::new(), Vec::new());
    for offer in &card.offers {
        let button = button(card, offer).filter(|button| seen.insert(button.custom_id.clone()));
        if is_asked_for(&offer.act) {
            asked.extend(button);
        } else {
            others.extend(button);
        }
    }
    others.truncate(BUTTONS);
    let last = (!others.is_empty()).then_some(others);
    let room = ROWS - usize::from(last.is_some());
    let rows = asked.chunks(ASKED_IN_A_ROW).take(room);
    rows.map(<[Button]>::to_vec).chain(last).collect()
}

fn button(card: &Card, Offer { act, step }: &Offer) -> Option<Button> {
    let reference = Reference {
        run: card.run,
        act: act.clone(),
    };
    let custom_id = reference.custom_id()?;
    (length(&custom_id) <= CUSTOM_ID).then(|| Button {
        label: label(card, act, step.as_ref()),
        look: look(act),
        custom_id,
        reference,
    })
}

fn is_asked_for(act: &Act) -> bool {
    match act {
        Act::Approve { .. } | Act::Confirm { .. } | Act::Reject { .. } | Act::Decide { .. } => true,
        Act::Cancel | Act::Rerun | Act::Undo | Act::Logs { .. } => false,
    }
}

fn look(act: &Act) -> Look {
    match act {
        Act::Approve { .. } => Look::Yes,
        Act::Confirm { .. } | Act::Reject { .. } => Look::No,
        Act::Decide { .. } | Act::Rerun => Look::Next,
        Act::Cancel | Act::Undo | Act::Logs { .. } => Look::Plain,
    }
}

/// What stands on it. Which of several things is meant is said where there are several.
fn label(card: &Card, act: &Act, step: Option<&StepId>) -> String {
    let said = |verdict| match verdict {
        Verdict::Happened => "It happened",
        Verdict::DidNot => "It did not",
        Verdict::GoOn => "Try further",
    };
    let (what, is_said) = match act {
        Act::Approve { .. } => ("Approve", true),
        Act::Confirm { .. } => ("Approve…", true),
        Act::Reject { .. } => ("Reject", true),
        Act::Decide { verdict, .. } => (said(*verdict), card.questions.len() > 1),
        Act::Cancel => ("Cancel", true),
        Act::Rerun => ("Rerun", true),
        Act::Undo => ("Undo", true),
        Act::Logs { .. } => ("Log", true),
    };
    which(what, step.filter(|_| is_said))
}

/// `Approve: deploy`, cut to the length of a label.
fn which(what: &str, step: Option<&StepId>) -> String {
    let Some(step) = step else {
        return what.to_owned();
    };
    let label = format!("{what}: {}", bare(step.as_str()));
    if length(&label) <= LABEL {
        return label;
    }
    let mut cut = String::new();
    for c in label.chars() {
        if length(&cut) + c.len_utf16() >= LABEL {
            break;
        }
        cut.push(c);
    }
    cut + "…"
}

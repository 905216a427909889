//! Buttons, by what can be done.

use std::collections::BTreeSet;

use super::limits::{BUTTONS, CUSTOM_ID, LABEL, ROWS, length};
use super::markdown::bare;
use super::shown::{Button, Look};
use crate::chat::card::{Card, Offer};
use crate::chat::discord::reference::{Deed, Reference};
use crate::domain::names::StepId;
use crate::service::Verdict;

/// What people are asked has two buttons each, which stay in one row.
const ASKED_IN_A_ROW: usize = 4;

/// The rows of buttons of a run: what it asks for, and in the last row what else can be done. What has
/// no room has some again as soon as something is answered.
pub(super) fn rows(card: &Card) -> Vec<Vec<Button>> {
    let mut seen = BTreeSet::new();
    let mut asked = Vec::new();
    let mut others = Vec::new();
    for offer in &card.offers {
        let Some(button) = button(card, offer) else {
            continue;
        };
        if !seen.insert(button.custom_id.clone()) {
            continue;
        }
        match offer {
            Offer::Approve { .. } | Offer::Reject { .. } | Offer::Decide { .. } => {
                asked.push(button);
            }
            Offer::Cancel | Offer::Rerun | Offer::Undo | Offer::Logs { .. } => others.push(button),
        }
    }
    others.truncate(BUTTONS);
    let last = (!others.is_empty()).then_some(others);
    let room = ROWS - usize::from(last.is_some());
    let rows = asked.chunks(ASKED_IN_A_ROW).take(room);
    rows.map(<[Button]>::to_vec).chain(last).collect()
}

fn button(card: &Card, offer: &Offer) -> Option<Button> {
    let reference = Reference {
        run: card.run,
        deed: deed(offer),
    };
    let custom_id = reference.custom_id()?;
    (length(&custom_id) <= CUSTOM_ID).then(|| Button {
        label: label(card, offer),
        look: look(offer),
        custom_id,
        reference,
    })
}

fn deed(offer: &Offer) -> Deed {
    match offer {
        Offer::Approve { plan } => Deed::Approve { plan: plan.clone() },
        Offer::Reject { plan } => Deed::Reject { plan: plan.clone() },
        Offer::Decide { question, verdict } => Deed::Decide {
            question: *question,
            verdict: *verdict,
        },
        Offer::Cancel => Deed::Cancel,
        Offer::Rerun => Deed::Rerun,
        Offer::Undo => Deed::Undo,
        Offer::Logs { place, .. } => Deed::Logs { place: *place },
    }
}

fn look(offer: &Offer) -> Look {
    match offer {
        Offer::Approve { .. } => Look::Yes,
        Offer::Reject { .. } => Look::No,
        Offer::Decide { .. } | Offer::Rerun => Look::Next,
        Offer::Cancel | Offer::Undo | Offer::Logs { .. } => Look::Plain,
    }
}

/// What stands on it. Which of several things is meant is said where there are several.
fn label(card: &Card, offer: &Offer) -> String {
    match offer {
        Offer::Approve { plan } => which("Approve", approved(card, plan)),
        Offer::Reject { plan } => which("Reject", approved(card, plan)),
        Offer::Decide { question, verdict } => {
            let said = match verdict {
                Verdict::Happened => "It happened",
                Verdict::DidNot => "It did not",
                Verdict::GoOn => "Try further",
            };
            let mut asked = card.questions.iter();
            let step = asked.find(|asked| asked.number == *question);
            let step = step.map(|asked| &asked.step);
            which(said, step.filter(|_| card.questions.len() > 1))
        }
        Offer::Cancel => "Cancel".to_owned(),
        Offer::Rerun => "Rerun".to_owned(),
        Offer::Undo => "Undo".to_owned(),
        Offer::Logs { step, .. } => which("Log", Some(step)),
    }
}

fn approved<'c>(card: &'c Card, plan: &crate::domain::digest::Digest) -> Option<&'c StepId> {
    let asked = card.approvals.iter().find(|asked| asked.plan == *plan);
    asked.and_then(|asked| asked.step.as_ref())
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

//! The message in a channel from which a run's thread hangs: two or three lines.

use super::limits::fit_text;
use super::markdown::{one_line, plain};
use super::page::Page;
use super::run::{colour, footer, stands};
use super::shown::Shown;
use crate::chat::card::{Card, undone};

/// The last sentence takes no more.
const SENTENCE: usize = 600;

/// Who asked for what, where it stands, and the last sentence.
pub fn brief(card: &Card) -> Shown {
    let mut page = Page::new(&card.headline, &footer(card.run), colour(card.tone));
    page.below(&card.asked.by, 200, |by| {
        format!("{} · asked by {}", stands(card), plain(&one_line(by)))
    });
    let sentence = fit_text(&card.last_sentence().in_one_line(), SENTENCE).drawn;
    page.line(&sentence);
    if let Some(by) = card.undone_by {
        page.line(&undone(by));
    }
    page.shown()
}

//! Lists, as Discord shows them: one embed, a line for each thing.

use std::fmt::Write as _;

use crate::chat::discord::render::{Embed, Shown, limits, markdown};
use crate::chat::text::Text;
use crate::domain::hold::Lock;
use crate::service::HoldsView;

/// Discord takes no longer description, in UTF-16 units.
const LONGEST: usize = 4096;

/// The colour of what is neither good nor bad.
const QUIET: u32 = 0x0099_aab5;

/// What is locked or frozen.
pub(super) fn holds(holds: &HoldsView) -> Shown {
    let locks = holds.locks.iter().map(lock);
    let freezes = holds.freezes.iter().map(|freeze| {
        let line = Text::default().code(freeze.name.to_string());
        let line = match (freeze.in_force_until, freeze.begins) {
            (Some(until), _) => line.and(" is frozen until ").due(until),
            (None, Some(begins)) => line.and(" will be frozen ").due(begins),
            (None, None) => line.and(" is frozen no more"),
        };
        line.and(format!(": {}", freeze.reason))
    });
    list("Held", locks.chain(freezes), "Nothing is locked or frozen.")
}

/// One lock.
pub(super) fn lock(lock: &Lock) -> Text {
    Text::default()
        .code(lock.target.to_string())
        .and(format!(" is {}'s until ", lock.owner))
        .due(lock.until)
        .and(format!(": {}", lock.reason))
}

/// Commands, each with what it does.
pub(super) fn help(entries: &[(String, String)]) -> Shown {
    let line = |(name, summary): &(String, String)| {
        let line = Text::default().code(name.as_str());
        line.and(format!(" {summary}"))
    };
    list(
        "What you can say here",
        entries.iter().map(line),
        "Nothing.",
    )
}

/// The first lines that there is room for.
fn list(title: &str, lines: impl Iterator<Item = Text>, none: &str) -> Shown {
    let mut description = String::new();
    let mut left_out = 0;
    for line in lines {
        let line = markdown::text(&line);
        let room = LONGEST - "\n… and 9999 more".len();
        if limits::length(&description) + 1 + limits::length(&line) > room {
            left_out += 1;
            continue;
        }
        if !description.is_empty() {
            description.push('\n');
        }
        description.push_str(&line);
    }
    if description.is_empty() {
        none.clone_into(&mut description);
    }
    if left_out > 0 {
        // Writing to a string does not fail.
        let _ = write!(description, "\n… and {left_out} more");
    }
    Shown {
        embeds: vec![Embed {
            title: title.to_owned(),
            description,
            colour: QUIET,
            ..Embed::default()
        }],
        ..Shown::default()
    }
}

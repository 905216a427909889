//! What the person sits at: whether it can be typed on and drawn on, and in which colours.

use std::io::IsTerminal as _;

use super::style::Style;
use crate::domain::time::Timestamp;

/// The standard input and output of this process.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Both are a terminal on which the cursor can be moved.
    pub(super) can_be_edited_on: bool,
    /// The output is one: lines can be drawn again.
    pub(super) can_be_drawn_on: bool,
    /// The colours of the output.
    pub(super) style: Style,
    /// The time.
    pub(super) now: fn() -> Timestamp,
}

impl Terminal {
    /// Looks at what this process was given, and at `TERM` and `NO_COLOR`.
    pub fn at_hand(now: fn() -> Timestamp) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        // A pipe, a file, and a terminal that can only print one line below the other.
        let is_dumb = !is_set("TERM") || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let can_be_drawn_on = std::io::stdout().is_terminal() && !is_dumb;
        Self {
            can_be_edited_on: can_be_drawn_on && std::io::stdin().is_terminal(),
            can_be_drawn_on,
            style: if can_be_drawn_on && !is_set("NO_COLOR") {
                Style::COLOURED
            } else {
                Style::PLAIN
            },
            now,
        }
    }

    /// Ctrl-C at a terminal. Anywhere else it ends the process, as it does any other.
    pub(super) async fn interrupted(&self) {
        if !self.can_be_drawn_on || tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Prints lines, with the signs that say how something went in colour.
    pub(super) fn say(&self, text: &str) {
        println!("{}", self.style.marked(text));
    }
}

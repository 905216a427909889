//! How Discord draws what is shown: pure functions from data to messages that Discord takes.
//!
//! Whatever others wrote is drawn by [`markdown`], and whatever is filled goes through [`limits`]: so no
//! limit is exceeded and nothing acts, by how it is made and not by luck.

mod brief;
mod buttons;
#[cfg(test)]
mod laws;
pub mod limits;
mod lists;
pub mod markdown;
mod notice;
mod page;
mod run;
mod shown;
mod steps;
#[cfg(test)]
mod tests;

pub use brief::brief;
pub use lists::{free, held, help, locked, log, runs};
pub use notice::notice;
pub use run::{footer, run, run_of_footer};
pub use shown::{Button, Embed, Field, Look, Shown, TextFile};

use crate::chat::text::Text;
use limits::{CONTENT, fit_text};

/// What a file is called that holds a whole text.
const TEXT: &str = "text.txt";

/// Sentences for whoever asked: an answer, or a refusal with the way out. What has no room is a file.
pub fn said(told: &Text) -> Shown {
    let fitted = fit_text(told, CONTENT);
    Shown {
        content: fitted.drawn,
        files: if fitted.is_whole {
            Vec::new()
        } else {
            vec![TextFile::new(TEXT, &told.to_string())]
        },
        ..Shown::default()
    }
}

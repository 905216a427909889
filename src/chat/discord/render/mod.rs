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
pub use lists::{log, plan, runs};
pub use notice::notice;
pub use run::{footer, run, run_of_footer};
pub use shown::{Button, Embed, Field, Look, Shown, TextFile};

use limits::{CONTENT, fit};

/// What a file is called that holds a whole text.
const TEXT: &str = "text.txt";

/// A text of several lines by itself, as in `/logs`: in a block, or as a file with its beginning shown.
pub fn text(text: &str) -> Shown {
    let fitted = fit(text, CONTENT, markdown::block);
    Shown {
        content: fitted.drawn,
        files: if fitted.is_whole {
            Vec::new()
        } else {
            vec![TextFile::new(TEXT, text)]
        },
        ..Shown::default()
    }
}

/// Sentences for whoever asked: an answer, or a refusal with the way out.
pub fn said(said: &str) -> Shown {
    let fitted = fit(said, CONTENT, markdown::plain);
    Shown {
        content: fitted.drawn,
        files: if fitted.is_whole {
            Vec::new()
        } else {
            vec![TextFile::new(TEXT, said)]
        },
        ..Shown::default()
    }
}

//! What the audience sees, on standard output: whose terminal a line is from stands in its margin.

use std::fmt::Display;
use std::io::{IsTerminal, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A rule across the page.
const WIDTH: usize = 78;

/// The prompt of `purser console`.
pub(crate) const PROMPT: &str = "purser> ";

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

/// How the page ends so far.
static END: Mutex<End> = Mutex::new(End {
    whose: None,
    is_open: false,
});

/// The end of a page.
struct End {
    /// On whose terminal the last line was printed; none, if it was the narrator's.
    whose: Option<&'static str>,
    /// Whether that line may go on.
    is_open: bool,
}

/// Begins a chapter.
pub(crate) fn heading(title: &str) {
    let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 4));
    line(format!(
        "\n{}",
        painted(BOLD, &format!("── {title} {rule}"))
    ));
}

/// A line of the narrator's.
pub(crate) fn line(text: impl Display) {
    let mut end = end();
    let gap = match (end.whose, end.is_open) {
        (None, _) => "",
        (Some(_), false) => "\n",
        (Some(_), true) => "\n\n",
    };
    *end = End {
        whose: None,
        is_open: false,
    };
    write(&format!("{gap}{text}\n"));
}

/// Something that was looked up and is as it must be.
pub(crate) fn held(text: impl Display) {
    line(format!("  {} asserted: {text}", painted(GREEN, "✓")));
}

/// Something that was looked up and is not as it must be.
pub(crate) fn broken(text: impl Display) {
    line(format!("  {} {text}", painted(RED, "✗")));
}

/// What a program prints on `whose` terminal, as it comes: it may end in the middle of a line.
pub(crate) fn said(whose: &'static str, text: &str) {
    let mut end = end();
    let mut shown = String::new();
    if end.whose.is_none() || end.is_open && end.whose != Some(whose) {
        shown.push('\n');
        end.is_open = false;
    }
    for piece in text.split_inclusive('\n') {
        if !end.is_open {
            shown.push_str(&painted(DIM, &format!("{whose:>5} │ ")));
        }
        shown.push_str(piece);
        *end = End {
            whose: Some(whose),
            is_open: !piece.ends_with('\n'),
        };
    }
    write(&shown);
}

/// Shows what a program prints on `whose` terminal until it ends, and hands each piece on.
///
/// A prompt that stands at the end is kept back: it is shown with what is typed there.
pub(crate) fn follow(whose: &'static str, out: &mut impl Read, mut keep: impl FnMut(&str)) {
    let (mut chunk, mut rest) = ([0; 4096], Vec::new());
    while let Ok(count @ 1..) = out.read(&mut chunk) {
        rest.extend_from_slice(&chunk[..count]);
        // A letter of several bytes may come in two chunks.
        let whole = std::str::from_utf8(&rest).map_or_else(|error| error.valid_up_to(), str::len);
        let text: Vec<u8> = rest.drain(..whole).collect();
        let text = String::from_utf8_lossy(&text);
        said(whose, text.strip_suffix(PROMPT).unwrap_or(&text));
        keep(&text);
    }
}

/// An audience that has left is no reason to leave servers behind: errors are passed over.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn end() -> MutexGuard<'static, End> {
    END.lock().unwrap_or_else(PoisonError::into_inner)
}

fn painted(colour: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{colour}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

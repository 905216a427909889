//! What the audience sees, on standard output: whose terminal a line is from stands in its margin.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A rule across the page.
const WIDTH: usize = 78;

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

/// Whose line is open: printed up to here, without its end.
static OPEN: Mutex<Option<&'static str>> = Mutex::new(None);

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
    let mut open = open();
    close(&mut open);
    write(&format!("{text}\n"));
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
    let mut open = open();
    if *open != Some(whose) {
        close(&mut open);
    }
    let mut shown = String::new();
    for piece in text.split_inclusive('\n') {
        if open.is_none() {
            shown.push_str(&painted(DIM, &format!("{whose:>5} │ ")));
        }
        shown.push_str(piece);
        *open = (!piece.ends_with('\n')).then_some(whose);
    }
    write(&shown);
}

fn close(open: &mut MutexGuard<'static, Option<&'static str>>) {
    if open.take().is_some() {
        write("\n");
    }
}

/// An audience that has left is no reason to leave servers behind: errors are passed over.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn open() -> MutexGuard<'static, Option<&'static str>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn painted(colour: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{colour}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

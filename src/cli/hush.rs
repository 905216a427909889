//! Keys that are pressed while a line is drawn again and again do not show: they would break it up.

use std::io::stdin;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// Keys do not show until this is dropped. They are kept for whoever reads them then.
pub(super) struct Hush {
    before: Option<Termios>,
}

impl Hush {
    /// Does nothing when the input is no terminal.
    pub(super) fn new() -> Self {
        let before = tcgetattr(stdin()).ok();
        if let Some(before) = &before {
            let mut hushed = before.clone();
            hushed.local_flags.remove(LocalFlags::ECHO);
            set(&hushed);
        }
        Self { before }
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            set(before);
        }
    }
}

fn set(modes: &Termios) {
    // A terminal that refuses shows keys where they are pressed, and that is all.
    let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, modes);
}

//! A terminal that does not show what is typed, for a while.

use std::io::stdin;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// Keys do not show until this is dropped. They are kept for whoever reads them.
pub(super) struct EchoOff(Termios);

impl EchoOff {
    /// From now on. Begin before a secret is asked for: whoever answers at the sight of the question
    /// is not to be seen either.
    ///
    /// # Errors
    /// The input is no terminal, or one that refuses.
    pub(super) fn begin() -> nix::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut dark = before.clone();
        dark.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(stdin(), SetArg::TCSADRAIN, &dark)?;
        Ok(Self(before))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

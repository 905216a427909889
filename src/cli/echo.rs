//! A terminal that does not show what is typed, for a while.

use std::io::stdin;
use std::os::fd::AsFd as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{
    FlushArg, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush, tcgetattr, tcsetattr,
};

/// What is pasted may come in pieces, this far apart.
const BETWEEN_PIECES: u8 = 100;

/// Input without an end is waited for no longer.
const ENDLESS: Duration = Duration::from_secs(5);

/// The terminal as it was, while it is dark: for the end of a process that drops nothing.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

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
        remembered().get_or_insert_with(|| before.clone());
        tcsetattr(stdin(), SetArg::TCSADRAIN, &dark)?;
        Ok(Self(before))
    }

    /// Whether more than was read has been typed or pasted, which is dropped: else it would show, and
    /// be a command to whoever reads next.
    pub(super) fn drops_more(&self) -> bool {
        let mut eager = self.0.clone();
        // By lines, half a line could not be seen.
        eager
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ICANON);
        eager.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        eager.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        if tcsetattr(stdin(), SetArg::TCSANOW, &eager).is_err() {
            return false;
        }
        let (begun, mut more) = (Instant::now(), false);
        while begun.elapsed() < ENDLESS && input_waits() {
            more = true;
            let _ = tcflush(stdin(), FlushArg::TCIFLUSH);
        }
        more
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &self.0);
        *remembered() = None;
    }
}

/// Shows again what is typed, where the process ends without dropping an [`EchoOff`].
pub(super) fn show_again() {
    if let Some(before) = remembered().take() {
        let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &before);
    }
}

fn remembered() -> std::sync::MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether something can be read, an end or an error too; it is waited for a moment.
pub(super) fn can_be_read() -> bool {
    let input = stdin();
    let mut looked_at = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    poll(&mut looked_at, PollTimeout::from(BETWEEN_PIECES)) != Ok(0)
}

fn input_waits() -> bool {
    let input = stdin();
    let mut looked_at = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    let found = poll(&mut looked_at, PollTimeout::from(BETWEEN_PIECES));
    found.is_ok_and(|ready| ready > 0)
        && looked_at[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLIN))
}

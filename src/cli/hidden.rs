//! A line that is typed without being shown.

use std::io::{self, BufRead as _, Read as _};

use secrecy::{ExposeSecret as _, SecretString};

use super::Failure;
use super::echo::EchoOff;
use super::pipe::say;
use crate::domain::secret::LONGEST;

/// Of a longer line the kernel drops the rest without a word: `N_TTY_BUF_SIZE`, less a line end.
const LONGEST_LINE: usize = 4094;

/// Asks for a line on the terminal and reads it without its line end. Interrupted, it leaves the
/// terminal as it was.
pub(super) async fn line(prompt: &str) -> Result<SecretString, Failure> {
    // Caught from before echo goes off: an interrupt would leave the terminal dark.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let first_poll = futures_util::poll!(&mut interrupted);
    if first_poll.is_ready() {
        return Err(nothing());
    }
    let dark = EchoOff::begin().map_err(|error| {
        Failure::usage(format!(
            "echo cannot be switched off on this terminal ({error}): give the value by stdin or \
             with --file"
        ))
    })?;
    say(prompt);
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let most = LONGEST as u64 + 2;
        let read = io::stdin().lock().take(most).read_line(&mut line);
        read.map(|_| SecretString::from(line.trim_end_matches(['\n', '\r'])))
    });
    let (line, more) = tokio::select! {
        line = read => {
            // Still dark: what is dropped does not show.
            let more = dark.drops_more();
            drop(dark);
            say("\n");
            (line, more)
        }
        _ = interrupted => {
            drop(dark);
            say("\n");
            return Err(nothing());
        }
    };
    let line = line
        .map_err(|error| Failure::failed(error.to_string()))?
        .map_err(|error| Failure::usage(format!("the value cannot be read: {error}")))?;
    if more || line.expose_secret().len() > LONGEST_LINE {
        return Err(Failure::usage(format!(
            "a terminal hands over one line of at most {LONGEST_LINE} bytes, and more came: give the \
             value with --file FILE or < FILE; nothing was set"
        )));
    }
    Ok(line)
}

fn nothing() -> Failure {
    Failure::failed("interrupted: nothing was set")
}

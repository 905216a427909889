//! A line that is typed without being shown.

use std::io::{self, BufRead as _, Read as _};

use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::echo::{EchoOff, can_be_read};
use super::pipe::say;
use crate::domain::secret::LONGEST;

/// What is said where no line was read.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// How it can be given, where the terminal can show nothing but all.
    pub otherwise: &'static str,
    /// What has come of it.
    pub nothing: &'static str,
}
/// Of a longer line the kernel drops the rest without a word: `N_TTY_BUF_SIZE`, less a line end.
const LONGEST_LINE: usize = 4094;

/// Asks for a line on the terminal and reads it without its line end. Interrupted, it leaves the
/// terminal as it was.
///
/// # Errors
/// It was interrupted, or the terminal cannot be used.
pub async fn line(prompt: &str, words: Words) -> Result<SecretString, Failure> {
    // Caught from before echo goes off: an interrupt would leave the terminal dark.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let first_poll = futures_util::poll!(&mut interrupted);
    if first_poll.is_ready() {
        return Err(nothing(words));
    }
    let dark = EchoOff::begin().map_err(|error| {
        Failure::usage(format!(
            "echo cannot be switched off on this terminal ({error}): {}",
            words.otherwise
        ))
    })?;
    say(prompt);
    // Whoever does not wait for the line any more is to have the next one.
    let gone = CancellationToken::new();
    let _gone = gone.clone().drop_guard();
    let read = tokio::task::spawn_blocking(move || {
        loop {
            let can_be_read = can_be_read();
            // What comes from now on is for whoever reads next.
            if gone.is_cancelled() {
                return Ok(SecretString::default());
            }
            if can_be_read {
                break;
            }
        }
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
            return Err(nothing(words));
        }
    };
    let line = line
        .map_err(|error| Failure::failed(error.to_string()))?
        .map_err(|error| Failure::usage(format!("what is typed cannot be read: {error}")))?;
    if more || line.expose_secret().len() > LONGEST_LINE {
        return Err(Failure::usage(format!(
            "a terminal hands over one line of at most {LONGEST_LINE} bytes, and more came: {}; {}",
            words.otherwise, words.nothing
        )));
    }
    Ok(line)
}

fn nothing(words: Words) -> Failure {
    Failure::failed(format!("interrupted: {}", words.nothing))
}

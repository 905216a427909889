//! Questions to a person at a terminal, each with what is taken where nobody answers.

use std::io::IsTerminal as _;

use secrecy::SecretString;

use super::echo::EchoOff;
use super::pipe::say;
use super::{Failure, Init};

/// Who is asked: a person at a terminal, or nobody.
pub struct Questions {
    person_is_there: bool,
    taken: Vec<String>,
}

impl Questions {
    /// Asks where there is a terminal, unless that was forbidden.
    pub fn of(init: &Init) -> Self {
        let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Self {
            person_is_there: is_terminal && !init.yes,
            taken: vec![],
        }
    }

    /// What was said on the command line, or is answered, or else this.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn ask(
        &mut self,
        what: &str,
        said: Option<String>,
        most_likely: String,
    ) -> Result<String, Failure> {
        if let Some(said) = said {
            return Ok(said);
        }
        if !self.person_is_there {
            self.taken.push(format!("{what}: {most_likely}"));
            return Ok(most_likely);
        }
        say(&format!("{what} [{most_likely}]: "));
        let answer = line()?;
        Ok(if answer.is_empty() {
            most_likely
        } else {
            answer
        })
    }

    /// A password, typed where nobody sees it; `None` when nobody can be asked.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn password(&self, of: &str) -> Result<Option<SecretString>, Failure> {
        if !self.person_is_there {
            return Ok(None);
        }
        let failed = |error: nix::Error| Failure::failed(format!("the terminal: {}", error.desc()));
        let unseen = EchoOff::begin().map_err(failed)?;
        say(&format!("password of {of} (it is not shown): "));
        let typed = line();
        drop(unseen);
        say("\n");
        Ok(Some(SecretString::from(typed?)))
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn confirm(&self, what: &str) -> Result<bool, Failure> {
        if !self.person_is_there {
            return Ok(true);
        }
        say(&format!("{what} [yes]: "));
        Ok(matches!(line()?.to_lowercase().as_str(), "" | "y" | "yes"))
    }

    /// Whether somebody is there to be shown something.
    pub fn are_asked(&self) -> bool {
        self.person_is_there
    }

    /// What was taken without asking.
    pub fn taken(&self) -> Vec<String> {
        self.taken.clone()
    }
}

fn line() -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("the terminal: {error}"));
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line).map_err(failed)? {
        0 => Err(Failure::failed(
            "the input ended before all was answered; nothing was written",
        )),
        _ => Ok(line.trim().to_owned()),
    }
}

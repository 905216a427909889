//! `purser completions`: what makes a shell complete the words behind `purser`.

use std::io::Write as _;

use clap::{Args, CommandFactory as _, ValueEnum};

use super::{Cli, Failure};

/// Print what makes a shell complete `purser`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell.
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Prints the script.
    ///
    /// # Errors
    /// Nobody reads it.
    pub fn print(&self) -> Result<(), Failure> {
        let shell = match self.shell {
            Shell::Bash => clap_complete::Shell::Bash,
            Shell::Zsh => clap_complete::Shell::Zsh,
            Shell::Fish => clap_complete::Shell::Fish,
        };
        let mut script = vec![];
        clap_complete::generate(shell, &mut Cli::command(), "purser", &mut script);
        std::io::stdout()
            .write_all(&script)
            .map_err(|error| Failure::failed(format!("the script cannot be printed: {error}")))
    }
}

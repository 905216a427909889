//! Where lines come from: a pipe, or somebody's fingers.

use std::io::{IsTerminal as _, Write as _};

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};

use super::editor::Edited;
use crate::cli::client::Server;
use crate::cli::terminal::Terminal;
use crate::cli::{Failure, inputs};
use crate::http::types::CatalogView;

/// What came of a prompt.
pub(super) enum Typed {
    /// A line.
    Line(String),
    /// Ctrl-C: whatever was typed was not meant.
    Dropped,
    /// Ctrl-D, or the end of a pipe.
    End,
}

pub(super) enum Input {
    Plain(Lines<BufReader<Stdin>>),
    Edited(Box<Edited>),
}

impl Input {
    /// An editor on a terminal, plain lines anywhere else.
    pub(super) fn open(server: &Server, terminal: Terminal, catalog: &CatalogView) -> Self {
        let edited = || Edited::new(server, terminal, catalog);
        match terminal.can_be_edited_on.then(edited).flatten() {
            Some(edited) => Self::Edited(Box::new(edited)),
            None => Self::Plain(BufReader::new(tokio::io::stdin()).lines()),
        }
    }

    /// A command, which is remembered and completed.
    pub(super) async fn line(&mut self, prompt: &str) -> Typed {
        match self {
            Self::Plain(lines) => plain(lines, prompt).await,
            Self::Edited(edited) => edited.command(prompt),
        }
    }

    /// An answer, which is neither.
    pub(super) async fn answer(&mut self, prompt: &str) -> Typed {
        match self {
            Self::Plain(lines) => plain(lines, prompt).await,
            Self::Edited(edited) => edited.answer(prompt),
        }
    }

    /// A secret. On a terminal it is not shown; through a pipe it is the next line.
    pub(super) async fn secret(&mut self, name: &str) -> Result<SecretString, Failure> {
        match self {
            Self::Plain(lines) if !std::io::stdin().is_terminal() => {
                let prompt = inputs::prompt(name);
                match plain(lines, &prompt).await {
                    Typed::Line(line) => Ok(line.into()),
                    Typed::Dropped | Typed::End => Err(Failure::usage(format!(
                        "the secret `{name}` is missing; nothing was started"
                    ))),
                }
            }
            _ => inputs::ask(name).await,
        }
    }
}

async fn plain(lines: &mut Lines<BufReader<Stdin>>, prompt: &str) -> Typed {
    print!("{prompt}");
    // A terminal that cannot be written to shows itself at the next line.
    let _ = std::io::stdout().flush();
    match lines.next_line().await.ok().flatten() {
        Some(line) => Typed::Line(line),
        None => Typed::End,
    }
}

//! The line that is being typed: history, completion, hints.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use rustyline::completion::{Completer, Pair};
use rustyline::config::BellStyle;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, Helper};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::complete::{self, Place};
use super::given;
use super::history;
use super::input::Typed;
use crate::cli::client::Server;
use crate::cli::style::{Style, Tone};
use crate::cli::terminal::Terminal;
use crate::http::types::{CatalogView, Suggestion};

/// So many lines are remembered.
const LONGEST_HISTORY: usize = 1000;

/// A key answers within this, whatever the server does.
const PATIENCE: Duration = Duration::from_millis(300);

pub(super) struct Edited {
    editor: Editor<Help, FileHistory>,
    history: Option<PathBuf>,
}

impl Edited {
    /// `None` when the terminal cannot be edited on.
    pub(super) fn new(server: &Server, terminal: Terminal, catalog: &CatalogView) -> Option<Self> {
        let colours = if terminal.style.has_colours() {
            ColorMode::Enabled
        } else {
            ColorMode::Disabled
        };
        let config = Config::builder()
            .max_history_size(LONGEST_HISTORY)
            .and_then(|config| config.history_ignore_dups(true))
            .ok()?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .bell_style(BellStyle::None)
            .color_mode(colours)
            .build();
        let mut editor = Editor::with_config(config).ok()?;
        editor.set_helper(Some(Help {
            server: server.clone(),
            catalog: catalog.clone(),
            style: terminal.style,
            is_command: true,
        }));
        let history = history::file();
        if let Some(file) = &history {
            // The first time there is none.
            let _ = editor.load_history(file);
        }
        Some(Self { editor, history })
    }

    pub(super) fn command(&mut self, prompt: &str) -> Typed {
        let typed = self.read(prompt, true);
        if let Typed::Line(line) = &typed
            && !self.shows_secret(line)
        {
            self.remember(line);
        }
        typed
    }

    fn shows_secret(&self, line: &str) -> bool {
        let help = self.editor.helper();
        help.is_some_and(|help| given::shows_secret(&help.catalog, line))
    }

    pub(super) fn answer(&mut self, prompt: &str) -> Typed {
        self.read(prompt, false)
    }

    fn read(&mut self, prompt: &str, is_command: bool) -> Typed {
        if let Some(help) = self.editor.helper_mut() {
            help.is_command = is_command;
        }
        match block_in_place(|| self.editor.readline(prompt)) {
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Interrupted) => Typed::Dropped,
            Err(_) => Typed::End,
        }
    }

    /// A history that cannot be kept is no reason to stop.
    fn remember(&mut self, line: &str) {
        let is_kept = self.editor.add_history_entry(line).unwrap_or(false);
        if let (true, Some(file)) = (is_kept, &self.history) {
            let _ = self.editor.append_history(file);
        }
    }
}

struct Help {
    server: Server,
    catalog: CatalogView,
    style: Style,
    is_command: bool,
}

impl Help {
    /// What the server offers for this place; nothing when it does not answer at once.
    fn offers(&self, place: &Place) -> Vec<Suggestion> {
        let Some(wanted) = &place.wanted else {
            return vec![];
        };
        let asked = self.server.post::<_, Vec<Suggestion>>("suggest", wanted);
        let answer = Handle::current().block_on(tokio::time::timeout(PATIENCE, asked));
        answer.map(Result::unwrap_or_default).unwrap_or_default()
    }
}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..cursor).unwrap_or_default();
        let place = complete::place(before, &self.catalog).filter(|_| self.is_command);
        let Some(place) = place else {
            return Ok((cursor, vec![]));
        };
        let choices = place.choices(self.offers(&place));
        let pair = |(replacement, display)| Pair {
            display,
            replacement,
        };
        Ok((place.start, choices.into_iter().map(pair).collect()))
    }
}

/// What is still to be written; it is only shown.
struct Rest(String);

impl Hint for Rest {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Help {
    type Hint = Rest;

    fn hint(&self, line: &str, cursor: usize, _: &Context<'_>) -> Option<Rest> {
        let is_at_end = self.is_command && cursor == line.len();
        is_at_end
            .then(|| complete::rest(line, &self.catalog))
            .flatten()
            .map(Rest)
    }
}

impl Highlighter for Help {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        self.style.paint(Tone::Prompt, prompt)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        self.style.paint(Tone::Quiet, hint)
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        false
    }
}

impl Validator for Help {}
impl Helper for Help {}

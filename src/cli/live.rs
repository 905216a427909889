//! Steps that are at work, each one line that is drawn again and again below what was printed.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::echo::EchoOff;
use super::style::Tone;
use super::terminal::Terminal;
use crate::chat::card::share::{bar, share};
use crate::chat::card::span::whole_seconds;
use crate::chat::card::step::action_of;
use crate::domain::names::StepId;
use crate::domain::run::StepState;

/// How often a line is drawn again: calm, and seen to move.
const BEAT: Duration = Duration::from_millis(120);

/// Cells of a bar.
const CELLS: usize = 10;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The lines. They are gone when this is dropped.
pub(super) struct Live {
    terminal: Terminal,
    lines: MultiProgress,
    steps: HashMap<StepId, ProgressBar>,
    /// Keys that show would break up the lines that are drawn again and again.
    _echo: Option<EchoOff>,
}

impl Live {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            lines: MultiProgress::with_draw_target(ProgressDrawTarget::stdout()),
            steps: HashMap::new(),
            _echo: EchoOff::begin().ok(),
        }
    }

    /// Prints something that stays, above the lines.
    pub(super) fn say(&self, text: &str) {
        self.lines.suspend(|| self.terminal.say(text));
    }

    /// Does something that prints, without the lines.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        self.lines.suspend(print);
    }

    /// The step is at work, and this is what it says of itself.
    pub(super) fn works(&mut self, id: &StepId, state: &StepState, progress: Option<&str>) {
        let line = self.steps.entry(id.clone()).or_insert_with(|| {
            let since = state.attempt_at.map(|at| (self.terminal.now)().since(at));
            let line = ProgressBar::no_length()
                .with_elapsed(since.unwrap_or_default())
                .with_style(look(self.terminal))
                .with_prefix(one_line(id.as_str()));
            let line = self.lines.add(line);
            line.enable_steady_tick(BEAT);
            line
        });
        line.set_message(message(state, progress));
    }

    /// The step is not at work.
    pub(super) fn rests(&mut self, id: &StepId) {
        if let Some(line) = self.steps.remove(id) {
            line.finish_and_clear();
            self.lines.remove(&line);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for line in self.steps.values() {
            line.finish_and_clear();
        }
        // A terminal that has gone away shows itself at the next line.
        let _ = self.lines.clear();
    }
}

/// `⠹ deploy: 12 s · replacing shop-web-1`, cut at the edge of the terminal.
fn look(terminal: Terminal) -> ProgressStyle {
    let ticks = SPINNER.map(|tick| terminal.style.paint(Tone::Busy, tick).into_owned());
    let ticks: Vec<&str> = ticks.iter().map(String::as_str).collect();
    let took = |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
        // What cannot be written is not drawn.
        let _ = out.write_str(&whole_seconds(state.elapsed()));
    };
    ProgressStyle::with_template("{spinner} {prefix}: {took} · {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("took", took)
        .tick_strings(&ticks)
}

fn message(state: &StepState, progress: Option<&str>) -> String {
    let attempt = match state.attempt {
        0 | 1 => String::new(),
        attempt => format!("attempt {attempt} · "),
    };
    match progress {
        Some(progress) => {
            let bar = share(progress)
                .map(|share| bar(share, CELLS, ['█', '░']) + " ")
                .unwrap_or_default();
            one_line(&format!("{bar}{attempt}{progress}"))
        }
        None => one_line(&format!("{attempt}{}", action_of(state))),
    }
}

/// What an action says could hold anything; a line that is drawn again must be one.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

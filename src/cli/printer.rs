//! What is shown of a run while somebody watches it.

use std::collections::HashMap;

use super::live::Live;
use super::show::undoes;
use super::terminal::Terminal;
use crate::chat::card::{plan, step};
use crate::domain::names::StepId;
use crate::domain::run::{StepState, StepStatus};
use crate::http::types::RunView;

/// Prints a line whenever a step has moved. On a terminal, what is at work is a line that moves.
pub(super) struct Printer {
    terminal: Terminal,
    live: Option<Live>,
    begun: bool,
    plan: Option<String>,
    steps: HashMap<StepId, String>,
    progress: Option<String>,
    voided: usize,
}

impl Printer {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            live: terminal.can_be_drawn_on.then(|| Live::new(terminal)),
            begun: false,
            plan: None,
            steps: HashMap::new(),
            progress: None,
            voided: 0,
        }
    }

    pub(super) fn say(&self, text: &str) {
        match &self.live {
            Some(live) => live.say(text),
            None => self.terminal.say(text),
        }
    }

    /// Does something that prints elsewhere, without the lines that move.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.live {
            Some(live) => live.aside(print),
            None => print(),
        }
    }

    pub(super) fn show(&mut self, view: &RunView) {
        let run = &view.run;
        if !std::mem::replace(&mut self.begun, true) {
            let (id, request) = (run.id.short(), &run.request);
            self.say(&format!(
                "run {id} of {}, asked by {}",
                request.workflow, request.by
            ));
            if let Some(undoes) = undoes(run) {
                self.say(&undoes);
            }
        }
        for why in run.voided.iter().skip(self.voided) {
            self.say(&format!("! the approval is void: {why}"));
        }
        self.voided = run.voided.len();
        if let Some(plan) = run.plan.as_ref().filter(|_| run.approval_is_open()) {
            let text = plan::of_workflow(plan);
            if self.plan.as_ref() != Some(&text) {
                self.say(&text);
                self.plan = Some(text);
            }
        }
        let is_undone = |(_, state): &(_, &StepState)| state.status == StepStatus::Undone;
        let (undone, others): (Vec<_>, Vec<_>) = run.steps.iter().partition(is_undone);
        // What has moved between two looks is told as it happened: steps are taken back after all else,
        // the last one first.
        for (id, state) in others.into_iter().chain(undone.into_iter().rev()) {
            self.step(id, state, view.progress.as_deref());
        }
        if self.live.is_none() {
            self.progress(view);
        }
    }

    fn step(&mut self, id: &StepId, state: &StepState, progress: Option<&str>) {
        if let Some(live) = &mut self.live {
            if state.status == StepStatus::Running {
                live.works(id, state, progress);
                // Whatever it comes to is said, even what was said before.
                self.steps.remove(id);
                return;
            }
            live.rests(id);
        }
        let Some(line) = step::line(id, state) else {
            return;
        };
        let line = line.to_string();
        if self.steps.get(id) != Some(&line) {
            self.say(&line);
            self.steps.insert(id.clone(), line);
        }
    }

    /// What a step said last may still be in the view when the step is over.
    fn progress(&mut self, view: &RunView) {
        let is_at_work = |state: &StepState| state.status == StepStatus::Running;
        if let Some(progress) = &view.progress
            && self.progress.as_ref() != Some(progress)
            && view.run.steps.values().any(is_at_work)
        {
            self.say(&format!("  {progress}"));
            self.progress = Some(progress.clone());
        }
    }
}

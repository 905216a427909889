//! Who is told of what, and how loudly.

use std::collections::BTreeSet;

use super::{Loudness, Notice, NotifySpec, compose};
use crate::domain::ending::FinalState;
use crate::domain::event::Trigger;
use crate::domain::names::PlaceName;
use crate::domain::receipt::{Receipt, Subject};
use crate::domain::run::{RunState, RunStatus, WaitingFor};
use crate::domain::time::Timestamp;

/// How loudly things are said, by what has come of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct On {
    /// A run succeeded.
    pub success: Loudness,
    /// A run did not, a schedule was passed over, a program was refused.
    pub failure: Loudness,
    /// A run waits for a person.
    pub waiting: Loudness,
}

impl Default for On {
    fn default() -> Self {
        Self {
            success: Loudness::Quiet,
            failure: Loudness::Loud,
            waiting: Loudness::Loud,
        }
    }
}

/// What decides who is told.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Where runs report that nobody started by hand.
    pub scheduled: Option<PlaceName>,
    /// How loudly.
    pub on: On,
    /// The places that there are: a run's definition may name one that is configured no more.
    pub places: BTreeSet<PlaceName>,
}

impl Rules {
    /// What is told of a receipt, and where. `notify` is what the run's definition says.
    pub fn of_receipt(
        &self,
        receipt: &Receipt,
        notify: Option<&NotifySpec>,
    ) -> Option<(PlaceName, Notice)> {
        match &receipt.content.subject {
            Subject::Run(facts) => {
                let (place, loudness) = self.of_end(facts.state, &facts.trigger, notify)?;
                Some((place, compose::end(receipt, facts, loudness)))
            }
            Subject::PassedOver { schedule, .. } => {
                let (place, loudness) = self.unattended(self.on.failure)?;
                Some((place, compose::passed_over(receipt, schedule, loudness)))
            }
            // A person who is refused sees it; a program's log may be read by nobody.
            Subject::Refused { asked } if is_program(&receipt.content.by.through) => {
                let (place, loudness) = self.unattended(self.on.failure)?;
                Some((place, compose::refused(receipt, asked, loudness)))
            }
            Subject::Refused { .. } | Subject::Changed { .. } => None,
        }
    }

    /// What is told of a run that waits for a person, and where.
    pub fn of_waiting(
        &self,
        run: &RunState,
        notify: Option<&NotifySpec>,
        now: Timestamp,
    ) -> Option<(PlaceName, Notice)> {
        let notice = match run.status() {
            RunStatus::Waiting(WaitingFor::Approval) => compose::asks_approval(run, now)?,
            RunStatus::Waiting(WaitingFor::Decision) => compose::asks_decision(run, now)?,
            _ => return None,
        };
        let named = notify.and_then(|spec| spec.waiting.as_ref().or(spec.failure.as_ref()));
        let (place, loudness) = self.place(named, &run.request.trigger, self.on.waiting)?;
        Some((place, Notice { loudness, ..notice }))
    }

    fn of_end(
        &self,
        state: FinalState,
        trigger: &Trigger,
        notify: Option<&NotifySpec>,
    ) -> Option<(PlaceName, Loudness)> {
        let failure = notify.and_then(|spec| spec.failure.as_ref());
        match state {
            FinalState::Succeeded => {
                let named = notify.and_then(|spec| spec.success.as_ref());
                self.place(named, trigger, self.on.success)
            }
            // Somebody wanted it, or let it lapse: no alarm.
            FinalState::Cancelled => {
                let loudness = self.on.failure.min(Loudness::Told);
                self.place(failure, trigger, loudness)
            }
            FinalState::Failed | FinalState::RolledBack | FinalState::Stuck => {
                self.place(failure, trigger, self.on.failure)
            }
        }
    }

    /// The place that the workflow names, which is always told; else, when nobody started the run
    /// by hand, where such runs report.
    fn place(
        &self,
        named: Option<&PlaceName>,
        trigger: &Trigger,
        loudness: Loudness,
    ) -> Option<(PlaceName, Loudness)> {
        match named {
            Some(place) if self.places.contains(place) => {
                Some((place.clone(), loudness.max(Loudness::Told)))
            }
            // It is configured no more: better there than nowhere.
            Some(_) => self.unattended(loudness.max(Loudness::Told)),
            None if is_unattended(trigger) => self.unattended(loudness),
            None => None,
        }
    }

    fn unattended(&self, loudness: Loudness) -> Option<(PlaceName, Loudness)> {
        let place = self.scheduled.clone()?;
        (loudness > Loudness::Quiet).then_some((place, loudness))
    }
}

/// Whether nobody started it by hand, so that nobody watches.
fn is_unattended(trigger: &Trigger) -> bool {
    match trigger {
        Trigger::Webhook(_) | Trigger::Schedule { at: Some(_), .. } => true,
        Trigger::Command(_) | Trigger::Api | Trigger::Schedule { at: None, .. } => false,
    }
}

fn is_program(through: &str) -> bool {
    through.starts_with("webhook ")
}

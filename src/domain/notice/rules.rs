//! Who is told of what, and how loudly.

use std::collections::BTreeSet;

use super::{Loudness, Notice, NotifySpec, asks, compose};
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
                let told = self.of_end(facts.state, &facts.trigger, notify);
                let (place, loudness) = match &facts.break_glass {
                    Some(_) => self.of_broken_glass(told)?,
                    None => told?,
                };
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
            // Whoever did it knows.
            Subject::Refused { .. } | Subject::Changed { .. } | Subject::Recovered { .. } => None,
        }
    }

    /// What there is to say of a run that waits for a person, and the place that is told.
    pub fn of_waiting(
        &self,
        run: &RunState,
        notify: Option<&NotifySpec>,
        now: Timestamp,
    ) -> Option<(Option<PlaceName>, Notice)> {
        let notice = match run.status() {
            RunStatus::Waiting(WaitingFor::Approval) => asks::approval(run, now)?,
            RunStatus::Waiting(WaitingFor::Decision) => asks::decision(run, now)?,
            _ => return None,
        };
        let named = notify.and_then(|spec| spec.waiting.as_ref().or(spec.failure.as_ref()));
        Some(
            match self.place(named, &run.request.trigger, self.on.waiting) {
                Some((place, loudness)) => (Some(place), Notice { loudness, ..notice }),
                None => (None, notice),
            },
        )
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

    /// Of a run for which the glass was broken people always hear, if there is any place at all.
    fn of_broken_glass(
        &self,
        told: Option<(PlaceName, Loudness)>,
    ) -> Option<(PlaceName, Loudness)> {
        let place = told.map(|(place, _)| place);
        let any = || self.scheduled.as_ref().or(self.places.first()).cloned();
        Some((place.or_else(any)?, Loudness::Loud))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::schedule::ScheduleName;
    use crate::domain::time::Timestamp;

    fn loudness() -> impl Strategy<Value = Loudness> {
        prop_oneof![
            Just(Loudness::Quiet),
            Just(Loudness::Told),
            Just(Loudness::Loud)
        ]
    }

    fn place() -> impl Strategy<Value = PlaceName> {
        prop_oneof![Just("ops"), Just("oncall"), Just("lost")].prop_map(PlaceName::from)
    }

    fn trigger() -> impl Strategy<Value = Trigger> {
        let of_schedule = |at: Option<i64>| Trigger::Schedule {
            name: ScheduleName::new("backup".into(), "nightly".to_owned()),
            at: at.map(Timestamp::from_micros),
        };
        prop_oneof![
            Just(Trigger::Api),
            Just(Trigger::Command("backup".to_owned())),
            Just(Trigger::Webhook("ci".to_owned())),
            proptest::option::of(0..9i64).prop_map(of_schedule),
        ]
    }

    fn state() -> impl Strategy<Value = FinalState> {
        prop_oneof![
            Just(FinalState::Succeeded),
            Just(FinalState::Failed),
            Just(FinalState::RolledBack),
            Just(FinalState::Cancelled),
            Just(FinalState::Stuck),
        ]
    }

    #[test]
    fn of_broken_glass_people_hear_loudly_wherever_there_is_a_place() {
        let rules = |scheduled: Option<&str>, places: &[&str]| Rules {
            scheduled: scheduled.map(PlaceName::from),
            on: On::default(),
            places: places.iter().copied().map(PlaceName::from).collect(),
        };
        let ops = || Some(("ops".into(), Loudness::Loud));
        let told = |rules: &Rules, named: Option<&str>| {
            let named = named.map(|place| (PlaceName::from(place), Loudness::Told));
            rules.of_broken_glass(named)
        };
        assert_eq!(told(&rules(None, &["chat"]), Some("ops")), ops());
        assert_eq!(told(&rules(Some("ops"), &["chat", "ops"]), None), ops());
        assert_eq!(told(&rules(None, &["ops", "relay"]), None), ops());
        assert_eq!(told(&rules(None, &[]), None), None);
    }

    proptest! {
        #[test]
        fn who_is_told_of_the_end_of_a_run(
            state in state(), trigger in trigger(), success in loudness(), failure in loudness(),
            scheduled in proptest::option::of(Just(PlaceName::from("ops"))),
            told_success in proptest::option::of(place()),
            told_failure in proptest::option::of(place()),
        ) {
            let rules = Rules {
                scheduled: scheduled.clone(),
                on: On { success, failure, waiting: Loudness::Loud },
                places: ["ops".into(), "oncall".into()].into(),
            };
            let spec = NotifySpec { success: told_success, failure: told_failure, waiting: None };
            let told = rules.of_end(state, &trigger, Some(&spec));
            let is_success = state == FinalState::Succeeded;
            let named = if is_success { &spec.success } else { &spec.failure };
            let set = if is_success { success } else { failure };
            match (&told, named) {
                (Some((place, loudness)), _) => {
                    prop_assert!(rules.places.contains(place), "only places that there are");
                    prop_assert!(*loudness > Loudness::Quiet);
                    prop_assert!(named.is_some() || is_unattended(&trigger));
                    prop_assert!(state != FinalState::Cancelled || *loudness == Loudness::Told);
                }
                (None, Some(named)) => {
                    prop_assert!(!rules.places.contains(named) && scheduled.is_none());
                }
                (None, None) => prop_assert!(
                    !is_unattended(&trigger) || set == Loudness::Quiet || scheduled.is_none()
                ),
            }
        }
    }
}

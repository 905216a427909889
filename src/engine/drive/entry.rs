//! What a run waits for before it begins, and a step of it: room, its key, freezes and locks, a place
//! on the system.

use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;

use super::{Drive, Waits, is_at_work, moved};
use crate::domain::event::Event;
use crate::domain::hold::Hold;
use crate::domain::interpreter::{Given, prospects};
use crate::domain::names::StepId;
use crate::domain::run::RunState;
use crate::engine::gate::Mark;
use crate::engine::{busy, overtaken};
use crate::store::Result;

impl Drive<'_> {
    /// Takes the run out of the queue; `false` when it is held, and only time or people can change
    /// that. What is held before it begins keeps no room and no key, and replaces nobody.
    pub(super) async fn enter(&mut self, state: &RunState) -> Result<bool> {
        if self.is_held_back(state).await? || self.stands_still(state) {
            return Ok(false);
        }
        busy::replace_older(&self.shared, state).await?;
        if self.claim(state).await {
            if self.is_held_back(state).await? {
                self.kept.ticket = None;
                return Ok(false);
            }
            let event = match overtaken::by(&self.shared, state).await? {
                Some(by) => Event::Overtaken { by },
                None => Event::Started,
            };
            let has_begun = event == Event::Started;
            if !self.log.append_if_at(state.seq, event).await? || !has_begun {
                // It has not begun: in the queue again it would wait for its own key.
                self.kept.ticket = None;
            }
        }
        Ok(true)
    }

    /// Whether a run that takes another one back has to wait for a system, or an action, to be as it was.
    /// It is looked at before it begins, for then it can still be cancelled.
    pub(super) fn stands_still(&mut self, state: &RunState) -> bool {
        if state.request.undo.is_none() {
            return false;
        }
        let ahead = prospects(&self.definition, state).unwrap_or_default();
        let why = ahead.into_iter().find_map(|prospect| {
            let system = match prospect.given {
                Given::Known { system, .. } | Given::TakenBack { system, .. } => system,
                Given::Later { .. } => None,
            };
            let ready = self.ready(state, Some(&prospect.action), system.as_ref());
            Some((prospect.step, ready.err()?))
        });
        let Some((step, why)) = why else {
            return false;
        };
        self.stand_still(&step, &why);
        true
    }

    /// Waits for a place inside; `false` when something else has moved first.
    async fn claim(&mut self, state: &RunState) -> bool {
        let key = state.request.concurrency.clone();
        let shared = Arc::clone(&self.shared);
        let place = shared.gate.line_up(self.run, key.clone());
        self.aside = None;
        let locks = self.holds_changed.clone();
        let is_over =
            |mark: &Mark| mark.until <= shared.parts.clock.now() || mark.changes != *locks.borrow();
        let mut entering = pin!(place.enter(is_over));
        if let Some(ticket) = entering.as_mut().now_or_never() {
            self.kept.ticket = Some(ticket);
            return true;
        }
        self.waits.because(|| {
            key.map_or_else(
                || "waits for room: the limit of concurrent runs is reached".to_owned(),
                |key| format!("waits for the run before it with the key `{key}`, or for room"),
            )
        });
        self.tell();
        let entered = tokio::select! {
            biased;
            ticket = entering => Some(ticket),
            () = moved(&mut self.changes, self.run) => None,
            () = shared.shutdown.cancelled() => None,
        };
        let has_entered = entered.is_some();
        self.kept.ticket = entered;
        has_entered
    }

    /// Whether the run is kept from beginning at all by what holds one of its steps. Begun, it would
    /// stop half-way.
    async fn is_held_back(&mut self, state: &RunState) -> Result<bool> {
        let parts = &self.shared.parts;
        let now = parts.clock.now();
        let hold = parts.holds.on_run(&self.definition, state, now).await?;
        let Some((step, hold)) = hold else {
            return Ok(false);
        };
        if let Some(key) = state.request.concurrency.clone() {
            let mark = Mark {
                key,
                until: hold.until(),
                changes: *self.holds_changed.borrow(),
            };
            // The one before it goes first: both are of this run.
            self.aside = None;
            self.aside = Some(self.shared.gate.step_aside(self.run, mark));
        }
        self.waits.hold_back(&step, hold);
        Ok(true)
    }

    /// Whether a step is kept from beginning. One that has touched anything goes on; so do what takes
    /// others back, and `on_failure`.
    pub(super) async fn is_held(&mut self, state: &RunState, event: &Event) -> Result<bool> {
        let Event::StepStarted {
            step,
            action,
            system: Some(system),
            input,
            ..
        } = event
        else {
            return Ok(false);
        };
        let has_touched = !state.step(step).effects.is_empty();
        if has_touched || !step.is_forward() {
            return Ok(false);
        }
        let parts = &self.shared.parts;
        let (touched, now) = ((action, system, input), parts.clock.now());
        let Some(hold) = parts.holds.on_step(state, touched, now).await? else {
            return Ok(false);
        };
        self.waits.hold_back(step, hold);
        Ok(true)
    }

    /// Steps have their places until they have come to an end, or pause.
    pub(super) fn leave_systems(&mut self, state: &RunState) {
        self.places.retain(|step, _| is_at_work(&state.step(step)));
    }

    /// Whether a step may begin to act on its system now. What takes others back, and `on_failure`,
    /// wait for nobody.
    pub(super) fn has_place_for(&mut self, event: &Event) -> bool {
        let Event::StepStarted {
            step,
            system: Some(system),
            ..
        } = event
        else {
            return true;
        };
        let rooms = &self.shared.rooms;
        let place = if !step.is_forward() {
            rooms.readmit(system)
        } else if let Some(place) = rooms.enter(system) {
            place
        } else {
            let most = rooms.most();
            self.waits.for_place = true;
            self.waits
                .because(|| format!("`{step}` waits: {most} steps act on `{system}` already"));
            return false;
        };
        self.places.insert(step.clone(), place);
        true
    }
}

impl Waits {
    fn hold_back(&mut self, step: &StepId, hold: Hold) {
        self.because(|| format!("`{step}` waits: {hold}"));
        let ends_first = |known: &Hold| known.until() <= hold.until();
        if !self.hold.as_ref().is_some_and(ends_first) {
            self.hold = Some(hold);
        }
    }
}

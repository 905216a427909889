//! One look: does what is due, and says when to look again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{SchedulerParts, waits_in_line};
use crate::domain::event::{Event, Requested};
use crate::domain::names::RunId;
use crate::domain::person::Actor;
use crate::domain::receipt::{Draft, Subject};
use crate::domain::schedule::{Misfire, Overlap, ScheduleName, Scheduled};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;
use crate::engine::{RunLog, past_undo, run_id};
use crate::store::{NewFire, NewRun, Result, ScheduleRow};

/// A clock that goes back by less is only being kept in step.
const STEP: Duration = Duration::from_secs(1);

/// So many runs of a schedule may be under way or wait, whatever `overlap` says: more than are made up
/// for at once, and not without end behind one that never ends.
const MOST_OPEN: usize = 200;

pub(super) struct Look {
    pub(super) parts: SchedulerParts,
    /// Runs that wait for each other go in the order of their ids.
    pub(super) last_id: u64,
}

impl Look {
    /// Does what is due; returns when to look again.
    pub(super) async fn look(&mut self) -> Result<Option<Timestamp>> {
        let all = self.parts.timetable.scheduled();
        let rows = self.parts.store.schedules().await?;
        let now = self.parts.clock.now();
        let names: BTreeSet<_> = all.iter().map(|scheduled| &scheduled.name).collect();
        for row in rows.iter().filter(|row| !names.contains(&row.name)) {
            if row.gone_at.is_none() {
                tracing::warn!(schedule = %row.name, "no file has this schedule any more");
                self.parts
                    .store
                    .lose_schedule(row.name.clone(), now)
                    .await?;
            }
        }
        let rows: BTreeMap<_, _> = rows.iter().map(|row| (&row.name, row)).collect();
        let mut next: Option<Timestamp> = None;
        for scheduled in &all {
            let look_at = self
                .look_at(scheduled, rows.get(&scheduled.name).copied(), now)
                .await?;
            next = [next, look_at].into_iter().flatten().min();
        }
        Ok(next)
    }

    async fn look_at(
        &mut self,
        scheduled: &Scheduled,
        row: Option<&ScheduleRow>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let name = &scheduled.name;
        let Some(row) = row.filter(|row| row.is_of(scheduled)) else {
            let timing = scheduled.timing.to_string();
            self.parts
                .store
                .meet_schedule(name.clone(), timing, now)
                .await?;
            let paused = row.is_some_and(|row| row.paused.is_some());
            return Ok(scheduled.due(now, now).look_at.filter(|_| !paused));
        };
        if row.paused.is_some() {
            return Ok(None);
        }
        let mut seen = row.seen;
        if seen > now {
            let back = seen.since(now);
            if back > STEP {
                tracing::warn!(schedule = %name, ?back, "the clock has gone back");
            }
            self.parts.store.look_from(name.clone(), now, None).await?;
            seen = now;
        }
        let due = scheduled.due(seen, now);
        if let Some((last, why)) = due.passed_over {
            tracing::warn!(schedule = %name, %why, "passed over");
            let receipt = self.passed_over(name, last, &why);
            self.parts
                .store
                .look_from(name.clone(), last, Some(receipt))
                .await?;
        }
        for at in due.made_up {
            // Each gets its run, as `all` says: they wait for each other.
            let overlap = match scheduled.misfire {
                Misfire::All => Overlap::Queue,
                _ => scheduled.overlap,
            };
            self.fire(name, at, overlap, row).await?;
        }
        for at in due.on_time {
            self.fire(name, at, scheduled.overlap, row).await?;
        }
        Ok(due.look_at)
    }

    async fn fire(
        &mut self,
        name: &ScheduleName,
        at: Timestamp,
        overlap: Overlap,
        row: &ScheduleRow,
    ) -> Result<()> {
        let by = Actor::schedule(name);
        let open = self.parts.store.open_runs(name).await?;
        if let (Overlap::Skip, Some(run)) = (overlap, open.first()) {
            let why = format!("its run {} has not ended (overlap: skip)", run.short());
            return self.pass_over(name, at, why, row).await;
        }
        if open.len() >= MOST_OPEN {
            let why = format!("{} of its runs have not ended", open.len());
            return self.pass_over(name, at, why, row).await;
        }
        let asked = self.parts.timetable.request(name, Some(at), by.clone());
        let (request, definition) = match asked {
            Ok(asked) => asked,
            Err(why) => return self.pass_over(name, at, why, row).await,
        };
        if overlap == Overlap::Replace {
            for run in open {
                self.stop(run, &by).await?;
            }
        }
        let request = waits_in_line(request, name, overlap);
        let run = self.new_run(request, definition);
        let id = run.id;
        let fire = NewFire {
            schedule: name.clone(),
            at,
            moves_on: true,
            run: Some(run),
            note: None,
            receipt: None,
        };
        if self.parts.store.fire(fire).await? {
            tracing::info!(schedule = %name, %at, run = %id, "fired");
        }
        Ok(())
    }

    /// Keeps that a fire gets no run, and why. The first in a row leaves a receipt: a schedule of
    /// each second would else fill the book while one run takes its time.
    async fn pass_over(
        &self,
        name: &ScheduleName,
        at: Timestamp,
        why: String,
        row: &ScheduleRow,
    ) -> Result<()> {
        let in_a_row = row.last.as_ref().is_some_and(|last| last.run.is_none());
        tracing::warn!(schedule = %name, %at, %why, "passed over");
        let sentence = format!("its fire at {at} was passed over: {why}");
        let fire = NewFire {
            schedule: name.clone(),
            at,
            moves_on: true,
            run: None,
            note: Some(why),
            receipt: (!in_a_row).then(|| self.passed_over(name, at, &sentence)),
        };
        self.parts.store.fire(fire).await.map(drop)
    }

    /// Stops a run for the one that takes its place, unless it is past the point of no return: then
    /// it finishes forward, and the other waits for it.
    async fn stop(&self, run: RunId, by: &Actor) -> Result<()> {
        let parts = &self.parts;
        let (store, clock) = (Arc::clone(&parts.store), Arc::clone(&parts.clock));
        let (log, _) = RunLog::open(run, store, clock, Arc::clone(&parts.entropy)).await?;
        loop {
            let state = log.state().await?;
            if state.ended.is_some() || state.stop.is_some() {
                return Ok(());
            }
            if past_undo(&parts.registry, &state).is_some() {
                return Ok(());
            }
            let event = Event::CancelRequested {
                by: by.clone(),
                reason: Some("its next fire takes its place (overlap: replace)".to_owned()),
            };
            if log.append_if_at(state.seq, event).await? {
                return Ok(());
            }
        }
    }

    fn passed_over(&self, name: &ScheduleName, at: Timestamp, sentence: &str) -> Draft {
        let subject = Subject::PassedOver {
            schedule: name.clone(),
            at,
        };
        let now = self.parts.clock.now();
        let seed = self.parts.entropy.bytes();
        Draft::without_run(subject, Actor::schedule(name), now, sentence, seed)
    }

    fn new_run(&mut self, request: Requested, definition: Workflow) -> NewRun {
        let at = self.parts.clock.now();
        let millis = at.micros().unsigned_abs() / 1000;
        self.last_id = millis.max(self.last_id + 1);
        NewRun {
            id: run_id(self.last_id, self.parts.entropy.as_ref()),
            at,
            request,
            definition,
            idempotency_key: None,
            secrets: vec![],
        }
    }
}

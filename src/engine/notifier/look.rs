//! Turns receipts and runs that wait into notices.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::NotifierParts;
use crate::domain::digest::Digest;
use crate::domain::names::{PlaceName, RunId};
use crate::domain::notice::{Daily, Notice, NoticeId, NotifySpec, Tally};
use crate::domain::receipt::Subject;
use crate::domain::run::RunState;
use crate::domain::schedule::Timing;
use crate::domain::time::Timestamp;
use crate::engine::pause;
use crate::store::{Reached, Result, ScheduleRow, Telling};

/// Receipts that are read in one go.
const PAGE: u32 = 100;

/// Fires of a digest that nobody was there for are looked through in so many steps.
const MOST_MISSED: usize = 10_000;

/// What a run asks, and the place that is told.
type Asked = (Option<PlaceName>, Notice);

pub(super) struct Look {
    parts: NotifierParts,
    reached: Reached,
    /// What runs ask for, with the last place of their logs then: no log is read twice for nothing.
    asking: BTreeMap<RunId, (u64, Option<Asked>)>,
    /// The notices of them that the store was last told of.
    kept: Option<BTreeSet<NoticeId>>,
}

impl Look {
    pub(super) fn behind(reached: Reached, parts: NotifierParts) -> Self {
        Self {
            parts,
            reached,
            asking: BTreeMap::new(),
            kept: None,
        }
    }

    pub(super) async fn look_again(mut self, shutdown: CancellationToken) {
        let (store, alarm) = (Arc::clone(&self.parts.store), Arc::clone(&self.parts.alarm));
        let mut commits = store.commits();
        while !shutdown.is_cancelled() {
            commits.borrow_and_update();
            let looked = self.look().await;
            if let Err(error) = &looked {
                tracing::error!(%error, "what is to be told cannot be read; trying again");
            }
            let next = looked.as_ref().ok().copied().flatten();
            let due = pause::instant(alarm.as_ref(), next);
            pause::until_next_look(&looked, pause::commit(&mut commits), due, &shutdown).await;
        }
    }

    /// Puts what is to be told into the outbox; returns when the next digest is due.
    async fn look(&mut self) -> Result<Option<Timestamp>> {
        while self.tell_receipts().await? {}
        self.tell_waiting().await?;
        self.tell_digest().await
    }

    /// A page of receipts; `true` when there may be more.
    async fn tell_receipts(&mut self) -> Result<bool> {
        let store = Arc::clone(&self.parts.store);
        let receipts = store.receipts_after(self.reached.receipt, PAGE).await?;
        let Some(last) = receipts.last() else {
            return Ok(false);
        };
        let mut notices = vec![];
        let mut definitions = HashMap::new();
        for receipt in &receipts {
            let notify = match &receipt.content.subject {
                Subject::Run(facts) => self.notify_of(&facts.definition, &mut definitions).await?,
                _ => None,
            };
            notices.extend(self.parts.rules.of_receipt(receipt, notify.as_ref()));
        }
        let reached = Reached {
            receipt: last.seq,
            ..self.reached
        };
        self.tell(notices, reached).await?;
        Ok(receipts.len() == PAGE as usize)
    }

    async fn notify_of(
        &self,
        definition: &Digest,
        known: &mut HashMap<Digest, Option<NotifySpec>>,
    ) -> Result<Option<NotifySpec>> {
        if let Some(notify) = known.get(definition) {
            return Ok(notify.clone());
        }
        let workflow = self.parts.store.definition(definition).await?;
        let notify = workflow.and_then(|workflow| workflow.notify);
        known.insert(definition.clone(), notify.clone());
        Ok(notify)
    }

    async fn tell(&mut self, notices: Vec<(PlaceName, Notice)>, reached: Reached) -> Result<()> {
        let masked = notices
            .into_iter()
            .map(|(place, notice)| (place, notice.masked(&self.parts.redactor)));
        let telling = Telling {
            notices: masked.collect(),
            reached,
            at: self.parts.clock.now(),
        };
        self.parts.store.tell(telling).await?;
        self.reached = reached;
        Ok(())
    }

    /// Tells of runs that ask for something, and forgets those that do no more.
    async fn tell_waiting(&mut self) -> Result<()> {
        let before = std::mem::take(&mut self.asking);
        for (run, seq) in self.parts.store.asking_runs().await? {
            let asked = match before.get(&run) {
                Some((read, asked)) if *read == seq => asked.clone(),
                _ => self.asked_by(run).await?,
            };
            self.asking.insert(run, (seq, asked));
        }
        let told = |(_, asked): &(u64, Option<Asked>)| {
            let (place, notice) = asked.clone()?;
            Some((place?, notice))
        };
        let notices: Vec<_> = self.asking.values().filter_map(told).collect();
        let ids = notices.iter().map(|(_, notice)| notice.id.clone());
        let ids: BTreeSet<_> = ids.collect();
        if self.kept.as_ref() == Some(&ids) {
            return Ok(());
        }
        let store = Arc::clone(&self.parts.store);
        store.forget_answered(ids.iter().cloned().collect()).await?;
        if !notices.is_empty() {
            self.tell(notices, self.reached).await?;
        }
        self.kept = Some(ids);
        Ok(())
    }

    async fn asked_by(&self, run: RunId) -> Result<Option<Asked>> {
        let log = self.parts.store.log(run, 0).await?;
        let Some(state) = RunState::replay(&log) else {
            return Ok(None);
        };
        let definition = &state.request.definition;
        let notify = self.notify_of(definition, &mut HashMap::new()).await?;
        let now = self.parts.clock.now();
        Ok(self.parts.rules.of_waiting(&state, notify.as_ref(), now))
    }

    async fn tell_digest(&mut self) -> Result<Option<Timestamp>> {
        let now = self.parts.clock.now();
        let Some((place, timing)) = self.parts.digest.clone() else {
            // Whoever wants one later is told what is from then on.
            return self.begin_digests(None).await.map(|()| None);
        };
        let Some(since) = self.reached.digest_at else {
            self.begin_digests(Some(now)).await?;
            return Ok(timing.next(now).map(|fire| fire.at));
        };
        // The clock was once far ahead. One that was set back by a moment does not have a digest
        // told again: the next one is then the one that was told.
        if let Some(next) = timing.next(now).filter(|next| next.at < since) {
            let reached = Reached {
                digest_at: Some(now),
                ..self.reached
            };
            self.tell(vec![], reached).await?;
            return Ok(Some(next.at));
        }
        let missed = timing.after(since).take_while(|fire| fire.at <= now);
        if let Some(due) = missed.take(MOST_MISSED).last() {
            let notice = self.digest(&timing, since, due.at).await?;
            let reached = Reached {
                digest_at: Some(due.at),
                digest_receipt: self.reached.receipt,
                ..self.reached
            };
            self.tell(vec![(place, notice)], reached).await?;
        }
        let seen = self.reached.digest_at.unwrap_or(now).max(now);
        Ok(timing.next(seen).map(|fire| fire.at))
    }

    async fn begin_digests(&mut self, at: Option<Timestamp>) -> Result<()> {
        let reached = Reached {
            digest_at: at,
            digest_receipt: self.reached.receipt,
            ..self.reached
        };
        if reached == self.reached {
            return Ok(());
        }
        self.tell(vec![], reached).await
    }

    async fn digest(&self, timing: &Timing, since: Timestamp, due: Timestamp) -> Result<Notice> {
        let store = &self.parts.store;
        let mut tally = Tally::default();
        let mut seen = self.reached.digest_receipt;
        while seen < self.reached.receipt {
            let page = store.receipts_after(seen, PAGE).await?;
            let Some(last) = page.last() else { break };
            seen = last.seq;
            let old = page
                .iter()
                .take_while(|one| one.seq <= self.reached.receipt);
            old.for_each(|receipt| tally.add(receipt));
        }
        let asked = self.asking.values().filter_map(|(_, asked)| asked.as_ref());
        let waiting = asked.map(|(_, notice)| notice.headline.clone());
        let schedules = store.schedules().await?;
        let idle = schedules.iter().filter_map(|row| idle(row, since));
        let daily = Daily {
            sender: self.parts.sender.clone(),
            since: timing.local(since),
            due,
            tally,
            waiting: waiting.collect(),
            idle: idle.collect(),
        };
        Ok(daily.notice())
    }
}

/// Why a schedule has not run, if that is to be told.
fn idle(row: &ScheduleRow, since: Timestamp) -> Option<String> {
    let name = &row.name;
    if let Some(gone) = row.gone_at {
        // Once: it is not there to be mended.
        return (gone > since).then(|| format!("`{name}`: in no file since {gone}"));
    }
    if let Some((by, at)) = &row.paused {
        return Some(format!("`{name}`: paused by {by} since {at}"));
    }
    let last = row.last.as_ref().filter(|last| last.run.is_none())?;
    let why = last.note.as_deref().unwrap_or("passed over");
    Some(format!("`{name}`: not at {}: {why}", last.at))
}

//! Holds as they are now: the freezes of the configuration, and the locks of the store.
//!
//! The store has the locks, and only this process writes there, through here: so they are read once
//! and again after each change. Whoever waits for the end of a hold is told when locks change, and
//! is woken by the clock when the hold ends.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Mutex, watch};

use super::{Entropy, Shared, pause};
use crate::action::{Registry, Risk, Systems};
use crate::domain::hold::{
    Freeze, Hold, Lock, LockedBefore, NoLock, Target, Touch, Within, held, may_take,
};
use crate::domain::interpreter::{Foretold, Given, prospects};
use crate::domain::names::{ActionName, Environment, StepId, SystemName};
use crate::domain::person::Actor;
use crate::domain::receipt::{Draft, Subject};
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;
use crate::store::{Result, Store};

/// What holds are built from.
pub struct HoldsParts {
    /// `[freezes]`.
    pub freezes: Vec<Freeze>,
    /// Where locks are.
    pub store: Arc<dyn Store>,
    /// Tells what only reads, and what within its system an action acts on.
    pub registry: Arc<Registry>,
    /// Tells where systems stand.
    pub systems: Arc<Systems>,
    /// Salts of receipts.
    pub entropy: Arc<dyn Entropy>,
}

/// Everything that may keep steps from beginning.
pub struct Holds {
    parts: HoldsParts,
    /// The locks as the store has them; `None`: they have to be read.
    locks: Mutex<Option<Arc<[Lock]>>>,
    /// Counts how often they have changed.
    changed: watch::Sender<u64>,
}

impl Holds {
    /// Those of the configuration and of the store.
    pub fn new(parts: HoldsParts) -> Self {
        Self {
            parts,
            locks: Mutex::default(),
            changed: watch::channel(0).0,
        }
    }

    /// The freezes of the configuration, those too that are not in force.
    pub fn freezes(&self) -> &[Freeze] {
        &self.parts.freezes
    }

    /// All locks, those too that have expired.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn locks(&self) -> Result<Arc<[Lock]>> {
        let mut known = self.locks.lock().await;
        self.read(&mut known).await
    }

    /// Tells that locks were taken or released, and how often they were.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes a lock, or renews one; `receipt` says so. `Ok(Err(_))`: somebody else's is in the way.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn take(
        &self,
        lock: Lock,
        receipt: impl FnOnce(&LockedBefore) -> Draft + Send,
    ) -> Result<Result<LockedBefore, NoLock>> {
        let mut known = self.locks.lock().await;
        self.remove_expired(&mut known, lock.since).await?;
        let before = match may_take(&self.read(&mut known).await?, &lock) {
            Ok(before) => before,
            Err(why) => return Ok(Err(why)),
        };
        let draft = receipt(&before);
        *known = None;
        self.parts.store.set_lock(lock, draft).await?;
        self.changed.send_modify(|changes| *changes += 1);
        Ok(Ok(before))
    }

    /// Releases a lock; `false`: it is not there any more as it was seen.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn release(&self, lock: &Lock, receipt: Draft) -> Result<bool> {
        let mut known = self.locks.lock().await;
        if !self.read(&mut known).await?.contains(lock) {
            return Ok(false);
        }
        self.remove(&mut known, lock.target.clone(), receipt)
            .await?;
        Ok(true)
    }

    /// What holds the next action of a run's step, if anything does.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn on_step(
        &self,
        run: &RunState,
        (action, system, input): (&ActionName, &SystemName, &Value),
        now: Timestamp,
    ) -> Result<Option<Hold>> {
        if self.nothing_holds(run).await? {
            return Ok(None);
        }
        let Some(touch) = self.touch(run, action, system, input) else {
            return Ok(None);
        };
        Ok(held(&self.parts.freezes, &self.locks().await?, &touch, now))
    }

    /// What holds a run that has not begun, as far as it can be told what it would act on: the first
    /// of its steps that is held.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn on_run(
        &self,
        definition: &Workflow,
        run: &RunState,
        now: Timestamp,
    ) -> Result<Option<(StepId, Hold)>> {
        if self.nothing_holds(run).await? {
            return Ok(None);
        }
        let locks = self.locks().await?;
        // A step that could not begin is no reason to wait: the run says why when it comes to it.
        let ahead = prospects(definition, run).unwrap_or_default();
        Ok(ahead.into_iter().find_map(|prospect| {
            let known = match prospect.given {
                Given::Known { system, input } | Given::TakenBack { system, input, .. } => {
                    vec![Foretold { system, input }]
                }
                Given::Later { known, .. } => known,
            };
            let hold = known.into_iter().find_map(|one| {
                let touch = self.touch(run, &prospect.action, &one.system?, &one.input)?;
                held(&self.parts.freezes, &locks, &touch, now)
            });
            Some((prospect.step, hold?))
        }))
    }

    async fn nothing_holds(&self, run: &RunState) -> Result<bool> {
        let is_let_through = run.request.break_glass.is_some();
        Ok(is_let_through || (self.parts.freezes.is_empty() && self.locks().await?.is_empty()))
    }

    /// What a step is about to touch, by what is known of its input; `None` when it only reads.
    fn touch(
        &self,
        run: &RunState,
        action: &ActionName,
        system: &SystemName,
        input: &Value,
    ) -> Option<Touch> {
        let action = self.parts.registry.action(action.as_str()).ok()?.spec();
        if action.risk == Risk::Read {
            return None;
        }
        let entry = self.parts.systems.get(system.as_str());
        let within = match action.service.map(|name| input.get(name)) {
            Some(Some(Value::String(service))) => Within::Service(service.clone()),
            Some(_) => Within::Any,
            None => Within::Nothing,
        };
        Some(Touch {
            system: system.clone(),
            environment: entry.map_or_else(Environment::production, |one| one.environment.clone()),
            within,
            workflow: run.request.workflow.clone(),
            by: run.request.by.person.clone(),
        })
    }

    /// Removes what has expired; returns when the next lock does.
    async fn sweep(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let mut known = self.locks.lock().await;
        self.remove_expired(&mut known, now).await?;
        let locks = self.read(&mut known).await?;
        Ok(locks.iter().map(|lock| lock.until).min())
    }

    async fn remove_expired(&self, known: &mut Option<Arc<[Lock]>>, now: Timestamp) -> Result<()> {
        let locks = self.read(known).await?;
        for lock in locks.iter().filter(|lock| lock.is_over(now)) {
            tracing::info!(%lock, "the lock has expired");
            let receipt = self.expired(lock, now);
            self.remove(known, lock.target.clone(), receipt).await?;
        }
        Ok(())
    }

    async fn remove(
        &self,
        known: &mut Option<Arc<[Lock]>>,
        target: Target,
        receipt: Draft,
    ) -> Result<()> {
        *known = None;
        self.parts.store.remove_lock(target, receipt).await?;
        self.changed.send_modify(|changes| *changes += 1);
        Ok(())
    }

    async fn read(&self, known: &mut Option<Arc<[Lock]>>) -> Result<Arc<[Lock]>> {
        if let Some(locks) = known {
            return Ok(Arc::clone(locks));
        }
        let locks: Arc<[Lock]> = self.parts.store.locks().await?.into();
        *known = Some(Arc::clone(&locks));
        Ok(locks)
    }

    fn expired(&self, lock: &Lock, now: Timestamp) -> Draft {
        let subject = Subject::Changed {
            what: format!("lock {}", lock.target),
        };
        let by = Actor {
            person: lock.owner.clone(),
            roles: vec![],
            through: "its time".to_owned(),
        };
        let summary = format!(
            "the lock of {} on {} has expired: {}",
            lock.owner, lock.target, lock.reason
        );
        Draft::without_run(subject, by, now, &summary, self.parts.entropy.bytes())
    }
}

/// Removes locks as they expire, until the engine stops.
pub(super) async fn remove_expired(shared: Arc<Shared>) {
    let holds = &shared.parts.holds;
    let mut changed = holds.changed();
    while !shared.shutdown.is_cancelled() {
        changed.borrow_and_update();
        let swept = holds.sweep(shared.parts.clock.now()).await;
        if let Err(error) = &swept {
            tracing::error!(%error, "expired locks cannot be removed; trying again");
        }
        let next = swept.as_ref().ok().copied().flatten();
        let due = pause::instant(shared.parts.alarm.as_ref(), next);
        let news = async { changed.changed().await.unwrap_or_default() };
        pause::until_next_look(&swept, news, due, &shared.shutdown).await;
    }
}

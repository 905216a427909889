//! Locks, freezes, and what they keep people from.

use serde::{Deserialize, Serialize};

use super::{OPERATOR, Result, Service, ServiceError};
use crate::catalog::Loaded;
use crate::domain::event::Requested;
use crate::domain::hold::{Freeze, Hold, LOCKED_FOR, Lock, LockedBefore, NoLock, Target};
use crate::domain::names::{FreezeName, RunId, SystemName};
use crate::domain::nearest;
use crate::domain::person::{Actor, one_of};
use crate::domain::receipt::{Draft, Subject};
use crate::domain::run::RunState;
use crate::domain::time::{Span, Timestamp, rfc3339_or_none};
use crate::domain::workflow::Workflow;

/// What holds, or may hold, steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldsView {
    /// Locks that have not expired, by target.
    pub locks: Vec<Lock>,
    /// The freezes of the configuration.
    pub freezes: Vec<FreezeView>,
}

/// A freeze as people see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FreezeView {
    /// Its name.
    pub name: FreezeName,
    /// Why.
    pub reason: String,
    /// The environments and systems that it freezes.
    pub of: Vec<String>,
    /// When it ends, while it is in force.
    #[serde(with = "rfc3339_or_none")]
    pub in_force_until: Option<Timestamp>,
    /// When it begins next; `None`: never again.
    #[serde(with = "rfc3339_or_none")]
    pub begins: Option<Timestamp>,
}

impl FreezeView {
    fn of(freeze: &Freeze, now: Timestamp) -> Self {
        let environments = freeze.environments.iter().map(ToString::to_string);
        let systems = freeze.systems.iter().map(ToString::to_string);
        Self {
            name: freeze.name.clone(),
            reason: freeze.reason.clone(),
            of: environments.chain(systems).collect(),
            in_force_until: freeze.window.open_until(now),
            begins: freeze.window.opens(now),
        }
    }
}

impl Service {
    /// What is locked, and what is frozen or will be.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn holds(&self, by: &Actor) -> Result<HoldsView> {
        self.known(by, "look at locks").await?;
        let now = self.parts.clock.now();
        let locks = self.parts.holds.locks().await?;
        let in_force = locks.iter().filter(|lock| !lock.is_over(now));
        let freezes = self.parts.holds.freezes().iter();
        Ok(HoldsView {
            locks: in_force.cloned().collect(),
            freezes: freezes.map(|freeze| FreezeView::of(freeze, now)).collect(),
        })
    }

    /// Locks a system, or a service on it, for the person; their own lock is renewed.
    ///
    /// # Errors
    /// There is no such system, somebody else has it or a part of it, or the person may start nothing
    /// that acts on it.
    pub async fn lock(
        &self,
        by: &Actor,
        target: &str,
        reason: &str,
        lasts: Option<Span>,
    ) -> Result<Lock> {
        let asked = format!("lock {target}");
        self.known(by, &asked).await?;
        let target = self.target(target)?;
        if !self.may_act_on(by, target.system()) {
            let why = format!(
                "{by} may not lock {target}: that takes the role {OPERATOR}, or one that may start a \
                 workflow that acts on {}",
                target.system()
            );
            return Err(self.refuse(by, &asked, why).await);
        }
        let reason = self.parts.redactor.text(reason);
        let (now, lasts) = (self.parts.clock.now(), lasts.unwrap_or(LOCKED_FOR));
        let lock = Lock::new(target, by.person.clone(), &reason, now, lasts)
            .map_err(|why| ServiceError::Invalid(why.to_string()))?;
        let receipt = |before: &LockedBefore| {
            let Lock {
                target,
                until,
                reason,
                ..
            } = &lock;
            let done = match before {
                LockedBefore::Free => "locked",
                LockedBefore::Renewed(_) => "locked again",
            };
            let summary = format!("{target} was {done} by {by} until {until}: {reason}");
            self.about_lock(target, by, now, &summary)
        };
        match self.parts.holds.take(lock.clone(), receipt).await? {
            Ok(_) => Ok(lock),
            Err(why @ NoLock::Held(_)) => Err(self.refuse(by, &asked, why.to_string()).await),
            Err(why) => Err(ServiceError::Invalid(why.to_string())),
        }
    }

    /// Releases a lock: the person's own, or whosever where the person may break the glass.
    ///
    /// # Errors
    /// There is no such lock, or the person may not release it.
    pub async fn unlock(&self, by: &Actor, target: &str) -> Result<Lock> {
        let asked = format!("unlock {target}");
        self.known(by, &asked).await?;
        let target = self.target(target)?;
        let now = self.parts.clock.now();
        let locks = self.parts.holds.locks().await?;
        let found = locks
            .iter()
            .find(|lock| lock.target == target && !lock.is_over(now));
        let Some(lock) = found else {
            return Err(ServiceError::Missing(format!(
                "{target} is not locked: see `purser locks`"
            )));
        };
        let is_own = lock.owner == by.person;
        if !is_own && !by.has_one_of(&self.parts.break_glass) {
            let others = match self.parts.break_glass.as_slice() {
                [] => String::new(),
                roles => format!(", or somebody with the role {}", one_of(roles)),
            };
            let why = format!("{lock}. Only {} may release it{others}", lock.owner);
            return Err(self.refuse(by, &asked, why).await);
        }
        let Lock { owner, reason, .. } = lock;
        let how = if is_own {
            String::new()
        } else {
            ", who may break the glass".to_owned()
        };
        let summary =
            format!("the lock of {owner} on {target} was released by {by}{how}: {reason}");
        let receipt = self.about_lock(&target, by, now, &summary);
        if self.parts.holds.release(lock, receipt).await? {
            return Ok(lock.clone());
        }
        let message = format!("the lock on {target} was changed at this very moment: try again");
        Err(ServiceError::Conflict(message))
    }

    /// What holds this run now; the plan of one says so.
    pub(super) async fn hold_on(
        &self,
        definition: &Workflow,
        request: &Requested,
    ) -> Result<Option<Hold>> {
        let now = self.parts.clock.now();
        let nobody = RunId::new(uuid::Uuid::nil());
        let run = RunState::asked_for(nobody, request.clone(), now);
        let hold = self.parts.holds.on_run(definition, &run, now).await?;
        Ok(hold.map(|(_, hold)| hold))
    }

    /// Refuses a person what is held: they can wait, or come back. What nobody watches is not refused
    /// but waits.
    pub(super) async fn not_held(
        &self,
        asked: &str,
        definition: &Workflow,
        request: &Requested,
    ) -> Result<()> {
        let Some(hold) = self.hold_on(definition, request).await? else {
            return Ok(());
        };
        let command = match (&request.rerun, &request.undo) {
            (Some(rerun), _) => format!("purser rerun {}", rerun.of.short()),
            (None, Some(undo)) => format!("purser undo {}", undo.of.short()),
            (None, None) => format!("purser run {}", request.workflow),
        };
        let may_break_glass = request.by.has_one_of(&self.parts.break_glass);
        let way_out = hold.way_out(may_break_glass.then_some(command.as_str()));
        let why = format!("{hold}. Nothing was started: {way_out}");
        Err(self.refuse(&request.by, asked, why).await)
    }

    /// The reason for which the glass is broken, where that is asked for and the person may.
    pub(super) async fn glass(
        &self,
        by: &Actor,
        asked: &str,
        reason: Option<&str>,
    ) -> Result<Option<String>> {
        let Some(reason) = reason.map(str::trim) else {
            return Ok(None);
        };
        if !by.has_one_of(&self.parts.break_glass) {
            let who = match self.parts.break_glass.as_slice() {
                [] => "nobody may, since `[break_glass]` names no roles".to_owned(),
                roles => format!("that takes the role {}", one_of(roles)),
            };
            let why = format!("{by} may not break the glass: {who}");
            return Err(self.refuse(by, asked, why).await);
        }
        if reason.is_empty() {
            let message = "breaking the glass needs a reason: it goes into the books";
            return Err(ServiceError::Invalid(message.to_owned()));
        }
        self.reason(reason).map(Some)
    }

    /// What this text means; its system must be there.
    fn target(&self, text: &str) -> Result<Target> {
        let target: Target = text
            .parse()
            .map_err(|error: crate::domain::hold::NoTarget| {
                ServiceError::Invalid(error.to_string())
            })?;
        let system = target.system().as_str();
        if self.parts.systems.get(system).is_some() {
            return Ok(target);
        }
        let known = self.parts.systems.iter().map(|(name, _)| name.as_str());
        let unknown = nearest::unknown("system", system, known.collect::<Vec<_>>());
        Err(ServiceError::Invalid(unknown))
    }

    /// Whoever may have something done to a system may keep others from it for a while.
    fn may_act_on(&self, by: &Actor, system: &SystemName) -> bool {
        let catalog = self.catalog();
        let may = |loaded: &Loaded| {
            loaded.systems.contains(system) && catalog.may_start(by, loaded).is_ok()
        };
        by.has_one_of(&[OPERATOR.into()]) || catalog.workflows().any(may)
    }

    fn about_lock(&self, target: &Target, by: &Actor, now: Timestamp, summary: &str) -> Draft {
        let subject = Subject::Changed {
            what: format!("lock {target}"),
        };
        let seed = self.parts.entropy.bytes();
        Draft::without_run(subject, by.clone(), now, summary, seed)
    }
}

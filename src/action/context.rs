//! What an action is handed: the journal, the clock, cancellation, progress, logs and ports.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::error::{ActionError, ErrorKind, Result};
use super::journal::{Begun, Journal, JournalError};
use super::objects::{ObjectUrl, Objects};
use super::secrets::{Held, OpenSecrets};
use super::spec::ActionSpec;
use super::system::Systems;
use crate::domain::effect::{
    EffectKey, EffectName, EffectRecord, EffectSort, EffectSpec, EffectStatus, Question,
};
use crate::domain::names::{RunId, StepId, SystemName};
use crate::domain::secret::{SecretRef, SecretText};
use crate::domain::time::Timestamp;

/// The only source of time; tests hand in one that they move themselves.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// How long this process has been the active one, at least, by a clock that nobody can set. One
    /// whose `now` nobody can set either need not say.
    fn active_for(&self) -> Duration {
        Duration::MAX
    }
}

/// The lines that a step says: its container's output, the tool's messages.
pub trait StepLog: Send + Sync {
    /// Adds one line, without its line end.
    fn line(&self, text: &str);
}

/// What an action may look at: enough for a plan, and nothing that changes the world.
#[derive(Clone)]
pub struct ReadContext {
    /// The system that the step names.
    pub system: Option<SystemName>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// All systems, for their ports.
    pub systems: Arc<Systems>,
}

impl ReadContext {
    /// The name of the system that the step acts on, for messages.
    pub fn system_name(&self) -> &str {
        self.system
            .as_ref()
            .map_or("(no system)", SystemName::as_str)
    }

    /// Opens a folder of objects: `s3://SYSTEM/BUCKET/PREFIX` or `file:///PATH`.
    pub fn objects(&self, url: &ObjectUrl) -> Result<Arc<dyn Objects>> {
        self.systems.objects(url)
    }
}

/// What an answer to "did it happen?" may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It happened, and this is its result.
    Done(T),
    /// It did not; whatever was half there has been, or will be, cleared by doing it again.
    NotDone,
    /// Nobody can tell; this is what is known. The run parks and asks a person.
    Unclear(String),
}

/// What a running action is handed. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The run that this is part of.
    pub run: RunId,
    /// The step of that run.
    pub step: StepId,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// The number of the last question that the step has asked, of its run's; 0: none yet.
    pub asked: u32,
    /// What may be looked at.
    pub read: ReadContext,
    /// The action's own description.
    pub spec: ActionSpec,
    /// Where effects are recorded.
    pub journal: Arc<dyn Journal>,
    /// Where the step's output goes.
    pub log: Arc<dyn StepLog>,
    /// Opens the secrets that the step names.
    pub secrets: Arc<dyn OpenSecrets>,
    /// Set when the run is cancelled or out of time.
    pub cancel: CancellationToken,
}

impl Context {
    /// Changes the world, once: commits the start, calls `act`, commits the end.
    ///
    /// When the journal already holds the effect as done, its recorded result is returned and
    /// nothing is called. When it was begun and its end is unknown, `find` is asked: it may
    /// answer with the result, with "not done" (then `act` runs; it must clear its own remnants
    /// first), or with "unclear", which parks the run.
    pub async fn effect<T, A, F>(
        &self,
        name: impl Into<EffectName> + Send,
        act: impl FnOnce(EffectKey) -> A + Send,
        find: impl FnOnce(EffectKey) -> F + Send,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send,
        A: Future<Output = Result<T>> + Send,
        F: Future<Output = Result<Found<T>>> + Send,
    {
        let name = name.into();
        let spec = self.declared(&name)?;
        self.stop_if_cancelled()?;
        match self
            .journal
            .begin(name.clone())
            .await
            .map_err(not_journalled)?
        {
            Begun::Done(result) => read_back(&name, result),
            Begun::Fresh(key) => self.carry_out(spec, key, act).await,
            Begun::Open(key, started_at) => {
                self.wait_until_settled(spec, started_at).await?;
                match find(key.clone()).await? {
                    Found::Done(result) => self.commit_done(spec, key, result).await,
                    Found::NotDone => self.carry_out(spec, key, act).await,
                    Found::Unclear(known) => Err(unclear(&name, known)),
                }
            }
        }
    }

    /// An effect that may be done any number of times: after a lost answer it is done again.
    pub async fn repeatable<T, A>(
        &self,
        name: impl Into<EffectName> + Send,
        act: impl FnOnce(EffectKey) -> A + Send,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send,
        A: Future<Output = Result<T>> + Send,
    {
        self.effect(name, act, |_| async { Ok(Found::NotDone) })
            .await
    }

    /// Takes an effect back, if it is in the world or may be. `act` gets its recorded result, or
    /// `None` when its end was never recorded; it must be repeatable and succeed when there is
    /// nothing (any more) to take back.
    pub async fn undo<T, A>(
        &self,
        name: impl Into<EffectName> + Send,
        act: impl FnOnce(EffectKey, Option<T>) -> A + Send,
    ) -> Result<()>
    where
        T: DeserializeOwned + Send,
        A: Future<Output = Result<()>> + Send,
    {
        let name = name.into();
        let Some(record) = self.effects().await.into_iter().find(|e| e.effect == name) else {
            return Ok(());
        };
        let result = match record.status {
            EffectStatus::Started => None,
            EffectStatus::Done(result) => Some(read_back(&name, result)?),
            EffectStatus::Failed | EffectStatus::Undone => return Ok(()),
        };
        let key = EffectKey {
            run: self.run,
            step: self.step.clone(),
            generation: record.generation,
            effect: name.clone(),
        };
        failpoint(&self.spec, &name.name, Moment::Undoing);
        self.journal.may_act().map_err(not_journalled)?;
        act(key, result).await?;
        failpoint(&self.spec, &name.name, Moment::Undone);
        self.journal.undone(name).await.map_err(not_journalled)
    }

    /// Takes a read that decides an effect: the first answer is committed, and a resumed run is
    /// told the same again.
    pub async fn record<T, R>(
        &self,
        name: impl Into<String> + Send,
        read: impl FnOnce() -> R + Send,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send,
        R: Future<Output = Result<T>> + Send,
    {
        let name = name.into();
        if let Some(value) = self.journal.recorded(name.clone()).await {
            return read_back(&EffectName::from(name.as_str()), value);
        }
        let value = read().await?;
        self.journal
            .record(name.clone(), as_json(&name, &value)?)
            .await
            .map_err(not_journalled)?;
        Ok(value)
    }

    /// The step's journal, the latest entry of each effect.
    pub async fn effects(&self) -> Vec<EffectRecord> {
        self.journal.effects().await
    }

    /// The key that an effect of this name has in the present generation.
    pub async fn key(&self, name: impl Into<EffectName>) -> EffectKey {
        self.journal.key(name.into()).await
    }

    /// Opens a secret that the step's file names, at the moment of its use. It is not to be kept in
    /// any result or record.
    pub async fn secret(&self, secret: &SecretRef) -> Result<SecretString> {
        match secret {
            SecretRef::Stored(name) => self.secrets.open(name).await,
            SecretRef::Given(input) => self.secrets.open_given(self.run, input).await,
        }
    }

    /// The text, opened if it is a secret.
    pub async fn secret_text(&self, text: &SecretText) -> Result<SecretString> {
        match text {
            SecretText::Literal(text) => Ok(text.clone()),
            SecretText::Stored(secret) => self.secret(secret).await,
        }
    }

    /// Keeps a secret, sealed, until [`Self::let_go`]: what a step must not lose, and no result may hold.
    /// One that is kept under this name already stays.
    pub async fn hold(&self, name: &str, value: &SecretString) -> Result<()> {
        self.secrets.hold(self.as_held(name), value).await
    }

    /// A secret that this step has kept.
    pub async fn held(&self, name: &str) -> Result<Option<SecretString>> {
        self.secrets.held(self.as_held(name)).await
    }

    /// Forgets a secret that this step has kept.
    pub async fn let_go(&self, name: &str) -> Result<()> {
        self.secrets.let_go(self.as_held(name)).await
    }

    fn as_held<'a>(&'a self, name: &'a str) -> Held<'a> {
        Held {
            run: self.run,
            step: &self.step,
            name,
        }
    }

    /// Says how far the step has come. Not kept.
    pub fn progress(&self, text: impl Into<String>) {
        self.journal.progress(text.into());
    }

    /// Waits, or returns [`ErrorKind::Cancelled`] as soon as the run is cancelled.
    pub async fn sleep(&self, span: Duration) -> Result<()> {
        if self.journal.sleep(span).await {
            Ok(())
        } else {
            self.stop_if_cancelled()
        }
    }

    /// [`ErrorKind::Cancelled`] if the run is cancelled or out of time.
    pub fn stop_if_cancelled(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(ActionError::cancelled("stopped before its next effect"));
        }
        Ok(())
    }

    fn declared(&self, name: &EffectName) -> Result<&'static EffectSpec> {
        self.spec.effect(&name.name).ok_or_else(|| {
            ActionError::fatal(format!(
                "{} has an effect `{}` that its description does not declare: this is a defect \
                 of Purser; nothing was done",
                self.spec.name, name.name
            ))
        })
    }

    async fn carry_out<T, A>(
        &self,
        spec: &EffectSpec,
        key: EffectKey,
        act: impl FnOnce(EffectKey) -> A + Send,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send,
        A: Future<Output = Result<T>> + Send,
    {
        failpoint(&self.spec, spec.name, Moment::Started);
        self.journal.may_act().map_err(not_journalled)?;
        let done = tokio::time::timeout(spec.limit, act(key.clone()))
            .await
            .unwrap_or_else(|_| {
                Err(ActionError::retryable(format!(
                    "`{}` gave no answer within {}",
                    key.effect,
                    humantime::format_duration(spec.limit)
                ))
                .may_have_landed())
            });
        match done {
            Ok(result) => self.commit_done(spec, key, result).await,
            Err(error) if error.may_have_landed => Err(error),
            Err(error) => {
                self.journal
                    .failed(key, error.message.clone())
                    .await
                    .map_err(not_journalled)?;
                Err(error)
            }
        }
    }

    async fn commit_done<T: Serialize>(
        &self,
        spec: &EffectSpec,
        key: EffectKey,
        result: T,
    ) -> Result<T> {
        failpoint(&self.spec, spec.name, Moment::Acted);
        let value = as_json(spec.name, &result)?;
        self.journal
            .done(key, value)
            .await
            .map_err(not_journalled)?;
        failpoint(&self.spec, spec.name, Moment::Done);
        Ok(result)
    }

    /// A request of a process that died may still land: an askable system is asked only after
    /// the effect's limit. A keyed one refuses the second request by itself.
    async fn wait_until_settled(&self, spec: &EffectSpec, started_at: Timestamp) -> Result<()> {
        if !matches!(spec.sort, EffectSort::Askable | EffectSort::Neither) {
            return Ok(());
        }
        self.until_landed(spec, started_at).await
    }

    /// Waits until nothing of an effect that was begun at this time can still land.
    ///
    /// The clock may have been set since then. What another process has begun, it has begun before
    /// this one was active: so no more time has surely passed than since then.
    pub async fn until_landed(&self, spec: &EffectSpec, started_at: Timestamp) -> Result<()> {
        let clock = &self.read.clock;
        let passed = clock.now().since(started_at).min(clock.active_for());
        match spec.limit.checked_sub(passed) {
            Some(rest) if !rest.is_zero() => self.sleep(rest).await,
            _ => Ok(()),
        }
    }
}

fn unclear(name: &EffectName, known: String) -> ActionError {
    let message = format!("nobody can tell whether `{name}` happened: {known}");
    ActionError::new(
        ErrorKind::Waiting(Question {
            effect: name.to_string(),
            known,
        }),
        message,
    )
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn not_journalled(error: JournalError) -> ActionError {
    ActionError::retryable(error.to_string()).may_have_landed()
}

fn as_json<T: Serialize>(name: &str, value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| {
        ActionError::fatal(format!("the result of `{name}` cannot be kept: {error}"))
    })
}

fn read_back<T: DeserializeOwned>(name: &EffectName, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        ActionError::fatal(format!(
            "what the journal holds of `{name}` is not what this version of Purser expects \
             ({error}); go on with the version that began the run, or cancel it"
        ))
    })
}

/// Where a kill test may end the process (decision 27).
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// After the start was committed.
    Started,
    /// After the effect, before its end was committed.
    Acted,
    /// After its end was committed.
    Done,
    /// Before it is taken back.
    Undoing,
    /// After it was taken back, before that was committed.
    Undone,
}

/// A failpoint by the name `ACTION/EFFECT/started|acted|done|undoing|undone`.
fn failpoint(action: &ActionSpec, effect: &str, moment: Moment) {
    let here = format!("{}/{effect}/{moment:?}", action.name).to_lowercase();
    super::failpoint(&here);
}

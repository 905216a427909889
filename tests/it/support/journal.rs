//! A journal in memory that can die at any moment of an effect, to call actions without an engine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::{
    ActionError, ActionSpec, Begun, Clock, Context, EffectRecord, EffectStatus, Held, Journal,
    JournalError, OpenSecrets, ReadContext, StepLog, Systems,
};
use purser::domain::artifact::Artifact;
use purser::domain::digest::Digest;
use purser::domain::effect::{EffectKey, EffectName};
use purser::domain::names::{RunId, SecretName, StepId, SystemName};
use purser::domain::secret::not_set;
use purser::domain::time::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// When the process "dies", seen from one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Its start is committed, nothing is done.
    Started,
    /// It is done, its end is not committed.
    Acted,
    /// Its end is committed.
    Done,
}

/// All three, for tests that walk them.
pub const MOMENTS: [Moment; 3] = [Moment::Started, Moment::Acted, Moment::Done];

/// What one step's journal holds. Outlives the contexts made for it, as the log outlives a process.
#[derive(Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: u32,
    effects: Vec<EffectRecord>,
    records: Vec<(String, Value)>,
    dies_at: Option<(String, Moment)>,
    is_of_another: bool,
    cancel: CancellationToken,
    log: Vec<String>,
    progress: Vec<String>,
    artifacts: Vec<(Artifact, Vec<u8>)>,
}

impl MemoryJournal {
    /// From now on the process "dies" once, at this moment of the effect of this name.
    pub fn die_at(&self, effect: &str, moment: Moment) {
        self.state.lock().unwrap().dies_at = Some((effect.to_owned(), moment));
    }

    /// What ends waiting.
    pub fn cancel_by(&self, cancel: CancellationToken) {
        self.state.lock().unwrap().cancel = cancel;
    }

    /// From now on the run is another process's.
    pub fn give_to_another(&self) {
        self.state.lock().unwrap().is_of_another = true;
    }

    /// The lines that the step has logged.
    pub fn lines(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    /// How far the step has said that it is, each time.
    pub fn told(&self) -> Vec<String> {
        self.state.lock().unwrap().progress.clone()
    }

    /// What the step has kept, by name.
    pub fn artifact(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap();
        let found = state.artifacts.iter().find(|(kept, _)| kept.name == name);
        found.map(|(_, bytes)| bytes.clone())
    }

    /// All effects and recorded reads.
    pub fn all(&self) -> (Vec<EffectRecord>, Vec<(String, Value)>) {
        let state = self.state.lock().unwrap();
        (state.effects.clone(), state.records.clone())
    }

    /// A context as a new process would make it: the same run, step and journal.
    pub fn context(
        self: &Arc<Self>,
        run: RunId,
        spec: ActionSpec,
        system: &str,
        systems: &Arc<Systems>,
    ) -> Context {
        Context {
            run,
            step: StepId::from("step"),
            attempt: 1,
            asked: 0,
            read: read_context(system, systems),
            spec,
            journal: Arc::new(Bound {
                run,
                journal: Arc::clone(self),
            }),
            log: Arc::clone(self) as Arc<dyn StepLog>,
            secrets: Arc::new(NoSecrets),
            cancel: CancellationToken::new(),
        }
    }
}

/// What a plan is made with.
pub fn read_context(system: &str, systems: &Arc<Systems>) -> ReadContext {
    ReadContext {
        system: Some(SystemName::from(system)),
        clock: Arc::new(WallClock),
        systems: Arc::clone(systems),
    }
}

/// No secret is set.
pub struct NoSecrets;

impl OpenSecrets for NoSecrets {
    fn open<'a>(
        &'a self,
        name: &'a SecretName,
    ) -> BoxFuture<'a, Result<SecretString, ActionError>> {
        async move { Err(ActionError::fatal(not_set(name, []))) }.boxed()
    }

    fn open_given<'a>(
        &'a self,
        _: RunId,
        input: &'a str,
    ) -> BoxFuture<'a, Result<SecretString, ActionError>> {
        async move { Err(ActionError::fatal(format!("nothing was given as {input}"))) }.boxed()
    }

    fn hold<'a>(
        &'a self,
        _: Held<'a>,
        _: &'a SecretString,
    ) -> BoxFuture<'a, Result<(), ActionError>> {
        async { Err(ActionError::fatal("nothing is kept here in secret")) }.boxed()
    }

    fn held<'a>(&'a self, _: Held<'a>) -> BoxFuture<'a, Result<Option<SecretString>, ActionError>> {
        async { Ok(None) }.boxed()
    }

    fn let_go<'a>(&'a self, _: Held<'a>) -> BoxFuture<'a, Result<(), ActionError>> {
        async { Ok(()) }.boxed()
    }
}

/// The machine's own clock.
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }
}

impl StepLog for MemoryJournal {
    fn line(&self, text: &str) {
        self.state.lock().unwrap().log.push(text.to_owned());
    }
}

struct Bound {
    run: RunId,
    journal: Arc<MemoryJournal>,
}

impl Bound {
    fn key_in(&self, generation: u32, effect: EffectName) -> EffectKey {
        EffectKey {
            run: self.run,
            step: StepId::from("step"),
            generation,
            effect,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.journal.state.lock().unwrap())
    }
}

impl State {
    fn entry(&mut self, effect: &EffectName) -> Option<&mut EffectRecord> {
        self.effects
            .iter_mut()
            .find(|record| record.effect == *effect)
    }

    fn dies(&mut self, effect: &EffectName, moment: Moment) -> Result<(), JournalError> {
        match &self.dies_at {
            Some((name, at)) if *name == effect.name && *at == moment => {
                self.dies_at = None;
                Err(JournalError(format!(
                    "the process died at {effect}, {moment:?}"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl Journal for Bound {
    fn begin(&self, effect: EffectName) -> BoxFuture<'_, Result<Begun, JournalError>> {
        let begun = self.change(|state| {
            let generation = state.generation;
            match state.entry(&effect) {
                Some(EffectRecord {
                    status: EffectStatus::Done(result),
                    ..
                }) => {
                    return Ok(Begun::Done(result.clone()));
                }
                Some(EffectRecord {
                    status: EffectStatus::Started,
                    started_at,
                    generation,
                    ..
                }) => {
                    return Ok(Begun::Open(
                        self.key_in(*generation, effect.clone()),
                        *started_at,
                    ));
                }
                _ => {}
            }
            state.effects.retain(|record| record.effect != effect);
            state.effects.push(EffectRecord {
                effect: effect.clone(),
                generation,
                status: EffectStatus::Started,
                started_at: WallClock.now(),
                ended_at: None,
            });
            state.dies(&effect, Moment::Started)?;
            Ok(Begun::Fresh(self.key_in(generation, effect.clone())))
        });
        async { begun }.boxed()
    }

    fn may_act(&self) -> Result<(), JournalError> {
        if self.change(|state| state.is_of_another) {
            return Err(JournalError("the run is another's".to_owned()));
        }
        Ok(())
    }

    fn done(&self, key: EffectKey, result: Value) -> BoxFuture<'_, Result<(), JournalError>> {
        let done = self.change(|state| {
            state.dies(&key.effect, Moment::Acted)?;
            if let Some(record) = state.entry(&key.effect) {
                record.status = EffectStatus::Done(result);
            }
            state.dies(&key.effect, Moment::Done)
        });
        async { done }.boxed()
    }

    fn failed(&self, key: EffectKey, _error: String) -> BoxFuture<'_, Result<(), JournalError>> {
        self.change(|state| {
            if let Some(record) = state.entry(&key.effect) {
                record.status = EffectStatus::Failed;
            }
        });
        async { Ok(()) }.boxed()
    }

    fn undone(&self, effect: EffectName) -> BoxFuture<'_, Result<(), JournalError>> {
        self.change(|state| {
            state.generation += 1;
            state.records.clear();
            if let Some(record) = state.entry(&effect) {
                record.status = EffectStatus::Undone;
            }
        });
        async { Ok(()) }.boxed()
    }

    fn recorded(&self, name: String) -> BoxFuture<'_, Option<Value>> {
        let value = self.change(|state| {
            state
                .records
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.clone())
        });
        async { value }.boxed()
    }

    fn record(&self, name: String, value: Value) -> BoxFuture<'_, Result<(), JournalError>> {
        self.change(|state| state.records.push((name, value)));
        async { Ok(()) }.boxed()
    }

    fn effects(&self) -> BoxFuture<'_, Vec<EffectRecord>> {
        let effects = self.change(|state| state.effects.clone());
        async { effects }.boxed()
    }

    fn artifact(
        &self,
        name: String,
        media_type: String,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<Artifact, JournalError>> {
        let artifact = Artifact {
            name,
            media_type,
            digest: Digest::of_bytes(&bytes),
            bytes: bytes.len() as u64,
        };
        self.change(|state| state.artifacts.push((artifact.clone(), bytes)));
        async { Ok(artifact) }.boxed()
    }

    fn progress(&self, text: String) {
        self.change(|state| state.progress.push(text));
    }

    fn key(&self, effect: EffectName) -> BoxFuture<'_, EffectKey> {
        let generation = self.change(|state| state.generation);
        let key = self.key_in(generation, effect);
        async { key }.boxed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'_, bool> {
        async move {
            let cancel = self.journal.state.lock().unwrap().cancel.clone();
            tokio::time::timeout(span, cancel.cancelled())
                .await
                .is_err()
        }
        .boxed()
    }
}

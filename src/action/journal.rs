//! The journal as an action's context sees it; the engine keeps it in the run's log.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::domain::artifact::Artifact;
use crate::domain::effect::{EffectKey, EffectName, EffectRecord};
use crate::domain::time::Timestamp;

/// What the journal knows when an effect is about to begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// It was never begun, or definitely failed: its start is committed now.
    Fresh(EffectKey),
    /// It is done already; this was its result.
    Done(Value),
    /// It was begun at this time by an attempt or a process that told nothing more.
    Open(EffectKey, Timestamp),
}

/// The journal cannot be written: the effect must not begin, and the step stops where it is.
#[derive(Debug, thiserror::Error)]
#[error("the journal cannot be written: {0}")]
pub struct JournalError(pub String);

/// The journal of one step, kept by the engine. Every method returns after the commit.
pub trait Journal: Send + Sync {
    /// Commits the start of an effect, or says what is known of it.
    fn begin(&self, effect: EffectName) -> BoxFuture<'_, Result<Begun, JournalError>>;

    /// Whether an effect may begin at this very instant: the run may have become another process's.
    /// Asks nobody.
    fn may_act(&self) -> Result<(), JournalError> {
        Ok(())
    }

    /// Commits that the effect is done, with its result.
    fn done(&self, key: EffectKey, result: Value) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Commits that the effect was definitely not done.
    fn failed(&self, key: EffectKey, error: String) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Commits that the effect is taken back.
    fn undone(&self, effect: EffectName) -> BoxFuture<'_, Result<(), JournalError>>;

    /// What was recorded under this name in this generation.
    fn recorded(&self, name: String) -> BoxFuture<'_, Option<Value>>;

    /// Commits what was read under this name.
    fn record(&self, name: String, value: Value) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The step's effects, in the order in which they were begun.
    fn effects(&self) -> BoxFuture<'_, Vec<EffectRecord>>;

    /// How far the step has come, for people; in memory only, never an event (decision 13).
    fn progress(&self, text: String);

    /// Keeps bytes for people, and commits that they are kept.
    fn artifact(
        &self,
        name: String,
        media_type: String,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<Artifact, JournalError>>;

    /// The key that an effect of this name has, or would have, in the present generation.
    fn key(&self, effect: EffectName) -> BoxFuture<'_, EffectKey>;

    /// Waits, and returns early with `false` when the step is cancelled.
    fn sleep(&self, span: Duration) -> BoxFuture<'_, bool>;
}

//! A step's journal, kept in its run's log.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::lines::Lines;
use super::{Progress, RunLog};
use crate::action::{Begun, EffectRecord, EffectStatus, Journal, JournalError};
use crate::domain::artifact::Artifact;
use crate::domain::effect::{EffectKey, EffectName};
use crate::domain::event::Event;
use crate::domain::names::{RunId, StepId};
use crate::domain::redact::Redactor;
use crate::store::{Artifacts, StoreError};

/// The journal of one step. What the step has said is on disk before whatever would keep a resumed
/// action from saying it again.
pub(super) struct StepJournal {
    pub(super) run: RunId,
    pub(super) step: StepId,
    pub(super) log: Arc<RunLog>,
    pub(super) lines: Arc<Lines>,
    pub(super) progress: Arc<Progress>,
    pub(super) artifacts: Arc<dyn Artifacts>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) cancel: CancellationToken,
    /// The first time that the store could not be written.
    pub(super) failure: Arc<OnceLock<StoreError>>,
}

impl StepJournal {
    async fn append(&self, event: Event) -> Result<(), JournalError> {
        self.log.append(event).await.map_err(|e| self.failed_by(e))
    }

    fn failed_by(&self, error: StoreError) -> JournalError {
        let told = JournalError(error.to_string());
        let _ = self.failure.set(error);
        told
    }

    fn step(&self) -> StepId {
        self.step.clone()
    }

    /// A text leaves the process without secrets; what is no text is kept as it is.
    fn masked(&self, bytes: Vec<u8>) -> Vec<u8> {
        match String::from_utf8(bytes) {
            Ok(text) => self.redactor.text(&text).into_bytes(),
            Err(no_text) => no_text.into_bytes(),
        }
    }
}

impl Journal for StepJournal {
    fn begin(&self, effect: EffectName) -> BoxFuture<'_, Result<Begun, JournalError>> {
        async move {
            let (known, key) = self
                .log
                .look(|run| {
                    let known = run.step(&self.step).effect(&effect).cloned();
                    (known, run.effect_key(&self.step, effect.clone()))
                })
                .await;
            if let Some(EffectRecord {
                status,
                generation,
                started_at,
                ..
            }) = known
            {
                match status {
                    EffectStatus::Done(result) => return Ok(Begun::Done(result)),
                    EffectStatus::Started => {
                        return Ok(Begun::Open(EffectKey { generation, ..key }, started_at));
                    }
                    EffectStatus::Failed | EffectStatus::Undone => {}
                }
            }
            let generation = key.generation;
            self.append(Event::EffectStarted {
                step: self.step(),
                effect,
                generation,
            })
            .await?;
            self.may_act()?;
            Ok(Begun::Fresh(key))
        }
        .boxed()
    }

    fn may_act(&self) -> Result<(), JournalError> {
        self.log.may_act().map_err(|e| self.failed_by(e))
    }

    fn done(&self, key: EffectKey, result: Value) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            self.lines.flush().await;
            self.append(Event::EffectDone {
                step: self.step(),
                effect: key.effect,
                result,
                told_by: None,
            })
            .await
        }
        .boxed()
    }

    fn failed(&self, key: EffectKey, error: String) -> BoxFuture<'_, Result<(), JournalError>> {
        let effect = key.effect;
        self.append(Event::EffectFailed {
            step: self.step(),
            effect,
            error,
            told_by: None,
        })
        .boxed()
    }

    fn undone(&self, effect: EffectName) -> BoxFuture<'_, Result<(), JournalError>> {
        self.append(Event::EffectUndone {
            step: self.step(),
            effect,
        })
        .boxed()
    }

    fn recorded(&self, name: String) -> BoxFuture<'_, Option<Value>> {
        async move {
            self.log
                .look(|run| run.step(&self.step).records.get(&name).cloned())
                .await
        }
        .boxed()
    }

    fn record(&self, name: String, value: Value) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            self.lines.flush().await;
            self.append(Event::Recorded {
                step: self.step(),
                name,
                value,
            })
            .await
        }
        .boxed()
    }

    fn effects(&self) -> BoxFuture<'_, Vec<EffectRecord>> {
        async move {
            self.log
                .look(|run| run.step(&self.step).effects.clone())
                .await
        }
        .boxed()
    }

    fn artifact(
        &self,
        name: String,
        media_type: String,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<Artifact, JournalError>> {
        async move {
            let bytes = self.masked(bytes);
            let size = bytes.len() as u64;
            let digest = self.artifacts.keep(bytes).await;
            let artifact = Artifact {
                name,
                media_type,
                digest: digest.map_err(|error| self.failed_by(error))?,
                bytes: size,
            };
            self.append(Event::ArtifactKept {
                step: self.step(),
                artifact: artifact.clone(),
            })
            .await?;
            Ok(artifact)
        }
        .boxed()
    }

    fn progress(&self, text: String) {
        self.progress.set(self.run, self.redactor.text(&text));
    }

    fn key(&self, effect: EffectName) -> BoxFuture<'_, EffectKey> {
        async move {
            self.log
                .look(|run| run.effect_key(&self.step, effect))
                .await
        }
        .boxed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'_, bool> {
        async move {
            tokio::time::timeout(span, self.cancel.cancelled())
                .await
                .is_err()
        }
        .boxed()
    }
}

//! A part of a step: the same action done for several things, each with a journal that seems its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::context::Context;
use super::journal::{Begun, Journal, JournalError};
use crate::domain::artifact::Artifact;
use crate::domain::effect::{EffectKey, EffectName, EffectRecord};
use crate::domain::names::StepId;

/// Stands between a part's name and what the part itself calls something.
const BEHIND: char = '/';

/// The journal of one part, kept within that of its step.
struct Part {
    name: String,
    step: StepId,
    whole: Arc<dyn Journal>,
}

impl Context {
    /// The context of a part of this step. Its effects, keys, records and progress are its own: two parts
    /// may call theirs the same. The name must not hold a `/`.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        let part = Part {
            name: name.to_owned(),
            step: self.step.clone(),
            whole: Arc::clone(&self.journal),
        };
        Self {
            step: part.own_step(),
            journal: Arc::new(part),
            ..self.clone()
        }
    }

    /// The parts of which something has begun, in that order.
    pub async fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        for record in self.effects().await {
            let item = record.effect.item.unwrap_or_default();
            let part = item.split(BEHIND).next().unwrap_or_default().to_owned();
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts
    }
}

impl Part {
    fn own_step(&self) -> StepId {
        StepId::from(format!("{}{BEHIND}{}", self.step, self.name))
    }

    /// As the step's journal calls an effect of the part.
    fn outer(&self, effect: EffectName) -> EffectName {
        let item = match effect.item {
            Some(item) => format!("{}{BEHIND}{item}", self.name),
            None => self.name.clone(),
        };
        EffectName {
            name: effect.name,
            item: Some(item),
        }
    }

    /// As the part calls it; `None` when it is another part's.
    fn inner(&self, effect: EffectName) -> Option<EffectName> {
        let rest = effect.item?.strip_prefix(&self.name)?.to_owned();
        let item = if rest.is_empty() {
            None
        } else {
            Some(rest.strip_prefix(BEHIND)?.to_owned())
        };
        Some(EffectName {
            name: effect.name,
            item,
        })
    }

    fn outer_key(&self, key: EffectKey) -> EffectKey {
        EffectKey {
            step: self.step.clone(),
            effect: self.outer(key.effect),
            ..key
        }
    }

    /// The key of an effect, which has the part's name in its step.
    fn inner_key(&self, key: &EffectKey, effect: EffectName) -> EffectKey {
        EffectKey {
            run: key.run,
            step: self.own_step(),
            generation: key.generation,
            effect,
        }
    }

    fn record_name(&self, name: &str) -> String {
        format!("{}{BEHIND}{name}", self.name)
    }
}

impl Journal for Part {
    fn begin(&self, effect: EffectName) -> BoxFuture<'_, Result<Begun, JournalError>> {
        async move {
            let begun = self.whole.begin(self.outer(effect.clone())).await?;
            Ok(match begun {
                Begun::Fresh(key) => Begun::Fresh(self.inner_key(&key, effect)),
                Begun::Open(key, at) => Begun::Open(self.inner_key(&key, effect), at),
                Begun::Done(result) => Begun::Done(result),
            })
        }
        .boxed()
    }

    fn may_act(&self) -> Result<(), JournalError> {
        self.whole.may_act()
    }

    fn done(&self, key: EffectKey, result: Value) -> BoxFuture<'_, Result<(), JournalError>> {
        self.whole.done(self.outer_key(key), result)
    }

    fn failed(&self, key: EffectKey, error: String) -> BoxFuture<'_, Result<(), JournalError>> {
        self.whole.failed(self.outer_key(key), error)
    }

    fn undone(&self, effect: EffectName) -> BoxFuture<'_, Result<(), JournalError>> {
        self.whole.undone(self.outer(effect))
    }

    fn recorded(&self, name: String) -> BoxFuture<'_, Option<Value>> {
        self.whole.recorded(self.record_name(&name))
    }

    fn record(&self, name: String, value: Value) -> BoxFuture<'_, Result<(), JournalError>> {
        self.whole.record(self.record_name(&name), value)
    }

    fn effects(&self) -> BoxFuture<'_, Vec<EffectRecord>> {
        async move {
            let all = self.whole.effects().await.into_iter();
            let own = all.filter_map(|record| {
                let effect = self.inner(record.effect)?;
                Some(EffectRecord { effect, ..record })
            });
            own.collect()
        }
        .boxed()
    }

    fn progress(&self, text: String) {
        self.whole.progress(format!("{}: {text}", self.name));
    }

    fn artifact(
        &self,
        name: String,
        media_type: String,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<Artifact, JournalError>> {
        self.whole.artifact(name, media_type, bytes)
    }

    fn key(&self, effect: EffectName) -> BoxFuture<'_, EffectKey> {
        async move {
            let key = self.whole.key(self.outer(effect.clone())).await;
            self.inner_key(&key, effect)
        }
        .boxed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'_, bool> {
        self.whole.sleep(span)
    }
}

//! Whether the old containers that a deploy has left alone are as they were: an engine that was stopped,
//! or somebody else, may have ended them meanwhile.

use std::time::Duration;

use super::STOP_OLD;
use super::kept_up;
use super::undo::Undo;
use crate::action::{EffectRecord, Result};

impl Undo<'_> {
    /// What is not as it was, and not by this deploy, in words. What it had stopped it has started and proven.
    pub(super) async fn not_as_before(&self) -> Result<Vec<String>> {
        let mut told = Vec::new();
        for (id, was_well) in self.left_alone() {
            told.extend(self.difference(&id, was_well).await?);
        }
        Ok(told)
    }

    /// The old containers that ran and that this deploy has not stopped: ids, or names where no more is
    /// known, and whether they were well.
    fn left_alone(&self) -> Vec<(String, bool)> {
        let Some(decision) = &self.decision else {
            let names = self.names().into_iter();
            let names = names.filter(|name| self.effect(STOP_OLD, name).is_none());
            return names.map(|name| (name, true)).collect();
        };
        let ran = decision.replicas.iter().filter(|old| old.was_running);
        let ran = ran.filter(|old| {
            !self
                .effect(STOP_OLD, &old.name)
                .is_some_and(EffectRecord::is_live)
        });
        ran.map(|old| (old.id.clone(), old.was_well)).collect()
    }

    async fn difference(&self, id: &str, was_well: bool) -> Result<Option<String>> {
        let within = if was_well {
            self.within
        } else {
            Duration::ZERO
        };
        let Some((now, what)) = kept_up::trouble(self.docker, id, within).await? else {
            return Ok(None);
        };
        if now.is_running() && !was_well {
            return Ok(None);
        }
        let (name, docker) = (&now.name, self.docker.name());
        Ok(Some(format!(
            "{name} on `{docker}` {what}, and not because of this deploy: look why, and start it anew \
             (`docker restart {name}`)"
        )))
    }
}

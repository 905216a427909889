//! The description of an action that everything outside it is made from.

use serde::Serialize;

use crate::domain::effect::EffectSpec;

/// What an action may do to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Looks only.
    Read,
    /// Changes something that can be changed back or made again.
    Change,
    /// Removes what cannot be had back.
    Destroy,
}

/// An action's name, risk and effects. Its schemas come from its input and output types.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ActionSpec {
    /// `integration.verb_noun`.
    pub name: &'static str,
    /// One line: what it does, as an imperative.
    pub summary: &'static str,
    /// What it may do to the world.
    pub risk: Risk,
    /// The input that names what it acts on within its system, where it acts on one such thing: a lock
    /// on that concerns no other. `None`: only locks on the whole system concern it.
    pub service: Option<&'static str>,
    /// Everything that it does through the journal.
    pub effects: &'static [EffectSpec],
    /// The last effect up to which it can be taken back. Once a later one has begun, a cancel is
    /// refused and the action finishes forward (decision 7). `None`: it can always be taken back.
    pub last_undoable: Option<&'static str>,
}

impl ActionSpec {
    /// The declared effect of this name.
    pub fn effect(&self, name: &str) -> Option<&'static EffectSpec> {
        self.effects.iter().find(|effect| effect.name == name)
    }
}

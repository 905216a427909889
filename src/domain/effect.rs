//! Effects: single touches of the outside world, each with a name, a sort and a key (decision 6).

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::names::{RunId, StepId};
use super::time::Timestamp;

/// How a lost answer can be made good: what is known about an effect that was begun and whose
/// end was never recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectSort {
    /// The other system enforces the key (a container's name, a conditional put): a second try
    /// cannot happen twice.
    Keyed,
    /// The other system can be asked whether it happened.
    Askable,
    /// Doing it again changes nothing.
    Repeatable,
    /// None of these: after a lost answer only a person can tell.
    Neither,
}

/// What an action declares about one of its effects. Docs, failpoints and kill tests walk these.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EffectSpec {
    /// Its name within the action, a verb and a noun: `create_container`.
    pub name: &'static str,
    /// How a lost answer is made good.
    pub sort: EffectSort,
    /// After this the attempt to do it is given up. An [`EffectSort::Askable`] system is asked
    /// only when this much time has passed since the start: until then a request of a process
    /// that died may still land.
    #[serde(serialize_with = "as_seconds")]
    pub limit: Duration,
}

fn as_seconds<S: serde::Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(span.as_secs())
}

/// Which effect of its step: the declared name, and the item when one name serves several things.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct EffectName {
    /// The name from the action's [`EffectSpec`].
    pub name: String,
    /// Which of several: a container, a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
}

impl From<&str> for EffectName {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            item: None,
        }
    }
}

impl<I: Into<String>> From<(&str, I)> for EffectName {
    fn from((name, item): (&str, I)) -> Self {
        Self {
            name: name.to_owned(),
            item: Some(item.into()),
        }
    }
}

impl fmt::Display for EffectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            Some(item) => write!(f, "{}[{item}]", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What makes an effect the same one across crashes: run / step / item / generation / name.
///
/// The generation rises each time the step's effects are undone, so that a retry does not take
/// an undone effect for a done one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EffectKey {
    /// The run that it belongs to.
    pub run: RunId,
    /// The step of that run.
    pub step: StepId,
    /// How often the step's effects were undone before.
    pub generation: u32,
    /// Which effect of the step.
    pub effect: EffectName,
}

impl EffectKey {
    /// A short form for names in other systems: twelve hexadecimal digits of the key's SHA-256.
    pub fn token(&self) -> String {
        hex::encode(&Sha256::digest(self.to_string())[..6])
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.run, self.step, self.generation, self.effect
        )
    }
}

/// Where an effect stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectStatus {
    /// Begun, and nothing known of its end.
    Started,
    /// Done, with this result.
    Done(Value),
    /// Definitely not done.
    Failed,
    /// Done, and taken back.
    Undone,
}

/// One entry of a step's journal: the latest of each effect name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectRecord {
    /// Which effect.
    pub effect: EffectName,
    /// The generation in which it was begun.
    pub generation: u32,
    /// Where it stands.
    pub status: EffectStatus,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When its end was recorded, or when it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl EffectRecord {
    /// It is in the world, or may be.
    pub fn is_live(&self) -> bool {
        matches!(self.status, EffectStatus::Started | EffectStatus::Done(_))
    }
}

/// What a person is asked when nobody can say whether an effect has happened (decision 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// The effect, as the journal names it.
    pub effect: String,
    /// What is known.
    pub known: String,
}

impl Question {
    /// Whether it is about no effect: the step was taken up too often without coming any further.
    pub fn is_whether_to_go_on(&self) -> bool {
        self.effect.is_empty()
    }
}

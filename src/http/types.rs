//! What goes over the API, for both ends of it.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::domain::time::Span;

pub use crate::domain::approval::MayAnswer;
pub use crate::domain::artifact::Artifact;
pub use crate::domain::hold::Lock;
pub use crate::service::{
    ArtifactView, CatalogEntry, CatalogView, CodeView, Deed, FreezeView, HoldsView, IdentityView,
    PlaceAnswer, PlaceView, RunRow, RunView, ScheduleView, SecretView, SetBy, Suggestion, Wanted,
    What,
};

/// Starts a run or asks for its plan: exactly one of `workflow` and `command`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskBody {
    /// A workflow by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// A command by its whole name: `db backup` of the group `db`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Inputs or options.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// The same key by the same person gives the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Why the run is not to wait for freezes and locks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
}

/// Says yes, no or stop to a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    /// Of an approval: the digest that was seen, or the beginning of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Of an approval of a plan that removes what cannot be had back: the name that it has to be typed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Of a rejection or a cancel: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a decision: whether the effect happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened: Option<bool>,
    /// Of a decision about a step that was taken up too often: that it is tried further.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub go_on: bool,
    /// Of a decision: the number of the question in its run. It may be left out only where the run
    /// has asked a single one so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<u32>,
}

/// Lets somebody else approve in the stead of whoever asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegateBody {
    /// Who may.
    pub to: crate::domain::names::PersonName,
    /// The digest that was seen, or the beginning of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Starts a run that goes on from one that has ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RerunBody {
    /// The step to begin at; without it, the first that is not done or does not stand any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<crate::domain::names::StepId>,
    /// The same key by the same person gives the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Why it is not to wait for freezes and locks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
}

/// Starts a run that takes back what a run has done that succeeded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoBody {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same key by the same person gives the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Why it is not to wait for freezes and locks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
}

/// The run that a request has started, or had started before under the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// Its id.
    pub run: crate::domain::names::RunId,
}

/// The step for which a message was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignalTaken {
    /// Its run.
    pub run: crate::domain::names::RunId,
    /// Its id in the run.
    pub step: crate::domain::names::StepId,
}

/// The last lines of a step's output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinesView {
    /// Oldest first.
    pub lines: Vec<String>,
}

/// An error: RFC 9457, with `about:blank` as its type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProblemDetails {
    /// `refused`, `unproven`, `missing`, `invalid`, `conflict`, `unavailable` or `standby`.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The sentence for people.
    pub detail: String,
}

/// The public key that receipts are signed with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyView {
    /// 64 hexadecimal digits.
    pub key: String,
}

/// The first line of an export of receipts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceiptsHeader {
    /// The version of the receipts' format.
    pub format: u32,
    /// The public key that they are signed with, as 64 hexadecimal digits.
    pub key: String,
}

/// Takes a lock.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockBody {
    /// SYSTEM, or SYSTEM/SERVICE.
    pub target: String,
    /// Why, for those who will wait.
    pub reason: String,
    /// For how long; left out, for four hours.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
}

/// Takes an identity in a chat from its person.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlinkBody {
    /// Its id there; left out, the only one that who asks has linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Sets a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetSecretBody {
    /// Its value.
    #[serde(serialize_with = "on_its_way")]
    pub value: SecretString,
}

/// To the server's own socket, and nowhere else.
fn on_its_way<S: Serializer>(value: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.expose_secret())
}

/// Forgets a secret.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveSecretBody {
    /// Also when something names it.
    #[serde(default)]
    pub force: bool,
}

/// All secrets are sealed for a new key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RekeyedView {
    /// How many they are.
    pub secrets: usize,
}

//! What an action is: the typed capability of an integration, and all that it is handed.
//!
//! An integration implements [`Action`] once for each thing that it can do. Everything else that
//! is known about the action (help, slash-command options, lint, documentation, approval policy)
//! is read off its [`ActionSpec`] and the schemas of its input and output.

mod artifact;
mod context;
mod error;
mod examine;
mod failpoint;
mod host_folder;
mod journal;
pub mod objects;
mod offers;
mod part;
mod place;
pub mod ports;
mod registry;
mod secret_url;
mod secrets;
mod signed_posts;
mod spec;
mod system;
mod web_address;

pub use crate::domain::effect::{EffectRecord, EffectStatus, Question};
pub use context::{Clock, Context, Found, ReadContext, StepLog};
pub use error::{ActionError, ErrorKind, Result};
pub use examine::{ClockReading, Examination, Use, Uses};
pub use failpoint::failpoint;
pub use host_folder::HostFolder;
pub use journal::{Begun, Journal, JournalError};
pub use offers::{MOST_SUGGESTIONS, Offers, Order, Suggestion};
pub use place::{Place, Places};
pub use registry::{AnyAction, Integration, Registry};
pub use secret_url::{NoSecretUrl, SecretUrl};
pub use secrets::{Held, OpenSecrets, read_secret};
pub use signed_posts::{Posted, SignedPosts};
pub use spec::{ActionSpec, Risk};
pub use system::{Connect, ConnectError, Ports, System, Systems};
pub use web_address::web_address;

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::plan::Plan;
use crate::domain::run::StepState;
use crate::domain::undo::WayBack;

/// A typed capability of an integration.
///
/// `run` changes the world only through [`Context::effect`] and its kin, reads freely, and takes
/// a read that decides an effect through [`Context::record`]: after a crash it is called again
/// from its top, and what was recorded is what it is told again.
pub trait Action: Send + Sync + 'static {
    /// The kind of system that it acts on.
    type System: System;
    /// What `with:` holds, without `system`.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// What later steps read as `steps.ID.output`.
    type Output: Serialize + JsonSchema + Send;

    /// Its name, risk and effects.
    const SPEC: ActionSpec;

    /// Says what `run` would do. Reads, and changes nothing. Required of every change and
    /// destroy; a read need not have one.
    fn plan(
        &self,
        ctx: &ReadContext,
        system: &Self::System,
        input: Self::Input,
    ) -> impl Future<Output = Result<Plan>> + Send;

    /// Does it.
    fn run(
        &self,
        ctx: &Context,
        system: &Self::System,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output>> + Send;

    /// Takes back what the journal says was done, through [`Context::undo`], and says what could
    /// not be taken back. Called after an attempt that failed, and for a step that succeeded when
    /// a later one failed.
    fn undo(
        &self,
        ctx: &Context,
        _system: &Self::System,
        _input: Self::Input,
    ) -> impl Future<Output = Result<Undone>> + Send {
        async { Ok(Undone::except_for_what_is_left(ctx).await) }
    }

    /// How what it has done is taken back when it has succeeded, and its whole run too, and somebody
    /// wants that undone. Goes by the step's journal alone. Where nothing is said, it stays.
    fn way_back(&self, _step: &StepState) -> WayBack {
        WayBack::Stays(format!("{} has no undo", Self::SPEC.name))
    }
}

/// What an undo has achieved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Everything is as it was before the step.
    Fully,
    /// This is left as it is, in words for people: `the rows that the job wrote stay`.
    ExceptFor(String),
}

impl Undone {
    /// What is true of an action without an undo: its done effects stay, and of those whose end was
    /// never recorded nobody knows.
    pub async fn except_for_what_is_left(ctx: &Context) -> Self {
        let effects = ctx.effects().await;
        let named = |wanted: fn(&EffectStatus) -> bool| {
            let names = effects.iter().filter(|record| wanted(&record.status));
            let names: Vec<_> = names.map(|record| format!("`{}`", record.effect)).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let stays = named(|status| matches!(status, EffectStatus::Done(_)))
            .map(|names| format!("{names} cannot be undone and stays"));
        let unknown = named(|status| *status == EffectStatus::Started)
            .map(|names| format!("nobody knows whether {names} happened"));
        let left: Vec<_> = stays.into_iter().chain(unknown).collect();
        if left.is_empty() {
            Self::Fully
        } else {
            Self::ExceptFor(left.join("; "))
        }
    }
}

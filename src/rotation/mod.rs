//! How a secret is changed while programs use it: *issue, write, prove, revoke*, or back.
//!
//! The new secret is issued while the old one still counts; each consumer is given it and shows that it
//! logs in by it; then the old one is revoked, and each shows so once more. Whatever comes in between,
//! every consumer is left with a secret that works.
//!
//! Nothing here knows whose secret it is: that is an [`Issuer`]. Nothing outside knows where a consumer
//! keeps it: that is a [`Consumer`].

mod back;
mod carry_out;
mod consumer;
mod env_file;
mod file;
mod http_call;
mod issuer;
mod pair;
mod probe;
mod proof;
mod settings;

use std::time::Duration;

use crate::action::Context;
use crate::domain::effect::{EffectSort, EffectSpec};

pub use carry_out::{Gave, Outcome, is_over};
pub use consumer::Consumer;
pub use issuer::{Issuer, Live, Login};
pub use pair::{former, random, same};
pub use proof::Level;
pub use settings::ConsumerSettings;

const KEEP: &str = "keep_secrets";
const ISSUE: &str = "issue_secret";
const WRITE: &str = "write_secret";
const RELOAD: &str = "reload_consumer";
const REVOKE: &str = "revoke_old_secret";
const FORGET: &str = "forget_secrets";

const fn repeatable(name: &'static str, limit: Duration) -> EffectSpec {
    EffectSpec {
        name,
        sort: EffectSort::Repeatable,
        limit,
    }
}

/// What a rotation does through the journal; the item is the consumer. Containers that are made anew for it
/// are the effects of a deploy.
pub const EFFECTS: &[EffectSpec] = &[
    repeatable(KEEP, Duration::from_secs(30)),
    repeatable(ISSUE, Duration::from_mins(1)),
    repeatable(WRITE, Duration::from_secs(30)),
    repeatable(RELOAD, Duration::from_mins(12)),
    repeatable(REVOKE, Duration::from_mins(1)),
    repeatable(FORGET, Duration::from_secs(30)),
];

/// Until the two secrets are forgotten a rotation can be taken back.
pub const LAST_UNDOABLE: &str = REVOKE;

/// One secret, and all who use it.
pub struct Rotation<'a> {
    /// The step.
    pub ctx: &'a Context,
    /// Whose secret it is.
    pub issuer: &'a dyn Issuer,
    /// Who uses it, in the order in which they are given the new one.
    pub consumers: &'a [Consumer],
    /// How long nobody may be refused after the old secret is revoked.
    pub watch: Duration,
}

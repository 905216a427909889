//! Where people are told: one implementation for each kind of place.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::names::PlaceName;
use crate::domain::notice::Notice;
use crate::domain::notice::delivery::Outcome;
use crate::domain::time::Timestamp;

/// A place that can be told something: a webhook, a channel of a chat.
pub trait Place: Send + Sync {
    /// What it is, in a few words: `webhook, for people`.
    fn sort(&self) -> &'static str;

    /// Whether people read it as it is. They are better off with one message in place of many; a
    /// program wants each.
    fn is_for_people(&self) -> bool;

    /// Hands the notice over, once, in bounded time. The place may see the same notice again,
    /// under the same id.
    fn deliver<'a>(&'a self, notice: &'a Notice, at: Timestamp) -> BoxFuture<'a, Outcome>;
}

/// All places by name.
pub type Places = BTreeMap<PlaceName, Arc<dyn Place>>;

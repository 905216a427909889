//! Which identities of chats belong to whom.

use futures_util::future::BoxFuture;

use super::Result;
use crate::domain::link::{Identity, Link};
use crate::domain::receipt::Draft;

/// Identities that belong to a person by a code. Each change is committed together with its receipt.
pub trait Identities: Send + Sync {
    /// All of them, by platform and id, those too of persons whom nobody knows any more.
    fn identities(&self) -> BoxFuture<'_, Result<Vec<Link>>>;

    /// Gives an identity to a person; whose it was before is forgotten. Whether it may be is known to
    /// whoever asks.
    fn link_identity(&self, link: Link, receipt: Draft) -> BoxFuture<'_, Result<()>>;

    /// Takes an identity from whoever has it.
    fn unlink_identity(&self, identity: Identity, receipt: Draft) -> BoxFuture<'_, Result<()>>;
}

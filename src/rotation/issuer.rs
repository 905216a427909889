//! Whose secret it is: a system that lets programs in by it.

use std::net::IpAddr;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::action::Result;
use crate::domain::time::Timestamp;

/// A system that lets programs in by a secret, and can be given another one.
pub trait Issuer: Send + Sync {
    /// Whose secret it is, for people: ``the client `orders` of `keycloak` ``.
    fn what(&self) -> String;

    /// A second secret counts beside the first.
    fn keeps_two(&self) -> bool;

    /// A new value, as the system takes it and any file can hold it.
    fn make(&self) -> Result<SecretString>;

    /// What counts now.
    fn live(&self) -> BoxFuture<'_, Result<Live>>;

    /// From now on these count, and nothing else: `other` only where two are kept. Repeatable.
    fn set<'a>(
        &'a self,
        current: &'a SecretString,
        other: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Whether it lets somebody in by this; `None` where that cannot be tried.
    fn accepts<'a>(&'a self, secret: &'a SecretString) -> BoxFuture<'a, Result<Option<bool>>>;

    /// An instant by its own clock that is not later than now.
    fn now(&self) -> BoxFuture<'_, Result<Timestamp>>;

    /// An instant by its own clock that is not yet past.
    fn mark(&self) -> BoxFuture<'_, Result<Timestamp>>;

    /// Who has come since, by its own clock, the oldest first; `None` where it does not keep that.
    fn logins(&self, since: Timestamp) -> BoxFuture<'_, Result<Option<Vec<Login>>>>;
}

/// The secrets that count.
#[derive(Clone, Debug)]
pub struct Live {
    /// The one that is shown as the secret.
    pub current: SecretString,
    /// The one beside it.
    pub other: Option<SecretString>,
}

/// Somebody has come, with one of the secrets or with none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub from: Option<IpAddr>,
    /// Why they were turned away; `None`: they were let in.
    pub refused: Option<String>,
}

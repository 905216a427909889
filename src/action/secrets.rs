//! How actions and settings come by secrets of the store.

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::error::Result;
use crate::domain::names::SecretName;

/// Opens secrets of the store at the moment of their use.
pub trait OpenSecrets: Send + Sync {
    /// The value, which is masked from now on wherever it turns up.
    ///
    /// Fails for good, with what to type, when it is not set.
    fn open<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<SecretString>>;
}

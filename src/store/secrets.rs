//! Secrets as they are kept: sealed.

use futures_util::future::BoxFuture;

use super::Result;
use crate::domain::names::{PersonName, SecretName};
use crate::domain::receipt::Draft;
use crate::domain::time::Timestamp;

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// Its name.
    pub name: SecretName,
    /// Its value, as a file of age.
    pub sealed: Vec<u8>,
    /// When it was set last.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: PersonName,
}

/// Secrets. Each change is committed together with its receipt.
pub trait Secrets: Send + Sync {
    /// All of them, by name.
    fn secrets(&self) -> BoxFuture<'_, Result<Vec<SecretRow>>>;

    /// The one of this name.
    fn secret<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<Option<SecretRow>>>;

    /// Keeps a secret; one of the same name is replaced.
    fn set_secret(&self, row: SecretRow, receipt: Draft) -> BoxFuture<'_, Result<()>>;

    /// Forgets a secret.
    fn remove_secret(&self, name: SecretName, receipt: Draft) -> BoxFuture<'_, Result<()>>;

    /// Puts other sealed bytes in the places of these secrets', all or none. When and by whom they
    /// were set stays.
    fn reseal_secrets(
        &self,
        sealed: Vec<(SecretName, Vec<u8>)>,
        receipt: Draft,
    ) -> BoxFuture<'_, Result<()>>;
}

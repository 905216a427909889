//! Secrets as they are kept: sealed.

use futures_util::future::BoxFuture;

use super::Result;
use crate::domain::names::{PersonName, RunId, SecretName};
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

/// What a run was given in an input that is declared secret, or what is kept for one of its steps, as it
/// is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenSecret {
    /// The run.
    pub run: RunId,
    /// The input, or the name that a step has given it.
    pub input: String,
    /// Its value, as a file of age.
    pub sealed: Vec<u8>,
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

    /// Puts other sealed bytes in the places of these secrets', and of what runs were given, all or none.
    /// When and by whom they were set stays.
    fn reseal_secrets(
        &self,
        sealed: Vec<(SecretName, Vec<u8>)>,
        given: Vec<GivenSecret>,
        receipt: Draft,
    ) -> BoxFuture<'_, Result<()>>;

    /// What a run was given in this input. It comes with the run, and goes with it.
    fn given_secret<'a>(
        &'a self,
        run: RunId,
        input: &'a str,
    ) -> BoxFuture<'a, Result<Option<GivenSecret>>>;

    /// Keeps for a run what one of its steps may need again. What is kept under the same name stays.
    fn hold_secret(&self, held: GivenSecret) -> BoxFuture<'_, Result<()>>;

    /// Forgets what was kept for a run under this name.
    fn let_secret_go(&self, run: RunId, name: String) -> BoxFuture<'_, Result<()>>;

    /// What all runs were given, and what is kept for their steps.
    fn given_secrets(&self) -> BoxFuture<'_, Result<Vec<GivenSecret>>>;

    /// What those were given that have not ended.
    fn live_given_secrets(&self) -> BoxFuture<'_, Result<Vec<GivenSecret>>>;
}

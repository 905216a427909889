//! How actions and settings come by secrets of the store.

use std::fmt;
use std::path::Path;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::error::Result;
use crate::domain::names::{RunId, SecretName, StepId};
use crate::domain::secret::{Opened, SecretSource};

/// Opens secrets of the store at the moment of their use.
pub trait OpenSecrets: Send + Sync {
    /// The value, which is masked from now on wherever it turns up.
    ///
    /// Fails for good, with what to type, when it is not set.
    fn open<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<SecretString>>;

    /// The same of what a run was given in this input, which is declared secret.
    fn open_given<'a>(&'a self, run: RunId, input: &'a str) -> BoxFuture<'a, Result<SecretString>>;

    /// Keeps a value, sealed, for the time of a step, and has it masked. One that is kept under this name
    /// already stays. Returns after the commit.
    fn hold<'a>(&'a self, held: Held<'a>, value: &'a SecretString) -> BoxFuture<'a, Result<()>>;

    /// A value that is kept for a step.
    fn held<'a>(&'a self, held: Held<'a>) -> BoxFuture<'a, Result<Option<SecretString>>>;

    /// Forgets a value that was kept for a step; there may be none. Returns after the commit.
    fn let_go<'a>(&'a self, held: Held<'a>) -> BoxFuture<'a, Result<()>>;
}

/// The name of a value that is kept for a step.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The run.
    pub run: RunId,
    /// Its step.
    pub step: &'a StepId,
    /// What the step calls it.
    pub name: &'a str,
}

impl fmt::Display for Held<'_> {
    /// Unlike the name of any input.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.step, self.name)
    }
}

/// Reads a secret from where it is said to be: a file, relative to `base`, whose one line end at its
/// end is dropped, or the store. Who it is for has it masked.
///
/// # Errors
/// One sentence: it cannot be read, is empty, or is not set.
pub fn read_secret(
    source: &SecretSource,
    base: &Path,
    stored: &Opened,
) -> Result<SecretString, String> {
    let file = match source {
        SecretSource::File(file) => base.join(file),
        SecretSource::Stored(name) => return stored.get(name).cloned(),
    };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| format!("the file {} cannot be read: {error}", file.display()))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(format!("the file {} is empty", file.display()));
    }
    Ok(text.into())
}

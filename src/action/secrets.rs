//! How actions and settings come by secrets of the store.

use std::path::Path;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::error::Result;
use crate::domain::names::{RunId, SecretName};
use crate::domain::secret::{Opened, SecretSource};

/// Opens secrets of the store at the moment of their use.
pub trait OpenSecrets: Send + Sync {
    /// The value, which is masked from now on wherever it turns up.
    ///
    /// Fails for good, with what to type, when it is not set.
    fn open<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<SecretString>>;

    /// The same of what a run was given in this input, which is declared secret.
    fn open_given<'a>(&'a self, run: RunId, input: &'a str) -> BoxFuture<'a, Result<SecretString>>;
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

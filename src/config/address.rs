//! Where an address is kept that whoever knows it may use.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::hooks::read;
use crate::action::SecretUrl;
use crate::domain::names::SecretName;
use crate::domain::redact::Redactor;
use crate::domain::secret::{Opened, SecretSource};

/// Where an address is.
#[derive(Clone, Debug)]
pub enum Address {
    /// In the configuration.
    Here(SecretString),
    /// Kept like any other secret.
    Kept(SecretSource),
}

impl Address {
    /// The one that `KEY`, `KEY_file` and `KEY_secret` say, if one of them is there.
    ///
    /// # Errors
    /// More than one is there.
    pub(super) fn of(
        key: &str,
        here: Option<SecretString>,
        file: Option<PathBuf>,
        stored: Option<SecretName>,
    ) -> Result<Option<Self>, String> {
        match (here, SecretSource::at_most_one(key, file, stored)?) {
            (Some(_), Some(_)) => Err(format!(
                "there is more than one of `{key}`, `{key}_file` and `{key}_secret`: keep one of them"
            )),
            (Some(url), None) => Ok(Some(Self::Here(url))),
            (None, source) => Ok(source.map(Self::Kept)),
        }
    }

    /// Where it is kept, if it is not in the configuration.
    pub(super) fn kept(&self) -> Option<&SecretSource> {
        match self {
            Self::Here(_) => None,
            Self::Kept(source) => Some(source),
        }
    }

    /// Reads it, and has it masked from now on, with its parts.
    ///
    /// # Errors
    /// One sentence: it cannot be read, or is no address.
    pub fn open(&self, redactor: &Redactor, stored: &Opened) -> Result<SecretUrl, String> {
        let url = match self {
            Self::Here(url) => url.clone(),
            Self::Kept(source) => read(source, stored)?,
        };
        redactor.learn(url.expose_secret());
        let url = SecretUrl::parse(url.expose_secret())?;
        url.have_masked(redactor);
        Ok(url)
    }
}

//! Where an address is kept that whoever knows it may use.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::WrongKey;
use crate::action::{SecretUrl, read_secret};
use crate::domain::names::SecretName;
use crate::domain::redact::Redactor;
use crate::domain::secret::{Opened, SecretSource};

/// Where an address is.
#[derive(Clone, Debug)]
pub struct Address {
    /// The setting; it ends in `_file` or `_secret` where that says where the address is kept.
    key: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
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
            (Some(url), None) => Ok(Some(Self {
                key: key.to_owned(),
                source: Source::Here(url),
            })),
            (None, source) => Ok(source.map(|source| Self {
                key: source.setting(key),
                source: Source::Kept(source),
            })),
        }
    }

    /// Where it is kept, if it is not in the configuration.
    pub(super) fn kept(&self) -> Option<&SecretSource> {
        match &self.source {
            Source::Here(_) => None,
            Source::Kept(source) => Some(source),
        }
    }

    /// Reads it, and has it masked from now on, with its parts.
    ///
    /// # Errors
    /// It cannot be read, or is no address.
    pub fn open(&self, redactor: &Redactor, stored: &Opened) -> Result<SecretUrl, WrongKey> {
        let url = match &self.source {
            Source::Here(url) => url.clone(),
            Source::Kept(source) => {
                let text = read_secret(source, Path::new(""), stored);
                text.map_err(|why| self.wrong(why))?
            }
        };
        redactor.learn(url.expose_secret());
        let url = SecretUrl::parse(url.expose_secret())
            .map_err(|none| self.wrong(format!("`{}` holds {none}", self.key)))?;
        url.have_masked(redactor);
        Ok(url)
    }

    fn wrong(&self, why: String) -> WrongKey {
        let key = self.key.clone();
        WrongKey { key, why }
    }
}

//! `[hooks.NAME]`: where other programs may post, and how they show that they may.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::document::Origins;
use super::{Wrong, WrongKey, check_name};
use crate::action::read_secret;
use crate::domain::names::{HookName, Role, SecretName};
use crate::domain::redact::Redactor;
use crate::domain::secret::{Opened, SecretSource};
use crate::domain::webhook::{BearerToken, Hook, Proof, SigningSecret};

/// A token that is shorter can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// `[hooks.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookConfig {
    /// What it may start.
    pub roles: Vec<Role>,
    /// Where its secret is.
    pub key: HookKey,
}

/// Where what senders know is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookKey {
    /// Signing secrets, `whsec_…`, one a line: two while they are being changed.
    Secrets(SecretSource),
    /// A bearer token, for senders that cannot sign.
    Token(SecretSource),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HookTable {
    /// What it may start.
    roles: Vec<Role>,
    /// The file with signing secrets, `whsec_…`, one a line.
    secret_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    secret_secret: Option<SecretName>,
    /// The file with a bearer token, for senders that cannot sign.
    token_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    token_secret: Option<SecretName>,
}

/// Checks the tables; paths are relative to `base`.
pub(super) fn hooks(
    tables: IndexMap<HookName, HookTable>,
    base: &Path,
    origins: &Origins,
) -> Result<BTreeMap<HookName, HookConfig>, Wrong> {
    let mut hooks = BTreeMap::new();
    for (name, mut table) in tables {
        check_name("hook", "hooks", name.as_str(), origins)?;
        let key = table.key(base).map_err(|why| {
            let message = format!("[hooks.{name}]: {why}");
            (origins.of(&["hooks", name.as_str()]), message)
        })?;
        let roles = table.roles;
        if roles.is_empty() {
            let message = format!(
                "[hooks.{name}] has no role and could start nothing: write whose part it has, as in \
                 `roles = [\"operator\"]`"
            );
            return Err((origins.of(&["hooks", name.as_str(), "roles"]), message));
        }
        hooks.insert(name, HookConfig { roles, key });
    }
    Ok(hooks)
}

impl HookTable {
    fn key(&mut self, base: &Path) -> Result<HookKey, String> {
        let source = |key, file: &mut Option<PathBuf>, stored: &mut Option<SecretName>| {
            let file = file.take().map(|file| base.join(file));
            SecretSource::at_most_one(key, file, stored.take())
        };
        let secrets = source("secret", &mut self.secret_file, &mut self.secret_secret)?;
        let token = source("token", &mut self.token_file, &mut self.token_secret)?;
        match (secrets, token) {
            (Some(secrets), None) => Ok(HookKey::Secrets(secrets)),
            (None, Some(token)) => Ok(HookKey::Token(token)),
            _ => Err(
                "it needs one of `secret_file`, for senders that sign, and `token_file`, for those \
                 that cannot; `secret_secret` and `token_secret` name a secret of the store instead"
                    .to_owned(),
            ),
        }
    }
}

impl HookConfig {
    /// Reads its secret, and has it masked from now on.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn open(&self, redactor: &Redactor, stored: &Opened) -> Result<Hook, WrongKey> {
        let proof = match &self.key {
            HookKey::Secrets(source) => {
                Proof::Signature(secrets("secret", source, redactor, stored)?)
            }
            HookKey::Token(source) => Proof::Bearer(token("token", source, redactor, stored)?),
        };
        Ok(Hook {
            roles: self.roles.clone(),
            proof,
        })
    }
}

/// The signing secrets that the setting `key` is the source of.
pub(super) fn secrets(
    key: &str,
    source: &SecretSource,
    redactor: &Redactor,
    stored: &Opened,
) -> Result<Vec<SigningSecret>, WrongKey> {
    let text = read(key, source, stored)?;
    let lines = text.expose_secret().lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty());
    let secrets: Vec<SigningSecret> = lines
        .map(|line| {
            redactor.learn(line);
            SigningSecret::parse(line)
                .map_err(|error| wrong(key, source, format!("{source}: {error}")))
        })
        .collect::<Result<_, _>>()?;
    if secrets.is_empty() {
        let why = match source {
            SecretSource::File(file) => format!("the file {} is empty", file.display()),
            SecretSource::Stored(_) => format!("{source} is empty"),
        };
        return Err(wrong(key, source, why));
    }
    Ok(secrets)
}

/// The bearer token that the setting `key` is the source of.
pub(super) fn token(
    key: &str,
    source: &SecretSource,
    redactor: &Redactor,
    stored: &Opened,
) -> Result<BearerToken, WrongKey> {
    let text = read(key, source, stored)?;
    let token = text.expose_secret().trim();
    if token.len() < SHORTEST_TOKEN {
        let why = format!("{source}: a token has at least {SHORTEST_TOKEN} characters");
        return Err(wrong(key, source, why));
    }
    redactor.learn(token);
    Ok(BearerToken::new(token))
}

/// Reads the secret that the setting `key` is the source of. The folder of its file is known.
pub(super) fn read(
    key: &str,
    source: &SecretSource,
    stored: &Opened,
) -> Result<SecretString, WrongKey> {
    read_secret(source, Path::new(""), stored).map_err(|why| wrong(key, source, why))
}

fn wrong(key: &str, source: &SecretSource, why: String) -> WrongKey {
    let key = source.setting(key);
    WrongKey { key, why }
}

//! `[hooks.NAME]`: where other programs may post, and how they show that they may.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::document::Origins;
use super::{Wrong, check_name};
use crate::domain::names::{HookName, Role};
use crate::domain::redact::Redactor;
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

/// The file that holds what senders know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookKey {
    /// Signing secrets, `whsec_…`, one a line: two while they are being changed.
    Secrets(PathBuf),
    /// A bearer token, for senders that cannot sign.
    Token(PathBuf),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HookTable {
    /// What it may start.
    roles: Vec<Role>,
    /// The file with signing secrets, `whsec_…`, one a line.
    secret_file: Option<PathBuf>,
    /// The file with a bearer token, for senders that cannot sign.
    token_file: Option<PathBuf>,
}

/// Checks the tables; paths are relative to `base`.
pub(super) fn hooks(
    tables: IndexMap<HookName, HookTable>,
    base: &Path,
    origins: &Origins,
) -> Result<BTreeMap<HookName, HookConfig>, Wrong> {
    let mut hooks = BTreeMap::new();
    for (name, table) in tables {
        check_name("hook", "hooks", name.as_str(), origins)?;
        let key = match (table.secret_file, table.token_file) {
            (Some(file), None) => HookKey::Secrets(base.join(file)),
            (None, Some(file)) => HookKey::Token(base.join(file)),
            _ => {
                let message = format!(
                    "[hooks.{name}] needs one of `secret_file`, for senders that sign, and \
                     `token_file`, for those that cannot"
                );
                return Err((origins.of(&["hooks", name.as_str()]), message));
            }
        };
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

impl HookConfig {
    /// Reads its secret, and has it masked from now on.
    ///
    /// # Errors
    /// One sentence: the file cannot be read, or holds something else.
    pub fn open(&self, redactor: &Redactor) -> Result<Hook, String> {
        let proof = match &self.key {
            HookKey::Secrets(file) => Proof::Signature(secrets(file, redactor)?),
            HookKey::Token(file) => Proof::Bearer(token(file, redactor)?),
        };
        Ok(Hook {
            roles: self.roles.clone(),
            proof,
        })
    }
}

fn secrets(file: &Path, redactor: &Redactor) -> Result<Vec<SigningSecret>, String> {
    let text = read(file)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secrets: Vec<SigningSecret> = lines
        .map(|line| {
            redactor.learn(line);
            SigningSecret::parse(line).map_err(|error| format!("{}: {error}", file.display()))
        })
        .collect::<Result<_, _>>()?;
    if secrets.is_empty() {
        return Err(format!("the file {} is empty", file.display()));
    }
    Ok(secrets)
}

fn token(file: &Path, redactor: &Redactor) -> Result<BearerToken, String> {
    let text = read(file)?;
    let token = text.trim();
    if token.len() < SHORTEST_TOKEN {
        return Err(format!(
            "{}: a token has at least {SHORTEST_TOKEN} characters",
            file.display()
        ));
    }
    redactor.learn(token);
    Ok(BearerToken::new(token))
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("the file {} cannot be read: {error}", file.display()))
}

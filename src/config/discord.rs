//! `[discord]`: how Purser is talked to in Discord.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ed25519_dalek::VerifyingKey;
use indexmap::IndexMap;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::document::Origins;
use super::{Wrong, WrongKey, hooks};
use crate::domain::chat::Mention;
use crate::domain::names::{Role, SecretName};
use crate::domain::redact::Redactor;
use crate::domain::secret::{Opened, SecretSource};

/// Where Discord answers.
const DISCORD: &str = "https://discord.com";

/// An id of Discord has no more digits than a number of 64 bits.
const LONGEST_ID: usize = 20;

/// `[discord]`.
#[derive(Clone, Debug)]
pub struct DiscordConfig {
    /// Where the bot's token is.
    pub token: SecretSource,
    /// The servers in which Purser answers, by id. There must be one at least.
    pub guilds: Vec<String>,
    /// Whether it answers direct messages of those whom it knows.
    pub direct_messages: bool,
    /// Which role of Purser's a role of Discord stands for, by its id.
    pub roles: BTreeMap<String, Vec<Role>>,
    /// Where Discord's API is.
    pub api: String,
    /// The key with which Discord signs what it posts to us; `None`: it is listened to at its gateway.
    pub posts: Option<VerifyingKey>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscordTable {
    /// The file with the bot's token.
    token_file: Option<PathBuf>,
    /// The secret of the store that holds the same.
    token_secret: Option<SecretName>,
    /// The ids of the Discord servers in which Purser answers.
    guilds: Vec<String>,
    /// Whether people whom Purser knows may give commands in direct messages with the bot too.
    #[serde(default)]
    direct_messages: bool,
    /// What members with a role of Discord may be, by the role's id, if Purser knows them.
    #[serde(default)]
    roles: IndexMap<String, Vec<Role>>,
    /// The application's public key, 64 hexadecimal digits: Discord posts what people do to
    /// `/discord/interactions`, and its gateway is not listened to.
    public_key: Option<String>,
    /// Where Discord's API is, where that is not `https://discord.com`: a proxy for it.
    api: Option<String>,
}

/// Checks the table; paths are relative to `base`.
///
/// `listens`: whether anything is served over TCP.
pub(super) fn discord(
    table: DiscordTable,
    base: &Path,
    listens: bool,
    origins: &Origins,
) -> Result<DiscordConfig, Wrong> {
    let wrong = |path: &[&str], message: String| (origins.of(path), message);
    let file = table.token_file.map(|file| base.join(file));
    let token = SecretSource::exactly_one("token", file, table.token_secret)
        .map_err(|why| wrong(&["discord"], format!("[discord]: {why}")))?;
    let guilds = ["discord", "guilds"];
    if table.guilds.is_empty() {
        let message =
            "[discord] guilds: name the Discord servers in which Purser answers, by their ids";
        return Err(wrong(&guilds, message.to_owned()));
    }
    for guild in &table.guilds {
        check_id(guild).map_err(|why| wrong(&guilds, format!("[discord] guilds: {why}")))?;
    }
    for role in table.roles.keys() {
        let check = check_id(role);
        check.map_err(|why| {
            wrong(
                &["discord", "roles", role],
                format!("[discord.roles]: {why}"),
            )
        })?;
    }
    let api = table.api.as_deref().unwrap_or(DISCORD);
    let api = api.trim_end_matches('/');
    if !(api.starts_with("https://") || api.starts_with("http://")) {
        let message = format!("[discord] api: `{api}` is no address: it begins with https://");
        return Err(wrong(&["discord", "api"], message));
    }
    let posts = table.public_key.as_deref().map(public_key).transpose();
    let at = ["discord", "public_key"];
    let posts = posts.map_err(|why| wrong(&at, format!("[discord] public_key: {why}")))?;
    if posts.is_some() && !listens {
        let message = "[discord] public_key: Discord posts to an address of Purser's, and `[server] listen` says \
                       none";
        return Err(wrong(&at, message.to_owned()));
    }
    Ok(DiscordConfig {
        posts,
        token,
        guilds: table.guilds,
        direct_messages: table.direct_messages,
        roles: table.roles.into_iter().collect(),
        api: api.to_owned(),
    })
}

fn public_key(text: &str) -> Result<VerifyingKey, String> {
    let bytes = hex::decode(text).ok();
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    key.ok_or_else(|| {
        "that is no key: it has 64 hexadecimal digits, and stands on the application's first page in the \
         developer portal"
            .to_owned()
    })
}

/// Ids of Discord are numbers, and are written as text because they are longer than what JSON's numbers
/// hold.
pub(super) fn check_id(id: &str) -> Result<(), String> {
    let is_id = !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_digit());
    if is_id {
        return Ok(());
    }
    Err(format!(
        "`{id}` is no id of Discord: that is a number of up to {LONGEST_ID} digits, which `Copy ID` gives in \
         Discord's developer mode"
    ))
}

/// Who a text calls, written as Discord writes it, `<@&ROLE>` or `<@USER>`; an id alone is that of a role.
pub(super) fn mention(text: &str) -> Result<Mention, String> {
    let inside = text
        .strip_prefix("<@")
        .and_then(|rest| rest.strip_suffix('>'));
    let mention = match inside {
        Some(inside) => match inside.strip_prefix('&') {
            Some(role) => Mention::Role(role.to_owned()),
            // An older way to write a user.
            None => Mention::User(inside.trim_start_matches('!').to_owned()),
        },
        None => Mention::Role(text.to_owned()),
    };
    let (Mention::Role(id) | Mention::User(id)) = &mention;
    check_id(id).map_err(|_| {
        format!(
            "`{text}` calls nobody in Discord: write <@&ROLE> or <@USER>, with the id of a role or a user"
        )
    })?;
    Ok(mention)
}

impl DiscordConfig {
    /// Reads the token, and has it masked from now on.
    ///
    /// # Errors
    /// It cannot be read, or is empty.
    pub fn open(&self, redactor: &Redactor, stored: &Opened) -> Result<SecretString, WrongKey> {
        let text = hooks::read("token", &self.token, stored)?;
        let token = text.expose_secret().trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(WrongKey {
                key: self.token.setting("token"),
                why: format!("{}: a token is one word", self.token),
            });
        }
        redactor.learn(token);
        Ok(SecretString::from(token))
    }
}

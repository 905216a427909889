//! Keys for a first configuration: those that are there already, or newly drawn.

use std::path::Path;

use age::x25519::{Identity, Recipient};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::machine::MachineEntropy;
use crate::cli::Failure;
use crate::engine::Entropy as _;
use crate::init::{CONFIG, Fresh, HOOK_FILE, IDENTITY_FILE, OWN_BACKUP_FILE};

/// The keys for a configuration, and whether the one that opens backups is new and nowhere yet.
pub(super) struct Keys {
    pub(super) fresh: Fresh,
    pub(super) is_drawn: bool,
}

/// The keys in this folder; what is missing is made.
pub(super) fn keys(folder: &Path) -> Result<Keys, Failure> {
    let hook = match there(folder, HOOK_FILE)? {
        Some(text) => text,
        None => SecretString::from(format!("whsec_{}", STANDARD.encode(MachineEntropy.bytes()))),
    };
    let mut is_drawn = false;
    let (recipient, identity) = if let Some(text) = there(folder, IDENTITY_FILE)? {
        (recipient(folder, &text)?, Some(text))
    } else if let Some(recipient) = configured(folder)? {
        (recipient, None)
    } else {
        is_drawn = true;
        let new = Identity::generate();
        let text = new.to_string().expose_secret().to_owned();
        (new.to_public().to_string(), Some(SecretString::from(text)))
    };
    let fresh = Fresh {
        hook,
        identity,
        recipient,
    };
    Ok(Keys { fresh, is_drawn })
}

/// The recipient that what is there already locks backups for. Its key has been moved away, as it
/// should be: backups for a new one would be opened by no key that anybody has put by.
fn configured(folder: &Path) -> Result<Option<String>, Failure> {
    for file in [OWN_BACKUP_FILE, CONFIG] {
        let text = there(folder, file)?.unwrap_or_default();
        let text = text.expose_secret();
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
        if let Some(found) = words.find(|word| word.parse::<Recipient>().is_ok()) {
            return Ok(Some(found.to_owned()));
        }
    }
    Ok(None)
}

/// What locks for the key in a file, which may have comments above it.
fn recipient(folder: &Path, text: &SecretString) -> Result<String, Failure> {
    let mut lines = text.expose_secret().lines().map(str::trim);
    let key = lines.find(|line| line.starts_with("AGE-SECRET-KEY-"));
    match key.map(str::parse::<Identity>) {
        Some(Ok(identity)) => Ok(identity.to_public().to_string()),
        _ => Err(Failure::failed(format!(
            "{} holds no key of age: move it away, or put the right one there; nothing was written",
            folder.join(IDENTITY_FILE).display()
        ))),
    }
}

fn there(folder: &Path, file: &str) -> Result<Option<SecretString>, Failure> {
    let path = folder.join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(SecretString::from(text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::failed(format!(
            "{}: {error}; nothing was written",
            path.display()
        ))),
    }
}

//! Keys for a first configuration: those that are there already, or newly drawn.

use std::path::Path;

use age::x25519::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::machine::MachineEntropy;
use crate::cli::Failure;
use crate::engine::Entropy as _;
use crate::init::{Fresh, HOOK_FILE, IDENTITY_FILE};

/// The keys in this folder; what is missing is made.
pub(super) fn fresh(folder: &Path) -> Result<Fresh, Failure> {
    let hook = match there(folder, HOOK_FILE)? {
        Some(text) => text,
        None => SecretString::from(format!("whsec_{}", STANDARD.encode(MachineEntropy.bytes()))),
    };
    let identity = match there(folder, IDENTITY_FILE)? {
        Some(text) => text.expose_secret().trim().parse::<Identity>().map_err(|why| {
            let path = folder.join(IDENTITY_FILE);
            Failure::failed(format!(
                "{} holds no key of age ({why}): move it away, or put the right one there; nothing was \
                 written",
                path.display()
            ))
        })?,
        None => Identity::generate(),
    };
    Ok(Fresh {
        hook,
        recipient: identity.to_public().to_string(),
        identity: SecretString::from(identity.to_string().expose_secret().to_owned()),
    })
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

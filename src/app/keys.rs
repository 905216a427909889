//! Keys that are made at the first start and stay in the store's folder.

use std::path::Path;

use ed25519_dalek::SigningKey;
use secrecy::{ExposeSecret as _, SecretString};

use super::machine::MachineEntropy;
use crate::cli::Failure;
use crate::domain::receipt::Receipt;
use crate::engine::Entropy as _;
use crate::store::put_key_file;

/// The key that signs receipts: read, or made at the first start, for the owner only. `last` is the
/// store's last sealed receipt: whatever signs the next must be what has signed that one.
pub(super) fn receipts_key(path: &Path, last: Option<&Receipt>) -> Result<SigningKey, Failure> {
    // One that cannot be looked at is not to be written over by a new one.
    let is_there = path.try_exists().map_err(|error| failed(path, &error))?;
    let Some(last) = last else {
        return if is_there {
            read_key(path)
        } else {
            make_key(path).map_err(|error| failed(path, &error))
        };
    };
    let another = |what: &str| {
        let seq = last.seq;
        failed(
            path,
            &format!(
                "{what} the receipts of this store are signed with, {seq} by now: copy it from the \
                 machine that was active before, or restore it from a backup; nothing was changed"
            ),
        )
    };
    if !is_there {
        return Err(another("this file is not there, and it is the key that"));
    }
    let key = read_key(path)?;
    match last.signed_by(&key.verifying_key()) {
        Ok(()) => Ok(key),
        Err(_) => Err(another("this is not the key that")),
    }
}

/// The key of a file that must be there.
pub(super) fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    hex::decode(text.trim())
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .map(|bytes| SigningKey::from_bytes(&bytes))
        .ok_or_else(|| {
            failed(
                path,
                &"this is no key of 64 hexadecimal digits; restore it from a backup: without \
                    it new receipts cannot follow the old ones",
            )
        })
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("{}: {error}", path.display()))
}

fn make_key(path: &Path) -> std::io::Result<SigningKey> {
    let key = SigningKey::from_bytes(&MachineEntropy.bytes());
    let text = SecretString::from(hex::encode(key.as_bytes()));
    put_key_file(path, text.expose_secret().as_bytes())?;
    Ok(key)
}

//! Keys that are made at the first start and stay in the store's folder.

use std::path::Path;

use ed25519_dalek::SigningKey;

use super::machine::MachineEntropy;
use crate::cli::Failure;
use crate::engine::Entropy as _;

/// The key that signs receipts: read, or made at the first start, for the owner only.
pub(super) fn receipts_key(path: &Path) -> Result<SigningKey, Failure> {
    if path.exists() {
        return read_key(path);
    }
    make_key(path).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

/// The key of a file that must be there.
pub(super) fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let failed = |what: &str| Failure::failed(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error.to_string()))?;
    hex::decode(text.trim())
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .map(|bytes| SigningKey::from_bytes(&bytes))
        .ok_or_else(|| {
            failed(
                "this is no key of 64 hexadecimal digits; restore it from a backup: without \
                    it new receipts cannot follow the old ones",
            )
        })
}

fn make_key(path: &Path) -> std::io::Result<SigningKey> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let seed = MachineEntropy.bytes();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(hex::encode(seed).as_bytes())?;
    file.sync_all()?;
    Ok(SigningKey::from_bytes(&seed))
}

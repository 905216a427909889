//! Keys that are made at the first start and stay in the store's folder.

use std::path::Path;

use ed25519_dalek::SigningKey;

use super::machine::MachineEntropy;
use crate::cli::Failure;
use crate::engine::Entropy as _;

/// The key that signs receipts: read, or made at the first start, for the owner only.
pub(super) fn receipts_key(path: &Path) -> Result<SigningKey, Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let failed = |what: &str| Failure::failed(format!("{}: {what}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) => hex::decode(text.trim())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|bytes| SigningKey::from_bytes(&bytes))
            .ok_or_else(|| {
                failed(
                    "this is no key of 64 hexadecimal digits; restore it from a backup: without \
                        it new receipts cannot follow the old ones",
                )
            }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let seed = MachineEntropy.bytes();
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(|error| failed(&error.to_string()))?;
            file.write_all(hex::encode(seed).as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(|error| failed(&error.to_string()))?;
            Ok(SigningKey::from_bytes(&seed))
        }
        Err(error) => Err(failed(&error.to_string())),
    }
}

//! `manifest.json`, the last file of a backup: what is in it, and by what it is proven whole.

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::receipt::Anchor;
use crate::domain::time::{Timestamp, rfc3339};

/// Its name in the backup.
pub const NAME: &str = "manifest.json";
/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;

/// All that is known of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The name of the object.
    pub name: String,
    /// The version of Purser that made it.
    pub purser: String,
    /// When the store was copied.
    #[serde(with = "rfc3339")]
    pub made_at: Timestamp,
    /// The last sealed receipt in it.
    pub head: Option<Anchor>,
    /// The version of the store's tables.
    pub schema: i64,
    /// What was left out, and why.
    pub left_out: Vec<String>,
    /// Every other file, in the order in which they were written.
    pub files: Vec<File>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its path in the backup.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Of its content.
    pub sha256: Digest,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// It is of another format, or no manifest at all; a sentence.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
            purser: String,
        }
        let no_manifest = |error: serde_json::Error| format!("its {NAME} cannot be read: {error}");
        let Format { format, purser } = serde_json::from_slice(bytes).map_err(no_manifest)?;
        if format != FORMAT {
            return Err(format!(
                "it was made by purser {purser} in format {format}, and this is purser {} and reads \
                 format {FORMAT}: use that version",
                env!("CARGO_PKG_VERSION")
            ));
        }
        serde_json::from_slice(bytes).map_err(no_manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_another_format_is_not_guessed_at() {
        let newer = br#"{ "format": 2, "purser": "9.9.9", "else": true }"#;
        let error = Manifest::read(newer).unwrap_err();
        assert!(
            error.starts_with("it was made by purser 9.9.9 in format 2, and this is purser "),
            "{error}"
        );
        assert!(Manifest::read(b"{").is_err());
    }
}

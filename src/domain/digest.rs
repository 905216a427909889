//! SHA-256 over canonical JSON (RFC 8785): the same data has the same digest everywhere.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256, written `sha256:` and 64 hexadecimal digits.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Of these bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_hash(Sha256::new_with_prefix(bytes))
    }

    /// Of the bytes that this hash was given, piece by piece.
    pub fn of_hash(hash: Sha256) -> Self {
        Self(format!("sha256:{}", hex::encode(hash.finalize())))
    }

    /// The written form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits: enough for people to compare.
    pub fn short(&self) -> &str {
        let digits = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        digits.get(..12).unwrap_or(digits)
    }
}

impl From<String> for Digest {
    fn from(written: String) -> Self {
        Self(written)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The canonical text of a value (RFC 8785): sorted keys, no white space, one form a number.
pub fn canonical_json(value: &serde_json::Value) -> String {
    // A `Value` has no keys but strings and no numbers but finite ones, which are the only
    // things that the canonical form cannot write.
    serde_json_canonicalizer::to_string(value).unwrap_or_else(|_| value.to_string())
}

/// The digest of a value's canonical text.
pub fn digest_of(value: &serde_json::Value) -> Digest {
    Digest::of_bytes(canonical_json(value).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_spacing_do_not_matter() {
        let one: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":[1.0,"é"]}"#).unwrap();
        let two: serde_json::Value =
            serde_json::from_str("{ \"a\": [1, \"é\"], \"b\": 1 }").unwrap();
        assert_eq!(canonical_json(&one), r#"{"a":[1,"é"],"b":1}"#);
        assert_eq!(digest_of(&one), digest_of(&two));
    }
}

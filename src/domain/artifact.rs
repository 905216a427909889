//! What a step has kept beside its output: a chart, a dump, a log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// No artifact is larger, in bytes.
pub const LARGEST: usize = 16 * 1024 * 1024;

/// The longest name of one.
const LONGEST_NAME: usize = 64;

/// A kept output, by what it is; its bytes are found by their digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// Its name, as one of a file: `chart.png`. One step keeps no two of a name.
    pub name: String,
    /// What it is: `image/png`.
    pub media_type: String,
    /// Of its bytes.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Whether this can be the name of an artifact: people save it as a file of that name.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with('.')
        && name.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        assert!(is_name("chart-1.png"));
        for wrong in ["", ".hidden", "../up", "a/b", "a b", &"x".repeat(65)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}

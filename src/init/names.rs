//! Names that are good everywhere they will stand: in TOML, in YAML without quotes, in addresses.

use std::collections::BTreeSet;

use super::Candidate;

/// Leaves room for a prefix within the 32 characters of a workflow's name.
const LONGEST: usize = 20;

/// What YAML reads as something else than text.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// Whether a name can be taken as it is, for a person, a system or an environment.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && plain_name(text, "") == text
}

/// The name nearest to a text: small letters, digits, `-` and `_`, with a letter first. `instead` is
/// taken for a text that has none of them, and put before one that is no name by itself.
pub fn plain_name(text: &str, instead: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name: String = name.chars().take(LONGEST).collect();
    let name = name.trim_matches(['-', '_']);
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if name.is_empty() {
        instead.to_owned()
    } else if begins_well && !WORDS.contains(&name) {
        name.to_owned()
    } else {
        let whole: String = format!("{instead}-{name}").chars().take(LONGEST).collect();
        whole.trim_end_matches(['-', '_']).to_owned()
    }
}

/// The candidates with names of their own: the second of a name gets a number.
pub(super) fn told_apart(candidates: &[Candidate]) -> Vec<Candidate> {
    let mut taken = BTreeSet::new();
    candidates
        .iter()
        .map(|candidate| {
            let base = plain_name(&candidate.name, candidate.target.kind());
            let names = (1_u32..).map(|n| match n {
                1 => base.clone(),
                n => format!("{base}-{n}"),
            });
            let free = names.into_iter().find(|name| !taken.contains(name));
            let name = free.unwrap_or(base);
            taken.insert(name.clone());
            Candidate {
                name,
                ..candidate.clone()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_keeps_what_can_be_kept() {
        let name = |text| plain_name(text, "postgres");
        assert_eq!(name("Orders DB"), "orders-db");
        assert_eq!(name("bücher/db"), "b-cher-db");
        assert_eq!(name("数据库"), "postgres");
        assert_eq!(name("9lives"), "postgres-9lives");
        assert_eq!(name("on"), "postgres-on");
        assert_eq!(name("--'\"--"), "postgres");
    }

    proptest! {
        #[test]
        fn every_text_has_a_name(text in ".{0,60}") {
            let name = plain_name(&text, "postgres");
            prop_assert!(is_name(&name), "{name}");
        }
    }
}

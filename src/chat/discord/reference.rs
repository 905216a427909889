//! What a button carries: which run it is of and what a click does, in a `custom_id`. All else is in
//! the store, so a button works as long as its message stands.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::chat::card::Act;
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::service::Verdict;

/// Ours, and of this form: a later one begins otherwise.
const PREFIX: &str = "p1";

/// What a digest's digits are behind.
const SHA256: &str = "sha256:";

/// A run, and what a click does to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The run.
    pub run: RunId,
    /// What is to be done.
    pub act: Act,
}

impl Reference {
    /// As a `custom_id`, of 92 characters at most; `None` where the plan's digest is no SHA-256.
    pub fn custom_id(&self) -> Option<String> {
        let run = URL_SAFE_NO_PAD.encode(self.run.uuid().as_bytes());
        let mut id = format!("{PREFIX}.{run}.{}", letter(&self.act));
        let more = match &self.act {
            Act::Approve { plan } | Act::Confirm { plan } | Act::Reject { plan } => {
                Some(digits(plan)?.to_owned())
            }
            Act::Decide { question, verdict } => Some(format!("{}{question}", said(*verdict))),
            Act::Logs { place } => Some(place.to_string()),
            Act::Cancel | Act::Rerun | Act::Undo => None,
        };
        if let Some(more) = more {
            // Writing to a string does not fail.
            let _ = write!(id, ".{more}");
        }
        Some(id)
    }

    /// What a `custom_id` stands for; `None` where it is not one of ours, letter for letter.
    pub fn read(custom_id: &str) -> Option<Self> {
        let mut parts = custom_id.split('.');
        let is_ours = parts.next()? == PREFIX;
        let run = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        let reference = Self {
            run: RunId::new(Uuid::from_slice(&run).ok()?),
            act: act(parts.next()?, parts.next())?,
        };
        let is_whole = reference.custom_id().as_deref() == Some(custom_id);
        (is_ours && is_whole).then_some(reference)
    }
}

fn letter(act: &Act) -> char {
    match act {
        Act::Approve { .. } => 'a',
        Act::Confirm { .. } => 'k',
        Act::Reject { .. } => 'r',
        Act::Decide { .. } => 'd',
        Act::Cancel => 'c',
        Act::Rerun => 'g',
        Act::Undo => 'u',
        Act::Logs { .. } => 'l',
    }
}

fn act(letter: &str, more: Option<&str>) -> Option<Act> {
    let plan = || Some(Digest::from(format!("{SHA256}{}", more?)));
    Some(match letter {
        "a" => Act::Approve { plan: plan()? },
        "k" => Act::Confirm { plan: plan()? },
        "r" => Act::Reject { plan: plan()? },
        "d" => {
            let mut rest = more?.chars();
            let verdict = verdict(rest.next()?)?;
            let question = rest.as_str().parse().ok()?;
            Act::Decide { question, verdict }
        }
        "c" => Act::Cancel,
        "g" => Act::Rerun,
        "u" => Act::Undo,
        "l" => Act::Logs {
            place: more?.parse().ok()?,
        },
        _ => return None,
    })
}

/// The 64 digits of a digest.
fn digits(plan: &Digest) -> Option<&str> {
    let digits = plan.as_str().strip_prefix(SHA256)?;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (digits.len() == 64 && digits.bytes().all(is_digit)).then_some(digits)
}

fn said(verdict: Verdict) -> char {
    match verdict {
        Verdict::Happened => 'y',
        Verdict::DidNot => 'n',
        Verdict::GoOn => 'o',
    }
}

fn verdict(letter: char) -> Option<Verdict> {
    [Verdict::Happened, Verdict::DidNot, Verdict::GoOn]
        .into_iter()
        .find(|verdict| said(*verdict) == letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn acts() -> impl Strategy<Value = Act> {
        let plan = any::<[u8; 8]>().prop_map(|bytes| Digest::of_bytes(&bytes));
        let verdicts = prop_oneof![
            Just(Verdict::Happened),
            Just(Verdict::DidNot),
            Just(Verdict::GoOn)
        ];
        prop_oneof![
            plan.clone().prop_map(|plan| Act::Approve { plan }),
            plan.clone().prop_map(|plan| Act::Confirm { plan }),
            plan.prop_map(|plan| Act::Reject { plan }),
            (any::<u32>(), verdicts)
                .prop_map(|(question, verdict)| Act::Decide { question, verdict }),
            Just(Act::Cancel),
            Just(Act::Rerun),
            Just(Act::Undo),
            any::<u32>().prop_map(|place| Act::Logs { place }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(run in any::<u128>(), act in acts()) {
            let reference = Reference { run: RunId::new(Uuid::from_u128(run)), act };
            let written = reference.custom_id().unwrap();
            prop_assert!(written.len() <= 100, "{written}");
            prop_assert_eq!(Reference::read(&written), Some(reference));
        }

        #[test]
        fn what_is_read_is_written_so(text in "(p1|p2|)[.][A-Za-z0-9_-]{20,23}[.][a-z]([.][yno+]?[0-9a-f]{0,3})?") {
            if let Some(reference) = Reference::read(&text) {
                prop_assert_eq!(reference.custom_id(), Some(text));
            }
        }

        #[test]
        fn what_others_wrote_is_none_of_ours(text in "\\PC*") {
            prop_assert_eq!(Reference::read(&text), None);
        }
    }

    #[test]
    fn a_digest_that_is_none_has_no_button() {
        for plan in ["sha256:12", "md5:0", ""] {
            let act = Act::Approve {
                plan: Digest::from(plan.to_owned()),
            };
            let run = RunId::new(Uuid::nil());
            assert_eq!(Reference { run, act }.custom_id(), None, "{plan}");
        }
    }

    #[test]
    fn a_number_is_written_in_one_way() {
        let run = "p1.AAAAAAAAAAAAAAAAAAAAAA";
        assert!(Reference::read(&format!("{run}.l.7")).is_some());
        for other in ["l.07", "l.+7", "l.7.7", "l", "l.", "c.7", "dy7", "d.y07"] {
            assert_eq!(Reference::read(&format!("{run}.{other}")), None, "{other}");
        }
    }
}

//! What a button carries: which run it is of and what a click does, in a `custom_id`. All else is in
//! the store, so a button works as long as its message stands.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

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
    pub deed: Deed,
}

/// What a click does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Says yes to this plan.
    Approve {
        /// What was looked at.
        plan: Digest,
    },
    /// Says no to it.
    Reject {
        /// What was looked at.
        plan: Digest,
    },
    /// Answers a question.
    Decide {
        /// Its number in the run.
        question: u32,
        /// What is said.
        verdict: Verdict,
    },
    /// Stops the run.
    Cancel,
    /// Starts one that goes on from it.
    Rerun,
    /// Starts one that takes back what it did.
    Undo,
    /// Shows what a step has said.
    Logs {
        /// Its place among the steps of the run, counted from 0.
        place: u32,
    },
}

impl Reference {
    /// As a `custom_id`, of 92 characters at most; `None` where the plan's digest is no SHA-256.
    pub fn custom_id(&self) -> Option<String> {
        let run = URL_SAFE_NO_PAD.encode(self.run.uuid().as_bytes());
        let mut id = format!("{PREFIX}.{run}.{}", self.deed.letter());
        let more = match &self.deed {
            Deed::Approve { plan } | Deed::Reject { plan } => Some(digits(plan)?.to_owned()),
            Deed::Decide { question, verdict } => Some(format!("{}{question}", said(*verdict))),
            Deed::Logs { place } => Some(place.to_string()),
            Deed::Cancel | Deed::Rerun | Deed::Undo => None,
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
            deed: Deed::read(parts.next()?, parts.next())?,
        };
        let is_whole = reference.custom_id().as_deref() == Some(custom_id);
        (is_ours && is_whole).then_some(reference)
    }
}

impl Deed {
    fn letter(&self) -> char {
        match self {
            Self::Approve { .. } => 'a',
            Self::Reject { .. } => 'r',
            Self::Decide { .. } => 'd',
            Self::Cancel => 'c',
            Self::Rerun => 'g',
            Self::Undo => 'u',
            Self::Logs { .. } => 'l',
        }
    }

    fn read(letter: &str, more: Option<&str>) -> Option<Self> {
        let plan = || Some(Digest::from(format!("{SHA256}{}", more?)));
        Some(match letter {
            "a" => Self::Approve { plan: plan()? },
            "r" => Self::Reject { plan: plan()? },
            "d" => {
                let mut rest = more?.chars();
                let verdict = verdict(rest.next()?)?;
                let question = rest.as_str().parse().ok()?;
                Self::Decide { question, verdict }
            }
            "c" => Self::Cancel,
            "g" => Self::Rerun,
            "u" => Self::Undo,
            "l" => Self::Logs {
                place: more?.parse().ok()?,
            },
            _ => return None,
        })
    }
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

    fn deeds() -> impl Strategy<Value = Deed> {
        let plan = any::<[u8; 8]>().prop_map(|bytes| Digest::of_bytes(&bytes));
        let verdicts = prop_oneof![
            Just(Verdict::Happened),
            Just(Verdict::DidNot),
            Just(Verdict::GoOn)
        ];
        prop_oneof![
            plan.clone().prop_map(|plan| Deed::Approve { plan }),
            plan.prop_map(|plan| Deed::Reject { plan }),
            (any::<u32>(), verdicts)
                .prop_map(|(question, verdict)| Deed::Decide { question, verdict }),
            Just(Deed::Cancel),
            Just(Deed::Rerun),
            Just(Deed::Undo),
            any::<u32>().prop_map(|place| Deed::Logs { place }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(run in any::<u128>(), deed in deeds()) {
            let reference = Reference { run: RunId::new(Uuid::from_u128(run)), deed };
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
            let deed = Deed::Approve {
                plan: Digest::from(plan.to_owned()),
            };
            let run = RunId::new(Uuid::nil());
            assert_eq!(Reference { run, deed }.custom_id(), None, "{plan}");
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

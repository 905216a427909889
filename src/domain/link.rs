//! Links: identities of chats that belong to a person because both have said so. A code is shown where
//! the person is known, and typed where they are not yet.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::names::PersonName;
use super::person::Actor;
use super::time::Timestamp;

/// A code can be used for so long.
pub const CODE_LIVES: Duration = Duration::from_mins(10);

/// One identity may type so many wrong codes within [`WINDOW`].
const WRONG: usize = 5;

/// How long a wrong code counts.
const WINDOW: Duration = Duration::from_mins(10);

/// The wrong codes of more identities are not counted at the same time; the next one waits.
const MOST: usize = 10_000;

/// Who somebody is in a chat.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Identity {
    /// The chat system: `discord`.
    pub platform: String,
    /// What the platform calls them.
    pub id: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.platform, self.id)
    }
}

/// An identity that belongs to a person by a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The identity.
    pub identity: Identity,
    /// Whose it is.
    pub person: PersonName,
    /// Since when.
    pub linked_at: Timestamp,
}

/// Crockford's letters: none of them is taken for another one.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// So many letters of five bits each.
const LENGTH: usize = 8;

/// A code of 40 random bits, which is read aloud or typed: `K4XP-7QRM`.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkCode(String);

impl LinkCode {
    /// The code of these random bytes.
    pub fn drawn(random: [u8; 32]) -> Self {
        let mut bytes = [0; 8];
        bytes[3..].copy_from_slice(&random[..5]);
        let bits = u64::from_be_bytes(bytes);
        let letters = (0..LENGTH).rev().map(|place| {
            let five = (bits >> (5 * place)) & 31;
            char::from(LETTERS[usize::try_from(five).unwrap_or(0)])
        });
        Self(letters.collect())
    }

    /// What was typed as a code, whatever its case, dashes and blanks are; `O` is read as `0`, `I` and `L`
    /// as `1`. `None`: it cannot be one.
    pub fn read(typed: &str) -> Option<Self> {
        let is_between = |c: &char| *c == '-' || c.is_whitespace();
        let mut letters = typed.chars().filter(|c| !is_between(c)).map(letter);
        let code: Option<String> = letters.by_ref().take(LENGTH + 1).collect();
        code.filter(|code| code.len() == LENGTH).map(Self)
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

fn letter(typed: char) -> Option<char> {
    let letter = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let is_ours = u8::try_from(letter).is_ok_and(|byte| LETTERS.contains(&byte));
    is_ours.then_some(letter)
}

impl fmt::Display for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, rest) = self.0.split_at(LENGTH / 2);
        write!(f, "{first}-{rest}")
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode(…)")
    }
}

/// Why a code does nothing. It is not told whether there is one that would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCode {
    /// There is no such code, or no more.
    Wrong,
    /// The identity has typed too many wrong ones, or too many have: this one was not looked at. It may try
    /// again after so long.
    Wait(Duration),
}

/// The codes that can be used, and the wrong ones that were tried of late.
#[derive(Debug, Default)]
pub struct OpenCodes {
    /// One for each person.
    open: BTreeMap<PersonName, OpenCode>,
    /// When each identity has typed wrong ones, oldest first.
    wrong: HashMap<Identity, VecDeque<Timestamp>>,
}

#[derive(Debug)]
struct OpenCode {
    digest: [u8; 32],
    shown_to: Actor,
    until: Timestamp,
}

impl OpenCodes {
    /// From now on this code stands for whoever it is shown to, and the one that they had before does not:
    /// until when.
    pub fn open(&mut self, code: &LinkCode, shown_to: Actor, now: Timestamp) -> Timestamp {
        let until = now.plus(CODE_LIVES);
        let code = OpenCode {
            digest: code.digest(),
            shown_to,
            until,
        };
        self.open.insert(code.shown_to.person.clone(), code);
        until
    }

    /// Uses a code up: who it was shown to.
    ///
    /// # Errors
    /// It does not do, or is not looked at.
    pub fn take(&mut self, typed: &str, by: &Identity, now: Timestamp) -> Result<Actor, NoCode> {
        self.open.retain(|_, code| now < code.until);
        self.may_try(by, now)?;
        let found = self.find(typed);
        let code = found.and_then(|person| self.open.remove(&person));
        if code.is_none() {
            self.wrong.entry(by.clone()).or_default().push_back(now);
        }
        code.map(|code| code.shown_to).ok_or(NoCode::Wrong)
    }

    /// Whose code this is. How long that takes tells nothing of the codes that there are.
    fn find(&self, typed: &str) -> Option<PersonName> {
        let typed = LinkCode::read(typed)?.digest();
        let mut found = None;
        for (person, code) in &self.open {
            let is_it: Choice = typed.ct_eq(&code.digest);
            if bool::from(is_it) {
                found = Some(person.clone());
            }
        }
        found
    }

    fn may_try(&mut self, by: &Identity, now: Timestamp) -> Result<(), NoCode> {
        if !self.wrong.contains_key(by) && self.wrong.len() >= MOST {
            self.wrong
                .retain(|_, tries| tries.back().is_some_and(|last| now < last.plus(WINDOW)));
            if self.wrong.len() >= MOST {
                return Err(NoCode::Wait(WINDOW));
            }
        }
        let Some(tries) = self.wrong.get_mut(by) else {
            return Ok(());
        };
        while tries.front().is_some_and(|first| first.plus(WINDOW) <= now) {
            tries.pop_front();
        }
        match tries.front() {
            Some(first) if tries.len() >= WRONG => Err(NoCode::Wait(first.plus(WINDOW).since(now))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ann() -> Actor {
        Actor {
            person: "ann".into(),
            roles: vec![],
            through: "uid 1000".to_owned(),
        }
    }

    fn identity(id: &str) -> Identity {
        Identity {
            platform: "discord".to_owned(),
            id: id.to_owned(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn code(byte: u8) -> LinkCode {
        LinkCode::drawn([byte; 32])
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again_however_it_is_typed(random in any::<[u8; 32]>()) {
            let code = LinkCode::drawn(random);
            let shown = code.to_string();
            prop_assert_eq!(LinkCode::read(&shown), Some(code.clone()));
            let typed = shown.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            prop_assert_eq!(LinkCode::read(&typed), Some(code));
        }
    }

    #[test]
    fn a_code_has_forty_bits_and_tells_them_to_no_log() {
        assert_eq!(LinkCode::drawn([255; 32]).to_string(), "ZZZZ-ZZZZ");
        let mut one = [0; 32];
        one[4] = 1;
        assert_eq!(LinkCode::drawn(one).to_string(), "0000-0001");
        assert_eq!(format!("{:?}", code(1)), "LinkCode(…)");
        for none in ["", "K4XP", "K4XP-7QRMM", "K4XP-7QRU", "K4XP-7QR\u{fc}"] {
            assert_eq!(LinkCode::read(none), None, "{none}");
        }
    }

    #[test]
    fn a_code_is_used_once_within_ten_minutes_and_a_new_one_voids_it() {
        let (mut codes, dee) = (OpenCodes::default(), identity("7"));
        let until = codes.open(&code(1), ann(), at(0));
        assert_eq!(until, at(600));
        codes.open(&code(2), ann(), at(1));
        let mut take = |byte: u8, now| codes.take(&code(byte).to_string(), &dee, at(now));
        assert_eq!(take(1, 2), Err(NoCode::Wrong), "voided");
        assert_eq!(take(2, 2), Ok(ann()));
        assert_eq!(take(2, 2), Err(NoCode::Wrong), "used");
        codes.open(&code(3), ann(), at(10));
        let mut take = |byte: u8, now| codes.take(&code(byte).to_string(), &dee, at(now));
        assert_eq!(take(3, 610), Err(NoCode::Wrong), "lapsed");
    }

    #[test]
    fn who_has_typed_five_wrong_codes_waits_and_nobody_else_does() {
        let (mut codes, dee, eve) = (OpenCodes::default(), identity("7"), identity("8"));
        codes.open(&code(1), ann(), at(0));
        for second in 0..5 {
            let wrong = codes.take("no code", &dee, at(second));
            assert_eq!(wrong, Err(NoCode::Wrong));
        }
        let right = code(1).to_string();
        let wait = NoCode::Wait(Duration::from_secs(595));
        assert_eq!(codes.take(&right, &dee, at(5)), Err(wait));
        assert_eq!(codes.take(&right, &eve, at(5)), Ok(ann()));
        codes.open(&code(1), ann(), at(599));
        assert_eq!(codes.take(&right, &dee, at(600)), Ok(ann()));
    }

    #[test]
    fn the_wrong_codes_of_everybody_take_no_memory_without_end() {
        let mut codes = OpenCodes::default();
        for id in 0..MOST {
            let wrong = codes.take("no code", &identity(&id.to_string()), at(0));
            assert_eq!(wrong, Err(NoCode::Wrong));
        }
        let one_more = identity("more");
        let refused = codes.take("no code", &one_more, at(1));
        assert_eq!(refused, Err(NoCode::Wait(WINDOW)));
        let later = codes.take("no code", &one_more, at(600));
        assert_eq!(later, Err(NoCode::Wrong));
        assert_eq!(codes.wrong.len(), 1);
    }
}

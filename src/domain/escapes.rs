//! Text that may be percent-encoded, in part, by any encoder: they differ in what they leave as it is
//! and in how they spell hexadecimal digits, and agree in what it stands for.

use std::ops::Range;

/// A text decoded as far as it is encoded.
pub(super) struct Unescaped {
    bytes: Vec<u8>,
    /// Where in the text each byte begins, and where the text ends.
    starts: Vec<usize>,
}

impl Unescaped {
    /// `None` where nothing is encoded.
    pub(super) fn of(text: &str) -> Option<Self> {
        let given = text.as_bytes();
        if !(0..given.len()).any(|at| escape_at(given, at).is_some()) {
            return None;
        }
        let (mut bytes, mut starts, mut at) = (vec![], vec![], 0);
        while at < given.len() {
            starts.push(at);
            let (byte, length) = escape_at(given, at).map_or((given[at], 1), |byte| (byte, 3));
            bytes.push(byte);
            at += length;
        }
        starts.push(at);
        Some(Self { bytes, starts })
    }

    /// Of these, each place in the text that stands for one, the first ones first; no two overlap.
    pub(super) fn places_of<'f>(&self, all: impl Iterator<Item = &'f [u8]>) -> Vec<Range<usize>> {
        let mut is_taken = vec![false; self.bytes.len()];
        let mut places = vec![];
        for one in all.filter(|one| !one.is_empty()) {
            let mut at = 0;
            while let Some(range) = self.next(one, at) {
                at = range.end;
                if !is_taken[range.clone()].contains(&true) {
                    is_taken[range.clone()].fill(true);
                    places.push(self.starts[range.start]..self.starts[range.end]);
                }
            }
        }
        places
    }

    fn next(&self, one: &[u8], from: usize) -> Option<Range<usize>> {
        let windows = self.bytes.get(from..)?.windows(one.len());
        let start = from + windows.into_iter().position(|window| window == one)?;
        Some(start..start + one.len())
    }

    /// What the text stands for.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn escape_at(text: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low] = text.get(at..at + 3)? else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

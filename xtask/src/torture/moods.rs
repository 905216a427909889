//! How the effect server treats what it is sent: mostly well, slowly, and now and then badly.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dice::Dice;
use crate::effect_server::{Mood, Reply};

/// Each request takes up to this long before it is done, and up to this long until it is answered.
const USUAL: Duration = Duration::from_millis(250);
/// Some take much longer, and outlive whoever asked.
const LONG: Duration = Duration::from_millis(2500);

/// Of a hundred requests so many are slow, as a rule.
pub(super) const FEW: u64 = 8;

/// A key is treated badly so often in a row and no more. A step has more attempts than that, and so
/// has what takes it back: no run fails or gets stuck because the service was never well.
const IN_A_ROW: u32 = 3;

/// Of a hundred requests so many: done and cut off, done and answered with 500, not done and
/// answered with 500, not done and cut off; and of all `slow`.
pub(super) fn unruly(mut dice: Dice, slow: u64) -> impl FnMut(&str) -> Mood + Send + 'static {
    let mut badly = BTreeMap::<String, u32>::new();
    move |key| {
        let mut mood = match dice.below(100) {
            0..4 => Mood::done_but(Reply::Cut),
            4..8 => Mood::done_but(Reply::Status(500)),
            8..12 => Mood::not_done(Reply::Status(500)),
            12..15 => Mood::not_done(Reply::Cut),
            _ => Mood::CALM,
        };
        let times = badly.entry(key.to_owned()).or_default();
        *times = if mood == Mood::CALM { 0 } else { *times + 1 };
        if *times > IN_A_ROW {
            (mood, *times) = (Mood::CALM, 0);
        }
        let longest = if dice.percent(slow) { LONG } else { USUAL };
        mood.before = dice.time(longest);
        mood.after = dice.time(USUAL);
        mood
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_treated_badly_for_ever() {
        let mut moods = unruly(Dice::of(1), FEW);
        let (mut in_a_row, mut longest) = ([0, 0], 0);
        for time in 0..20_000 {
            let one = time % 2;
            let is_bad = moods(["a", "b"][one]).reply != Reply::Truth;
            in_a_row[one] = if is_bad { in_a_row[one] + 1 } else { 0 };
            longest = longest.max(in_a_row[one]);
        }
        assert_eq!(longest, IN_A_ROW);
    }
}

//! How the effect server treats what it is sent: mostly well, slowly, and now and then badly.

use std::time::Duration;

use super::dice::Dice;
use crate::effect_server::{Mood, Reply};

/// Each request takes up to this long before it is done, and up to this long until it is answered.
const USUAL: Duration = Duration::from_millis(250);
/// Some take much longer, and outlive whoever asked.
const LONG: Duration = Duration::from_millis(2500);

/// Of a hundred requests so many are slow, as a rule.
pub(super) const FEW: u64 = 8;

/// Of a hundred requests so many: done and cut off, done and answered with 500, not done and
/// answered with 500, not done and cut off; and of all `slow`.
pub(super) fn unruly(mut dice: Dice, slow: u64) -> impl FnMut() -> Mood + Send + 'static {
    move || {
        let mut mood = match dice.below(100) {
            0..4 => Mood::done_but(Reply::Cut),
            4..8 => Mood::done_but(Reply::Status(500)),
            8..12 => Mood::not_done(Reply::Status(500)),
            12..15 => Mood::not_done(Reply::Cut),
            _ => Mood::CALM,
        };
        let longest = if dice.percent(slow) { LONG } else { USUAL };
        mood.before = dice.time(longest);
        mood.after = dice.time(USUAL);
        mood
    }
}

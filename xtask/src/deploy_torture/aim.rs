//! When a server is killed.

use std::time::Duration;

use xtask::torture::Dice;

use super::engine::Events;

/// Of a hundred kills so many come shortly after something has happened on the engine: then an effect
/// is often in hand.
const AIMED: u64 = 50;
/// Such a kill comes up to this long after it.
const SHORTLY: Duration = Duration::from_millis(80);
/// So much happens on the engine in a deploy.
const EVENTS: u64 = 10;
/// Of a hundred servers that follow a dead one so many are killed when they have hardly begun.
const EARLY: u64 = 12;
/// Such a kill comes up to this long after the start.
const SOON: Duration = Duration::from_millis(300);

/// An instant that nobody has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// So long after the server was started, which nobody waits for.
    Early(Duration),
    /// So long after somebody has asked for the deploy, or a new server has gone on with it.
    At(Duration),
    /// So long after so much more has happened on the engine.
    Behind(usize, Duration),
}

impl Aim {
    /// The aim of the kill of this number, of a deploy that lasts about so long.
    pub(super) fn of(kill: u32, lasts: Duration, dice: &mut Dice) -> Self {
        let is_later = kill > 1;
        if is_later && dice.percent(EARLY) {
            Self::Early(dice.time(SOON))
        } else if dice.percent(AIMED) {
            // What happened before the first kill does not happen again.
            let events = 1 + dice.below(EVENTS / u64::from(kill));
            Self::Behind(usize::try_from(events).unwrap_or(1), dice.time(SHORTLY))
        } else {
            Self::At(dice.time(lasts / kill))
        }
    }

    /// Waits for it.
    pub(super) fn wait(self, events: &Events, lasts: Duration) {
        match self {
            Self::Early(time) | Self::At(time) => std::thread::sleep(time),
            Self::Behind(more, time) => {
                events.waits(events.count() + more, lasts);
                std::thread::sleep(time);
            }
        }
    }
}

//! Kills at random instants, most of them while an effect is in hand.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::dice::Dice;
use super::{Options, Report, Scene, moods, play};

/// Of a hundred kills so many wait for an effect to be in hand.
const AIMED: u64 = 80;
/// Of a hundred kills so many hit a server that has hardly begun.
const EARLY: u64 = 4;
/// An aimed kill comes up to this long after the effect server has the request.
const SHORTLY: Duration = Duration::from_millis(200);
/// One that is not aimed comes up to this long after the server takes calls.
const SOON: Duration = Duration::from_millis(1200);

/// Kills and starts the program under load, lets everything end, and compares.
///
/// # Errors
/// The program does not start, or its runs do not end.
pub fn random_kills(options: &Options) -> Result<Report> {
    play(options, |scene, dice| {
        let moods = moods::unruly(dice.split(), moods::FEW);
        scene.server.follows(moods);
        for kill in 1..=options.kills {
            ensure!(!(options.interrupted)(), "interrupted");
            scene.life(dice)?;
            if kill % 20 == 0 {
                (options.say)(&format!("{kill} kills"));
            }
        }
        Ok(())
    })
    .map(Report::if_it_hit)
}

impl Scene {
    /// The life of one server, from its start to its violent end.
    fn life(&mut self, dice: &mut Dice) -> Result<()> {
        let since = self.server.mark();
        let moment = dice.time(SHORTLY);
        if dice.percent(EARLY) {
            self.house.begin(&[])?;
            sleep(moment);
            return self.kills(since);
        }
        self.starts()?;
        let asking = self.load.goes_on(dice.split());
        if dice.percent(AIMED) {
            self.aims(since, SHORTLY, dice);
        } else {
            sleep(dice.time(SOON));
        }
        self.kills(since)?;
        let _ = asking.join();
        Ok(())
    }
}

//! An active server and a standby: the active one is stopped beyond its lease, and woken.

use std::mem::swap;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;

use super::dice::Dice;
use super::house::House;
use super::{Options, Report, Scene, moods, play};

/// How often the one takes over from the other.
const TIMES: u32 = 5;
/// It sleeps on for up to this long after it was taken over from.
const LONGER: Duration = Duration::from_secs(2);

/// Stops the active server while it has effects in hand until the standby has taken over, wakes it,
/// and waits until it has ended by itself.
///
/// # Errors
/// The store is on no server, the standby does not take over, the woken one goes on, or a run does
/// not end.
pub fn taken_over(options: &Options) -> Result<Report> {
    play(options, |scene, dice| {
        scene.database()?;
        let moods = moods::unruly(dice.split(), moods::FEW);
        scene.server.follows(moods);
        scene.standby = Some(House::beside(&scene.house)?);
        scene.starts()?;
        for time in 1..=TIMES {
            scene.is_taken_over(options, dice)?;
            (options.say)(&format!("{time} takeovers"));
        }
        Ok(())
    })
    .map(Report::if_it_hit)
}

impl Scene {
    fn is_taken_over(&mut self, options: &Options, dice: &mut Dice) -> Result<()> {
        ensure!(!(options.interrupted)(), "interrupted");
        self.standby()?.begin(&[])?;
        let since = self.server.mark();
        let (asking, _) = self.is_struck(since, dice);
        self.house.signal(Signal::SIGSTOP)?;
        self.standby()?.is_up()?;
        // From here on the one that sleeps is the standby.
        if let Some(standby) = &mut self.standby {
            swap(&mut self.house, standby);
        }
        self.load.goes_to(&self.house);
        self.takes_over();
        let next = self.load.goes_on(dice.split());
        sleep(dice.time(LONGER));
        self.standby()?.signal(Signal::SIGCONT)?;
        ensure!(
            !self.standby()?.has_ended()?,
            "somebody killed the one that was woken"
        );
        let _ = (asking.join(), next.join());
        Ok(())
    }

    fn standby(&mut self) -> Result<&mut House> {
        self.standby.as_mut().context("there is no standby")
    }
}

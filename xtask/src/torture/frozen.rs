//! A server that is stopped for longer than its requests last, and woken.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::dice::Dice;
use super::{Options, Report, Scene, dies_too, moods, play};

/// How often it is stopped.
const TIMES: u32 = 9;
/// For how long: no request of a server that was not stopped would wait so long for its answer.
const FROZEN: Duration = Duration::from_secs(6);

/// Stops the server while it has effects in hand, sees that no second one takes its place, and wakes
/// it; every third time but the last it is killed before it wakes.
///
/// # Errors
/// The store is on a server, a second server is let in, or a run does not end.
pub fn frozen(options: &Options) -> Result<Report> {
    options.wants_sqlite(
        "of a server that is stopped on PostgreSQL the standby takes over, which is --standby",
    )?;
    play(options, |scene, dice| {
        let moods = moods::unruly(dice.split(), moods::FEW);
        scene.server.follows(moods);
        for time in 1..=TIMES {
            scene.is_frozen(time, options, dice)?;
            (options.say)(&format!("it was stopped {time} times"));
        }
        Ok(())
    })
    .map(Report::if_it_hit)
}

impl Scene {
    fn is_frozen(&mut self, time: u32, options: &Options, dice: &mut Dice) -> Result<()> {
        let since = self.goes_on(options)?;
        let (asking, hits) = self.is_struck(since, dice);
        self.house.signal(Signal::SIGSTOP)?;
        ensure!(
            self.house.refuses_a_second()?,
            "a second server works on the same store"
        );
        sleep(FROZEN);
        if dies_too(time, 3, TIMES) {
            self.house.kill()?;
            self.report.kills += 1;
            self.report.in_flight += u32::from(hits);
        } else {
            self.house.signal(Signal::SIGCONT)?;
        }
        let _ = asking.join();
        Ok(())
    }
}

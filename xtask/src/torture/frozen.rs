//! A server that is stopped for longer than its requests last, and woken.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::dice::Dice;
use super::{Options, Report, Scene, moods};

/// How often it is stopped.
const TIMES: u32 = 9;
/// For how long: no request of a server that was not stopped would wait so long for its answer.
const FROZEN: Duration = Duration::from_secs(6);
/// It is stopped up to this long after the effect server has a request.
const SHORTLY: Duration = Duration::from_millis(300);
/// No longer is waited for an effect to be begun.
const PATIENCE: Duration = Duration::from_secs(3);

/// Stops the server while it has effects in hand, sees that no second one takes its place, and wakes
/// it; every third one is killed before it wakes.
///
/// # Errors
/// A second server is let in, or a run does not end.
pub fn frozen(options: &Options) -> Result<Report> {
    let mut dice = Dice::of(options.seed);
    let mut scene = Scene::set(options)?;
    scene
        .server
        .follows(moods::unruly(dice.split(), moods::FEW));
    for time in 1..=TIMES {
        ensure!(!(options.interrupted)(), "interrupted");
        if !scene.house.runs() {
            scene.starts()?;
        }
        let since = scene.server.mark();
        let asking = scene.load.goes_on(dice.split());
        scene.server.waits_for_one(since, PATIENCE);
        sleep(dice.time(SHORTLY));
        let hit = scene.server.in_hand(since) > 0;
        scene.house.signal(Signal::SIGSTOP)?;
        ensure!(
            scene.house.refuses_a_second()?,
            "a second server works on the same store"
        );
        sleep(FROZEN);
        if time % 3 == 0 {
            scene.house.kill()?;
            scene.report.kills += 1;
            scene.report.in_flight += u32::from(hit);
        } else {
            scene.house.signal(Signal::SIGCONT)?;
        }
        let _ = asking.join();
        (options.say)(&format!("it was stopped {time} times"));
    }
    scene.settle(options)
}

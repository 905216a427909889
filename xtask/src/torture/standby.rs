//! An active server and a standby: the active one is stopped beyond its lease, and woken.

use std::mem::swap;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::dice::Dice;
use super::house::House;
use super::{Options, Report, Scene, moods};

/// How often the one takes over from the other.
const TIMES: u32 = 5;
/// The active one is stopped up to this long after the effect server has a request.
const SHORTLY: Duration = Duration::from_millis(400);
/// It sleeps on for up to this long after it was taken over from.
const LONGER: Duration = Duration::from_secs(2);
/// No longer is waited for an effect to be begun.
const PATIENCE: Duration = Duration::from_secs(3);

/// Stops the active server while it has effects in hand until the standby has taken over, wakes it,
/// and waits until it has ended by itself.
///
/// # Errors
/// The store is on no server, the standby does not take over, the woken one goes on, or a run does
/// not end.
pub fn taken_over(options: &Options) -> Result<Report> {
    let mut dice = Dice::of(options.seed);
    let mut scene = Scene::set(options)?;
    scene.database()?;
    scene
        .server
        .follows(moods::unruly(dice.split(), moods::FEW));
    let mut standby = House::beside(&scene.house)?;
    scene.starts()?;
    for time in 1..=TIMES {
        ensure!(!(options.interrupted)(), "interrupted");
        standby.begin(&[])?;
        let since = scene.server.mark();
        let asking = scene.load.goes_on(dice.split());
        scene.server.waits_for_one(since, PATIENCE);
        sleep(dice.time(SHORTLY));
        scene.house.signal(Signal::SIGSTOP)?;
        standby.is_up()?;
        swap(&mut scene.house, &mut standby);
        scene.load.goes_to(&scene.house);
        scene.takes_over();
        let next = scene.load.goes_on(dice.split());
        sleep(dice.time(LONGER));
        standby.signal(Signal::SIGCONT)?;
        ensure!(
            !standby.has_ended()?,
            "somebody killed the one that was woken"
        );
        let _ = (asking.join(), next.join());
        (options.say)(&format!("{time} takeovers"));
    }
    let report = scene.settle(options);
    standby.keep = report.as_ref().map_or(true, |report| !report.is_clean());
    report
}

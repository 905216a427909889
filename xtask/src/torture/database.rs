//! The store's database, killed, and reached on a way on which commits are cut.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::cutter::Cut;
use super::dice::Dice;
use super::store::Database;
use super::{Options, Report, Scene, moods};

/// How often the database is killed, and how many lives of a server have their commits cut.
const TIMES: u32 = 9;
/// It is killed up to this long after the effect server has a request.
const SHORTLY: Duration = Duration::from_millis(400);
/// It is away for up to this long.
const AWAY: Duration = Duration::from_secs(3);
/// A server whose commits are cut goes on for so long.
const SPAN: Duration = Duration::from_secs(4);
/// So many of a hundred commits are cut.
const CUTS: u64 = 6;
/// No longer is waited for an effect to be begun.
const PATIENCE: Duration = Duration::from_secs(3);

/// Kills the database while effects are in hand, and every third time the server too while the
/// database is away.
///
/// # Errors
/// The store is on no server, or a run does not end.
pub fn killed_database(options: &Options) -> Result<Report> {
    let mut dice = Dice::of(options.seed);
    let mut scene = Scene::set(options)?;
    scene
        .server
        .follows(moods::unruly(dice.split(), moods::FEW));
    for time in 1..=TIMES {
        let since = scene.goes_on(options)?;
        let asking = scene.load.goes_on(dice.split());
        scene.server.waits_for_one(since, PATIENCE);
        sleep(dice.time(SHORTLY));
        scene.database()?.cluster.kill()?;
        sleep(dice.time(AWAY));
        if time % 3 == 0 && scene.house.runs() {
            scene.kills(since)?;
        }
        scene.database()?.cluster.starts()?;
        let _ = asking.join();
        (options.say)(&format!("the database was killed {time} times"));
    }
    scene.settle(options)
}

/// Cuts connections in the middle of commits: before they reach the database, on their way, and
/// behind them.
///
/// # Errors
/// The store is on no server, no commit is cut, or a run does not end.
pub fn cut_commits(options: &Options) -> Result<Report> {
    let mut dice = Dice::of(options.seed);
    let mut scene = Scene::set(options)?;
    scene
        .server
        .follows(moods::unruly(dice.split(), moods::FEW));
    for time in 1..=TIMES {
        let since = scene.goes_on(options)?;
        let mut cuts = dice.split();
        scene.database()?.way.follows(move || {
            if !cuts.percent(CUTS) {
                return Cut::Never;
            }
            let all = [Cut::Before, Cut::OnTheWay, Cut::Behind];
            cuts.one_of(&all).copied().unwrap_or(Cut::Never)
        });
        let asking = scene.load.goes_on(dice.split());
        sleep(dice.time(SPAN));
        if time % 3 == 0 && scene.house.runs() {
            scene.kills(since)?;
        }
        scene.database()?.way.follows(|| Cut::Never);
        let _ = asking.join();
        let made = scene.database()?.way.made();
        (options.say)(&format!("{made} commits were cut"));
    }
    ensure!(scene.database()?.way.made() > 0, "no commit was cut");
    scene.settle(options)
}

impl Scene {
    pub(super) fn database(&mut self) -> Result<&mut Database> {
        self.database
            .as_mut()
            .context("the store is on no server: --store postgres")
    }

    /// A server takes calls, this one or a new one: a mark between what came before and what comes.
    fn goes_on(&mut self, options: &Options) -> Result<crate::effect_server::Mark> {
        ensure!(!(options.interrupted)(), "interrupted");
        if !self.house.runs() {
            self.starts()?;
        }
        Ok(self.server.mark())
    }
}

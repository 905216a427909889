//! The store's database, killed, and reached on a way on which commits are cut.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::cutter::Cut;
use super::dice::Dice;
use super::scene::SHORTLY;
use super::{Options, Report, Scene, dies_too, moods, play};

/// How often the database is killed, and how many lives of a server have their commits cut.
const TIMES: u32 = 9;
/// It is away for up to this long.
const AWAY: Duration = Duration::from_secs(3);
/// A server whose commits are cut goes on for up to so long.
const SPAN: Duration = Duration::from_secs(4);
/// So many of a hundred commits are cut.
const CUTS: u64 = 12;

/// Kills the database while effects are in hand, and every third time but the last the server too
/// while the database is away.
///
/// # Errors
/// The store is on no server, or a run does not end.
pub fn killed_database(options: &Options) -> Result<Report> {
    play(options, |scene, dice| {
        let moods = moods::unruly(dice.split(), moods::FEW);
        scene.server.follows(moods);
        for time in 1..=TIMES {
            scene.has_no_database(time, options, dice)?;
            (options.say)(&format!("the database was killed {time} times"));
        }
        Ok(())
    })
    .map(Report::if_it_hit)
}

/// Cuts connections in the middle of commits: before they reach the database, on their way, and
/// behind them; every third time but the last the server is killed too.
///
/// # Errors
/// The store is on no server, or a run does not end.
pub fn cut_commits(options: &Options) -> Result<Report> {
    play(options, |scene, dice| {
        let moods = moods::unruly(dice.split(), moods::FEW);
        scene.server.follows(moods);
        for time in 1..=TIMES {
            scene.has_its_commits_cut(time, options, dice)?;
            let made = scene.database()?.way.made();
            (options.say)(&format!("{made} commits were cut"));
        }
        Ok(())
    })
    .map(Report::if_it_hit)
}

impl Scene {
    fn has_no_database(&mut self, time: u32, options: &Options, dice: &mut Dice) -> Result<()> {
        let since = self.goes_on(options)?;
        let (asking, _) = self.is_struck(since, dice);
        self.database()?.cluster.kill()?;
        sleep(dice.time(AWAY));
        if dies_too(time, 3, TIMES) {
            self.kills(since)?;
        }
        self.database()?.cluster.starts()?;
        let _ = asking.join();
        Ok(())
    }

    fn has_its_commits_cut(&mut self, time: u32, options: &Options, dice: &mut Dice) -> Result<()> {
        let since = self.goes_on(options)?;
        let mut cuts = dice.split();
        let before = self.database()?.way.made();
        self.database()?.way.follows(move || {
            if !cuts.percent(CUTS) {
                return Cut::Never;
            }
            let all = [Cut::Before, Cut::OnTheWay, Cut::Behind];
            cuts.one_of(&all).copied().unwrap_or(Cut::Never)
        });
        let asking = self.load.goes_on(dice.split());
        sleep(SPAN / 2 + dice.time(SPAN / 2));
        if dies_too(time, 3, TIMES) {
            self.aims(since, SHORTLY, dice);
            self.kills(since)?;
        }
        let way = &self.database()?.way;
        way.follows(|| Cut::Never);
        let hits = way.made() > before;
        self.has_a_fault(hits);
        let _ = asking.join();
        Ok(())
    }
}

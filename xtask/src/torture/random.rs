//! Kills at random instants, most of them while an effect is in hand.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};

use super::dice::Dice;
use super::{Options, Report, Scene, api, moods};

/// Of a hundred kills so many wait for an effect to be in hand.
const AIMED: u64 = 80;
/// Of a hundred kills so many hit a server that has hardly begun.
const EARLY: u64 = 4;
/// An aimed kill comes up to this long after the effect server has the request.
const SHORTLY: Duration = Duration::from_millis(200);
/// One that is not aimed comes up to this long after the server takes calls.
const SOON: Duration = Duration::from_millis(1200);
/// No longer is waited for an effect to be begun.
const PATIENCE: Duration = Duration::from_secs(3);

/// Kills and starts the program under load, lets everything end, and compares.
///
/// # Errors
/// The program does not start, or its runs do not end.
pub fn random_kills(options: &Options) -> Result<Report> {
    let mut dice = Dice::of(options.seed);
    let mut scene = Scene::set(options)?;
    scene
        .server
        .follows(moods::unruly(dice.split(), moods::FEW));
    let mut taken_over = BTreeSet::new();
    for kill in 1..=options.kills {
        if (options.interrupted)() {
            bail!("interrupted");
        }
        scene.life(&mut dice, &mut taken_over)?;
        if kill % 20 == 0 {
            (options.say)(&format!("{kill} kills"));
        }
    }
    scene.report.taken_over = taken_over.len();
    scene.settle(options)
}

impl Scene {
    /// The life of one server, from its start to its violent end.
    fn life(&mut self, dice: &mut Dice, taken_over: &mut BTreeSet<String>) -> Result<()> {
        self.house.begin(&[])?;
        let since = self.server.mark();
        let early = dice.percent(EARLY);
        let moment = dice.time(SHORTLY);
        if early {
            sleep(moment);
        } else {
            self.house.is_up()?;
            taken_over.extend(self.found_unfinished());
            let asking = self.load.goes_on(dice.split());
            if dice.percent(AIMED) {
                self.server.waits_for_one(since, PATIENCE);
                sleep(moment);
            } else {
                sleep(dice.time(SOON));
            }
            self.report.in_flight += u32::from(self.server.in_hand(since) > 0);
            self.house.kill()?;
            self.report.kills += 1;
            let _ = asking.join();
            return Ok(());
        }
        self.report.in_flight += u32::from(self.server.in_hand(since) > 0);
        self.house.kill()?;
        self.report.kills += 1;
        Ok(())
    }

    /// The runs that earlier servers have begun and not ended.
    fn found_unfinished(&self) -> Vec<String> {
        let known: BTreeSet<_> = self
            .load
            .all()
            .into_iter()
            .filter_map(|one| one.run)
            .collect();
        let listed = api::get(&self.house.socket(), "/api/v1/runs?limit=500");
        let listed = listed.ok().and_then(|listed| listed.as_array().cloned());
        let is_begun = |row: &serde_json::Value| {
            row["status"] == "running" || row["status"]["waiting"] == "timer"
        };
        let listed = listed.unwrap_or_default().into_iter().filter(is_begun);
        let ids = listed.filter_map(|row| row["id"].as_str().map(str::to_owned));
        ids.filter(|id| known.contains(id)).collect()
    }
}

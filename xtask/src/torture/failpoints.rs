//! Every failpoint of `http.send` once.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use super::load::Load;
use super::workflows::one;
use super::{Options, Report, play};

/// How many are played at the same time: most of it is waiting.
const AT_ONCE: usize = 6;

/// The moments at which an effect can be killed while it is done, and while it is taken back.
const WHILE_DONE: [&str; 3] = ["started", "acted", "done"];
const WHILE_UNDONE: [&str; 2] = ["undoing", "undone"];
/// Those before the log knows that it is done.
const BEFORE_IT_IS_KNOWN: [&str; 2] = ["started", "acted"];

/// Kills one server at each failpoint of these effects of `http.send`, has the next one go on, and
/// compares.
///
/// # Errors
/// A failpoint is never reached, or a run does not end.
pub fn every_failpoint(options: &Options, effects: &[String]) -> Result<Report> {
    let mut points = VecDeque::new();
    for effect in effects {
        points.extend(WHILE_DONE.map(|moment| (effect.clone(), moment)));
        points.extend(WHILE_UNDONE.map(|moment| (effect.clone(), moment)));
    }
    let points = Mutex::new(points);
    let next = || points.lock().ok().and_then(|mut points| points.pop_front());
    let play = || {
        let mut all = Report::default();
        while let Some((effect, moment)) = next() {
            let point = format!("http.send/{effect}/{moment}");
            let played = killed_at(options, &effect, moment, &point);
            all = all.and(played.with_context(|| point)?);
        }
        anyhow::Ok(all)
    };
    thread::scope(|scope| {
        let players: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(play)).collect();
        let mut all = Report::default();
        for player in players {
            let played = player.join().map_err(|_| anyhow!("a player panicked"))?;
            all = all.and(played?);
        }
        Ok(all)
    })
}

fn killed_at(options: &Options, effect: &str, moment: &str, point: &str) -> Result<Report> {
    play(options, |scene, _| {
        let workflow = one(effect, WHILE_UNDONE.contains(&moment));
        let workflow = workflow.context("nothing is known that has this effect")?;
        scene.load = Load::of_these(&scene.house, vec![workflow])?;
        scene.house.begin(&[("PURSER_FAILPOINT", point)])?;
        scene.house.is_up()?;
        scene.load.asks_for(workflow);
        ensure!(scene.house.has_ended()?, "the server ended by itself");
        scene.all_was_known = !BEFORE_IT_IS_KNOWN.contains(&moment);
        scene.report.kills = 1;
        scene.report.in_flight = u32::from(moment != "done");
        (options.say)(point);
        Ok(())
    })
}

//! A server that is killed while it is at one request, and what of the request's run the kills have hit.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::deploys::log::{Log, now};
use crate::deploys::purser::{Purser, run_of};

/// A run that takes longer does not end.
const PATIENCE: Duration = Duration::from_mins(3);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(300);

/// When a server is killed.
pub(crate) struct Blow<'a> {
    /// It has hardly begun then: nobody waits until it takes a request.
    pub(crate) is_early: bool,
    /// Waits for that instant.
    pub(crate) wait: Box<dyn FnOnce() + 'a>,
}

/// What has come over the servers of one request.
#[derive(Default)]
pub(crate) struct Torment {
    /// When each was killed, in microseconds since 1970.
    pub(crate) kills: Vec<u64>,
    /// The runs that they have said it is.
    pub(crate) accepted: BTreeSet<String>,
}

impl Torment {
    /// Asks for it, and kills so many servers while they are at it; the last one that is started lives.
    /// The request is what is typed behind `purser`, with a key of its own.
    pub(crate) fn of<'a>(
        purser: &mut Purser,
        request: &[&str],
        kills: u32,
        mut blow: impl FnMut(u32) -> Blow<'a>,
    ) -> Result<Self> {
        let mut torment = Self::default();
        for kill in 1..=kills {
            let Blow { is_early, wait } = blow(kill);
            if kill > 1 && !is_early && is_over(purser, request)? {
                break;
            }
            let asking = if is_early {
                purser.begin()?;
                None
            } else {
                Some(is_asked(purser, request)?)
            };
            wait();
            torment.kills.push(now()?);
            purser.kill()?;
            if let Some(asking) = asking {
                let said = asking.wait_with_output()?.stdout;
                let accepted = serde_json::from_slice(&said).ok();
                let accepted = accepted.and_then(|said| run_of(&said).ok());
                torment.accepted.extend(accepted);
            }
        }
        if !purser.is_up() {
            purser.up()?;
        }
        Ok(torment)
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.kills.len()).unwrap_or(u32::MAX)
    }

    /// The runs that were accepted before, and are not the one that the same request is now.
    pub(crate) fn lost(&self, run: &str) -> impl Iterator<Item = String> {
        let others = self.accepted.iter().filter(move |other| *other != run);
        others.map(move |other| {
            format!("the run {other} was accepted, and asked for again it is {run}")
        })
    }
}

/// Whether a new server finds nothing more to do about it.
fn is_over(purser: &mut Purser, request: &[&str]) -> Result<bool> {
    purser.up()?;
    let run = run_of(&purser.ask(request)?)?;
    let view = purser.ask(&["runs", "show", &run])?;
    Ok(view["run"]["ended"].is_object())
}

/// Begins to ask for it; the server may be dead before it answers.
fn is_asked(purser: &Purser, request: &[&str]) -> Result<Child> {
    let mut ask = purser.command(request);
    ask.arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    Ok(ask.spawn()?)
}

/// The run at its end, or where it goes no further by itself.
pub(crate) fn until_over(purser: &Purser, run: &str) -> Result<Value> {
    let begun = Instant::now();
    loop {
        let view = purser.ask(&["runs", "show", run])?;
        let is_over = view["run"]["ended"].is_object();
        if is_over || begun.elapsed() > PATIENCE {
            return Ok(view);
        }
        sleep(LOOK);
    }
}

/// What kills have hit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    /// How many hit a run that had begun and was not over.
    pub(crate) in_flight: u32,
    /// How many of those came between two events of an effect's: it was begun, and nobody knew its end.
    pub(crate) in_effect: u32,
    /// Of each what was the last thing that had happened.
    pub(crate) words: Vec<String>,
}

impl Hits {
    pub(crate) fn of(log: &Log, kills: &[u64]) -> Self {
        let mut hits = Self::default();
        for at in kills {
            let Some(last) = log.under_way(*at) else {
                let is_after = log.begun().is_ok_and(|begun| begun <= *at);
                let where_to = if is_after {
                    "after its end"
                } else {
                    "before it"
                };
                hits.words.push(where_to.to_owned());
                continue;
            };
            hits.in_flight += 1;
            let what = last["type"].as_str().unwrap_or_default();
            hits.in_effect += u32::from(what == "effect_started");
            let name = last["effect"]["name"].as_str().or(last["name"].as_str());
            let words = format!("behind {what} {}", name.unwrap_or_default());
            hits.words.push(words.trim_end().to_owned());
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kill_is_told_by_what_had_happened_last() {
        let log = json!([
            { "at": 10, "event": { "type": "requested" } },
            { "at": 20, "event": { "type": "effect_started", "effect": { "name": "issue" } } },
            { "at": 30, "event": { "type": "ended" } },
        ]);
        let hits = Hits::of(&Log(&log), &[5, 15, 25, 35]);
        let words = [
            "before it",
            "behind requested",
            "behind effect_started issue",
            "after its end",
        ];
        let words = words.map(str::to_owned).to_vec();
        let expected = Hits {
            in_flight: 2,
            in_effect: 1,
            words,
        };
        assert_eq!(hits, expected);
    }
}

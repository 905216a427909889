//! What is found out about runs whose servers were killed, and what Purser's own books say of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::deploys::purser::Purser;

/// How long after its run a receipt may be sealed.
const SEALED_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// What is not as it has to be, each in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Of what was asked for, or was there, something is missing.
    pub(crate) lost: Vec<String>,
    /// Something was done twice.
    pub(crate) repeated: Vec<String>,
    /// Something is there or is said that is not so.
    pub(crate) wrong: Vec<String>,
}

impl Findings {
    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        [&self.lost, &self.repeated, &self.wrong]
            .into_iter()
            .flatten()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    pub(crate) fn lost_unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.lost.extend((!holds).then(what));
    }

    pub(crate) fn repeated_unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.repeated.extend((!holds).then(what));
    }

    pub(crate) fn wrong_unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.wrong.extend((!holds).then(what));
    }
}

/// There are these runs and no others, and of each one receipt, which says how it has ended.
pub(crate) fn judge(
    purser: &Purser,
    runs: &BTreeMap<String, String>,
    found: &mut Findings,
) -> Result<()> {
    let listed = purser.ask(&["runs", "list", "--limit", "500"])?;
    let listed = listed.as_array().context("the runs are no list")?;
    let listed: BTreeSet<_> = listed.iter().filter_map(|row| row["id"].as_str()).collect();
    let known: BTreeSet<_> = runs.keys().map(String::as_str).collect();
    for gone in known.difference(&listed) {
        found.lost.push(format!("the run {gone} is not listed"));
    }
    for more in listed.difference(&known) {
        found
            .repeated
            .push(format!("nobody has asked for the run {more}"));
    }
    let receipts = receipts(purser, runs)?;
    for (run, state) in runs {
        match receipts.get(run).map_or(&[][..], Vec::as_slice) {
            [] => found.lost.push(format!("the run {run} has no receipt")),
            [said] if said == state => {}
            [said] => found
                .wrong
                .push(format!("the receipt of {run} says {said}, not {state}")),
            more => found
                .repeated
                .push(format!("the run {run} has {} receipts", more.len())),
        }
    }
    let verified = purser.command(&["receipts", "verify"]).output()?;
    if !verified.status.success() {
        let told = String::from_utf8_lossy(&verified.stderr).into_owned();
        found
            .wrong
            .push(format!("the receipts do not verify: {told}"));
    }
    Ok(())
}

/// What the receipts of each run say of its end, as soon as all are sealed that there have to be.
fn receipts(
    purser: &Purser,
    runs: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Vec<String>>> {
    let begun = Instant::now();
    loop {
        let of_runs = sealed(purser)?;
        let are_all_there = runs.keys().all(|run| of_runs.contains_key(run));
        if are_all_there || begun.elapsed() > SEALED_WITHIN {
            return Ok(of_runs);
        }
        sleep(LOOK);
    }
}

fn sealed(purser: &Purser) -> Result<BTreeMap<String, Vec<String>>> {
    let exported = purser.command(&["receipts", "export"]).output()?;
    if !exported.status.success() {
        bail!(
            "the receipts are not exported: {}",
            String::from_utf8_lossy(&exported.stderr)
        );
    }
    let mut of_runs = BTreeMap::<_, Vec<String>>::new();
    // The first line is the key.
    for line in String::from_utf8_lossy(&exported.stdout).lines().skip(1) {
        let receipt: Value = serde_json::from_str(line)?;
        let subject = &receipt["content"]["subject"];
        if let (Some(run), Some(state)) = (subject["run"].as_str(), subject["state"].as_str()) {
            of_runs
                .entry(run.to_owned())
                .or_default()
                .push(state.to_owned());
        }
    }
    Ok(of_runs)
}

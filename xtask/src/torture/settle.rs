//! The end of a torture: everything ends, parked runs are answered, and the books are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::api::{self, Failure};
use super::judge::{Truth, Verdict, truth};
use super::load::Asked;
use super::{Options, Report, Scene};
use crate::effect_server::{Books, Mood};

/// Between two looks at the runs that have not ended.
const LOOK: Duration = Duration::from_millis(200);
/// When no run has ended and none was answered for so long, they do not end.
const PATIENCE: Duration = Duration::from_mins(2);

impl Scene {
    /// Has a server go on that nobody kills, waits for all runs, and judges.
    pub(super) fn settles(&mut self, options: &Options) -> Result<Report> {
        self.server.is(Mood::CALM);
        if !self.house.runs()? {
            self.starts()?;
        }
        let begun = Instant::now();
        while !self.load.asks_again() {
            ensure!(begun.elapsed() < PATIENCE, "a request is not taken");
            sleep(LOOK);
        }
        let views = self.until_all_have_ended(options)?;
        (options.say)(&counted(&views));
        let asked = self.load.all();
        let mut report = self.report.clone();
        report.runs = asked.len();
        report.taken_over = self.taken_over.len();
        let books = self.books()?;
        let mut verdict = Verdict::of(&asked, &views, &books);
        if self.all_was_known {
            verdict.asked_for_once(&books);
        }
        self.receipts(&asked, &mut verdict)?;
        for one in &asked {
            let again = self.load.run_of(one)?;
            if again.as_str() != one.run.as_deref() {
                let key = &one.key;
                verdict.repeated.push(format!("`{key}` has made two runs"));
            }
        }
        ensure!(self.house.runs()?, "nobody has started a server");
        report.lost = verdict.lost.len();
        report.repeated = verdict.repeated.len();
        report.wrong = verdict.lost.into_iter().chain(verdict.repeated).collect();
        Ok(report)
    }

    /// The last state of each run that is there, by id.
    fn until_all_have_ended(&mut self, options: &Options) -> Result<BTreeMap<String, Value>> {
        let mut open: Vec<_> = self
            .load
            .all()
            .into_iter()
            .filter_map(|one| one.run)
            .collect();
        let mut ended = BTreeMap::new();
        let mut moved = Instant::now();
        while !open.is_empty() {
            ensure!(!(options.interrupted)(), "interrupted");
            let mut left = vec![];
            for run in open {
                let Some(view) = self.view(&run)? else {
                    continue;
                };
                if view["run"]["ended"].is_object() {
                    ended.insert(run, view);
                    moved = Instant::now();
                    continue;
                }
                if view["status"]["waiting"] == "decision" && self.answer(&run, &view)? {
                    moved = Instant::now();
                }
                left.push(run);
            }
            open = left;
            if moved.elapsed() > PATIENCE {
                bail!("these runs do not end: {}", open.join(" "));
            }
            if !open.is_empty() {
                sleep(LOOK);
            }
        }
        Ok(ended)
    }

    /// A run as it is now; none if the server knows of none.
    fn view(&mut self, run: &str) -> Result<Option<Value>> {
        let begun = Instant::now();
        loop {
            match api::get(&self.house.socket(), &format!("/api/v1/runs/{run}")) {
                Ok(view) => return Ok(Some(view)),
                Err(Failure::Refused(404, _)) => return Ok(None),
                Err(failure) if begun.elapsed() > PATIENCE => {
                    return Err(failure).with_context(|| format!("run {run}"));
                }
                // A server that has just lost its database says so for a while.
                Err(_) => ensure!(self.house.runs()?, "nobody has started a server"),
            }
            sleep(LOOK);
        }
    }

    /// Says whether it happened, as somebody would who looks at the service; whether that was taken.
    fn answer(&mut self, run: &str, view: &Value) -> Result<bool> {
        // Whatever was still under way has landed.
        ensure!(
            self.server.waits_for_quiet(PATIENCE),
            "the effect server is never done"
        );
        let answer = truth(run, view, &self.server.books()).context("it asks about nothing")?;
        let question = answer.question;
        let body = match answer.truth {
            Truth::Happened(happened) => json!({ "happened": happened, "question": question }),
            Truth::GoOn => json!({ "go_on": true, "question": question }),
        };
        let path = format!("/api/v1/runs/{run}/decide");
        let say = || api::post(&self.house.socket(), &path, &body);
        match say() {
            // It asks something else by now, and is looked at again.
            Err(api::Failure::Refused(409, _)) => return Ok(false),
            answered => answered?,
        };
        // Whoever had no answer says it again, and must not have said it of anything else.
        if say().is_ok() {
            bail!("run {run} has taken the answer to its question {question} twice");
        }
        self.report.parked += 1;
        Ok(true)
    }

    /// What was done, when nothing can land any more: a request outlives the server that sent it, and
    /// the run too where its end was settled without it.
    fn books(&self) -> Result<Books> {
        ensure!(
            self.server.waits_for_quiet(PATIENCE),
            "the effect server is never done"
        );
        Ok(self.server.books())
    }

    /// Looks at the receipts, and at the list of runs, as soon as all are sealed that there have to be.
    fn receipts(&self, asked: &[Asked], verdict: &mut Verdict) -> Result<()> {
        let begun = Instant::now();
        let of_runs = loop {
            let of_runs = self.receipts_of_runs()?;
            let mut runs = asked.iter().filter_map(|one| one.run.as_ref());
            if runs.all(|run| of_runs.contains_key(run)) || begun.elapsed() > PATIENCE {
                break of_runs;
            }
            sleep(LOOK);
        };
        verdict.kept(asked, &of_runs, &self.listed()?);
        if let Err(error) = self.house.purser(&["receipts", "verify"]) {
            verdict
                .lost
                .push(format!("the receipts do not verify: {error}"));
        }
        Ok(())
    }

    /// The newest runs, as many as it lists.
    fn listed(&self) -> Result<BTreeSet<String>> {
        let listed = api::get(&self.house.socket(), "/api/v1/runs?limit=500")?;
        let rows = listed.as_array().context("the runs are no list")?;
        let ids = rows.iter().map(|row| row["id"].as_str().map(str::to_owned));
        ids.collect::<Option<_>>().context("a run has no id")
    }

    fn receipts_of_runs(&self) -> Result<BTreeMap<String, u32>> {
        let exported = self.house.purser(&["receipts", "export"])?;
        let mut of_runs = BTreeMap::new();
        for line in exported.lines().skip(1) {
            let receipt: Value = serde_json::from_str(line)?;
            if let Some(run) = receipt["content"]["subject"]["run"].as_str() {
                *of_runs.entry(run.to_owned()).or_default() += 1;
            }
        }
        Ok(of_runs)
    }
}

/// How many runs have ended how.
fn counted(views: &BTreeMap<String, Value>) -> String {
    let mut counts = BTreeMap::<_, u32>::new();
    for view in views.values() {
        let state = view["run"]["ended"]["state"].as_str().unwrap_or_default();
        *counts.entry(state).or_default() += 1;
    }
    let counts = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"));
    format!("runs: {}", counts.collect::<Vec<_>>().join(", "))
}

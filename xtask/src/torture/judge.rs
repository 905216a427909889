//! What the log says, held against what the effect server has really done.

use std::collections::BTreeMap;

use serde_json::Value;

use super::load::{Asked, steps_of};
use crate::effect_server::{Books, Deed};

/// What was found wrong, a line each.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) lost: Vec<String>,
    pub(super) repeated: Vec<String>,
}

/// One effect of a run's log.
struct Logged<'a> {
    key: String,
    step: &'a str,
    generation: u64,
    name: String,
    status: &'a Value,
}

impl Verdict {
    /// Judges all runs: `views` are their last states, by id.
    pub(super) fn of(asked: &[Asked], views: &BTreeMap<String, Value>, books: &Books) -> Self {
        let mut verdict = Self::default();
        let mut known = BTreeMap::new();
        for one in asked {
            let Some(run) = &one.run else {
                verdict.lost.push(format!("`{}` was never taken", one.key));
                continue;
            };
            match views.get(run) {
                Some(view) => verdict.run(one, run, view, books, &mut known),
                None => verdict
                    .lost
                    .push(format!("run {run} was accepted and is gone")),
            }
        }
        for (key, deed) in &books.deeds {
            if deed.done > 1 {
                verdict
                    .repeated
                    .push(format!("{key} was done {} times", deed.done));
            }
            if !known.contains_key(key) {
                verdict.earlier(key, deed, &known);
            }
        }
        verdict
    }

    fn run(
        &mut self,
        asked: &Asked,
        run: &str,
        view: &Value,
        books: &Books,
        known: &mut BTreeMap<String, u64>,
    ) {
        let state = view["run"]["ended"]["state"].as_str().unwrap_or("unended");
        if !["succeeded", "failed", "rolled_back"].contains(&state) {
            self.lost.push(format!("run {run} is {state}"));
        }
        let logged = effects(run, view);
        for effect in &logged {
            known.insert(effect.key.clone(), effect.generation);
            self.effect(effect, state, books);
        }
        if state == "succeeded" {
            for step in steps_of(&asked.workflow) {
                let is_done = |effect: &Logged<'_>| {
                    effect.step == *step && effect.status.get("done").is_some()
                };
                if !logged.iter().any(is_done) {
                    self.lost
                        .push(format!("run {run} succeeded without `{step}`"));
                }
            }
        }
        if state == "rolled_back" {
            for effect in logged.iter().filter(|effect| books.is_live(&effect.key)) {
                self.lost.push(format!(
                    "{} outlived its run, which was rolled back",
                    effect.key
                ));
            }
        }
    }

    fn effect(&mut self, effect: &Logged<'_>, state: &str, books: &Books) {
        let (key, done, live) = (
            &effect.key,
            books.done(&effect.key),
            books.is_live(&effect.key),
        );
        let status = effect.status;
        if status.get("done").is_some() {
            if done == 0 {
                self.lost
                    .push(format!("{key} is done in the log, and was never done"));
            } else if !live {
                self.lost
                    .push(format!("{key} is done in the log, and was taken back"));
            }
        } else if status == "failed" && done > 0 {
            self.lost
                .push(format!("{key} was done, and the log says that it was not"));
        } else if status == "undone" && live {
            self.lost.push(format!(
                "{key} is there, and the log says that it was taken back"
            ));
        } else if status == "started" && state == "succeeded" {
            self.lost.push(format!(
                "the run of {key} succeeded and does not know its end"
            ));
        }
    }

    /// A key that is no longer in the log must be of an earlier generation, and taken back.
    fn earlier(&mut self, key: &str, deed: &Deed, known: &BTreeMap<String, u64>) {
        let mut parts = key.rsplitn(3, '/');
        let (name, generation, step) = (parts.next(), parts.next(), parts.next());
        let (Some(name), Some(generation), Some(step)) = (name, generation, step) else {
            self.lost.push(format!("{key} is no key of an effect"));
            return;
        };
        let generation: u64 = generation.parse().unwrap_or(u64::MAX);
        let (head, tail) = (format!("{step}/"), format!("/{name}"));
        let is_later = |(other, later): (&String, &u64)| {
            other.starts_with(&head) && other.ends_with(&tail) && *later > generation
        };
        if !known.iter().any(is_later) {
            self.lost
                .push(format!("{key} was done, and no log knows of it"));
        } else if deed.live {
            self.lost.push(format!(
                "{key} is there, and a later one was begun as if it were not"
            ));
        }
    }
}

/// The effects in a run's view, the latest of each name.
fn effects<'a>(run: &str, view: &'a Value) -> Vec<Logged<'a>> {
    let mut all = vec![];
    for (step, state) in view["run"]["steps"].as_object().into_iter().flatten() {
        for record in state["effects"].as_array().into_iter().flatten() {
            let name = name_of(&record["effect"]);
            let generation = record["generation"].as_u64().unwrap_or_default();
            all.push(Logged {
                key: format!("{run}/{step}/{generation}/{name}"),
                step,
                generation,
                name,
                status: &record["status"],
            });
        }
    }
    all
}

fn name_of(effect: &Value) -> String {
    let name = effect["name"].as_str().unwrap_or_default();
    match effect["item"].as_str() {
        Some(item) => format!("{name}[{item}]"),
        None => name.to_owned(),
    }
}

/// Whether what a parked run asks about has happened, by the books; `None` when it asks nothing.
pub(super) fn truth(run: &str, view: &Value, books: &Books) -> Option<bool> {
    let steps = view["run"]["steps"].as_object()?;
    let asks = |(_, state): &(&String, &Value)| state["question"].is_object();
    let (step, state) = steps.iter().find(asks)?;
    let asked = state["question"]["effect"].as_str()?;
    let all = effects(run, view);
    let effect = all
        .iter()
        .find(|effect| effect.step == step && effect.name == asked)?;
    Some(books.is_live(&effect.key))
}

//! What the log says, held against what the effect server has really done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::load::Asked;
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
                verdict.earlier(key, deed, &known, books);
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
        let (due, is_stopped) = (asked.workflow.end(), state == "cancelled");
        if state != due && !(is_stopped && asked.cancelled) {
            self.lost
                .push(format!("run {run} is {state}, and not {due}"));
        }
        let logged = effects(run, view);
        for effect in &logged {
            known.insert(effect.key.clone(), effect.generation);
            self.effect(effect, state, books);
        }
        if state == "succeeded" {
            for step in asked.workflow.steps {
                let is_done = |effect: &Logged<'_>| {
                    effect.step == step.id && effect.status.get("done").is_some()
                };
                if !logged.iter().any(is_done) {
                    self.lost
                        .push(format!("run {run} succeeded without `{}`", step.id));
                }
            }
        }
        if state == "rolled_back" || asked.workflow.leaves_nothing() {
            for effect in logged.iter().filter(|effect| books.is_live(&effect.key)) {
                self.lost.push(format!(
                    "{} outlived its run, which is {state} and leaves nothing",
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
        } else if status == "started" && state != "cancelled" {
            self.lost.push(format!(
                "the run of {key} is {state} and does not know its end"
            ));
        }
    }

    /// Where the log knew the end of each effect, nothing is asked for a second time. Of one that
    /// honours keys this is all that there is to see of it.
    pub(super) fn asked_for_once(&mut self, books: &Books) {
        for (key, deed) in books.deeds.iter().filter(|(_, deed)| deed.deduplicated > 0) {
            let times = deed.deduplicated;
            self.repeated.push(format!(
                "{key} was done in the log, and asked for {times} times more"
            ));
        }
    }

    /// Each of these runs that was asked for has one receipt, and nobody keeps books of another run: a
    /// request that was forgotten and made a second one shows in no answer.
    pub(super) fn kept(
        &mut self,
        asked: &[Asked],
        receipts: &BTreeMap<String, u32>,
        listed: &BTreeSet<String>,
    ) {
        let asked: BTreeSet<_> = asked.iter().filter_map(|one| one.run.as_ref()).collect();
        for run in asked.iter().filter(|run| !receipts.contains_key(**run)) {
            self.lost.push(format!("run {run} has no receipt"));
        }
        for (run, count) in receipts.iter().filter(|(_, count)| **count > 1) {
            self.repeated
                .push(format!("run {run} has {count} receipts"));
        }
        let all: BTreeSet<_> = receipts.keys().chain(listed).collect();
        for run in all.difference(&asked) {
            self.repeated
                .push(format!("run {run} is there, and nobody asked for it"));
        }
    }

    /// A key that is no longer in the log must be of an earlier generation, and taken back.
    fn earlier(&mut self, key: &str, deed: &Deed, known: &BTreeMap<String, u64>, books: &Books) {
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
        let mut later = known.iter().filter(|later| is_later(*later)).peekable();
        if later.peek().is_none() {
            self.lost
                .push(format!("{key} was done, and no log knows of it"));
        } else if deed.live {
            let is_there_too = later.any(|(later, _)| books.is_live(later));
            let (all, what) = if is_there_too {
                (&mut self.repeated, "a later one is there too")
            } else {
                (&mut self.lost, "a later one was begun as if it were not")
            };
            all.push(format!("{key} is there, and {what}"));
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

/// The number of a parked run's question, and what somebody would say to it who looks at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) question: u64,
    pub(super) truth: Truth,
}

/// What somebody would say to a parked run who looks at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    /// What it asks about has happened, or not.
    Happened(bool),
    /// It was taken up too often, and is to go on.
    GoOn,
}

/// The answer to a parked run's question, by the books; `None` when it asks nothing.
pub(super) fn truth(run: &str, view: &Value, books: &Books) -> Option<Answer> {
    let steps = view["run"]["steps"].as_object()?;
    let asks = |(_, state): &(&String, &Value)| state["question"].is_object();
    let (step, state) = steps.iter().find(asks)?;
    let question = state["question_number"].as_u64()?;
    let asked = state["question"]["effect"].as_str()?;
    let truth = if asked.is_empty() {
        Truth::GoOn
    } else {
        let all = effects(run, view);
        let is_meant = |effect: &&Logged<'_>| effect.step == step && effect.name == asked;
        let effect = all.iter().find(is_meant)?;
        Truth::Happened(books.is_live(&effect.key))
    };
    Some(Answer { question, truth })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::workflows::{ALL, one};
    use super::*;
    use crate::effect_server::Sort;

    const KEY: &str = "R/one/0/send_keyed";

    /// One run, of one effect that is to stay or to be taken back.
    fn asked(is_undone: bool) -> Vec<Asked> {
        vec![Asked {
            workflow: one("send_keyed", is_undone).unwrap_or(ALL[0]),
            key: "torture 0".to_owned(),
            run: Some("R".to_owned()),
            cancelled: false,
        }]
    }

    fn view(state: &str, status: &Value, generation: u32) -> BTreeMap<String, Value> {
        let effect = json!({ "effect": { "name": "send_keyed" }, "generation": generation,
                             "status": status });
        let steps = json!({ "one": { "effects": [effect] } });
        let view = json!({ "run": { "ended": { "state": state }, "steps": steps } });
        BTreeMap::from([("R".to_owned(), view)])
    }

    fn books(done: &[(Sort, &str)], undone: &[&str]) -> Books {
        let mut books = Books::default();
        for (sort, key) in done {
            books.does(*sort, key, Duration::ZERO);
        }
        for key in undone {
            books.takes_back(Sort::Askable, key, Duration::ZERO);
        }
        books
    }

    fn wrong(views: &BTreeMap<String, Value>, books: &Books) -> (Vec<String>, Vec<String>) {
        judged(&asked(false), views, books)
    }

    fn wrong_of_undone(
        views: &BTreeMap<String, Value>,
        books: &Books,
    ) -> (Vec<String>, Vec<String>) {
        judged(&asked(true), views, books)
    }

    fn judged(
        asked: &[Asked],
        views: &BTreeMap<String, Value>,
        books: &Books,
    ) -> (Vec<String>, Vec<String>) {
        let verdict = Verdict::of(asked, views, books);
        (verdict.lost, verdict.repeated)
    }

    #[test]
    fn what_the_log_says_and_what_was_done_are_the_same() {
        let done = view("succeeded", &json!({ "done": {} }), 0);
        // A service that honours keys was asked again, and that is no fault.
        let twice = [(Sort::Keyed, KEY), (Sort::Keyed, KEY)];
        assert_eq!(wrong(&done, &books(&twice, &[])), (vec![], vec![]));
        let undone = view("rolled_back", &json!("undone"), 0);
        let books = books(&[(Sort::Askable, KEY)], &[KEY]);
        assert_eq!(wrong_of_undone(&undone, &books), (vec![], vec![]));
    }

    #[test]
    fn what_was_lost_is_found() {
        let done = view("succeeded", &json!({ "done": null }), 0);
        let lost = |views: &BTreeMap<_, _>, books: &Books| wrong(views, books).0;
        let none = Books::default();
        assert_eq!(
            lost(&done, &none),
            [format!("{KEY} is done in the log, and was never done")]
        );
        let once = books(&[(Sort::Askable, KEY)], &[]);
        let denied = view("succeeded", &json!("failed"), 0);
        assert_eq!(
            lost(&denied, &once),
            [
                format!("{KEY} was done, and the log says that it was not"),
                "run R succeeded without `one`".to_owned()
            ]
        );
        let open = view("succeeded", &json!("started"), 0);
        assert_eq!(
            lost(&open, &once),
            [
                format!("the run of {KEY} is succeeded and does not know its end"),
                "run R succeeded without `one`".to_owned()
            ]
        );
        assert_eq!(
            lost(&BTreeMap::new(), &none),
            ["run R was accepted and is gone"]
        );
    }

    #[test]
    fn a_run_that_ends_otherwise_than_it_has_to_is_lost() {
        let none = Books::default();
        for state in ["failed", "stuck", "rolled_back", "cancelled", "unended"] {
            let ended = view(state, &json!("failed"), 0);
            assert_eq!(
                wrong(&ended, &none).0,
                [format!("run R is {state}, and not succeeded")]
            );
        }
        let gone_past = view("succeeded", &json!("undone"), 0);
        assert_eq!(
            wrong_of_undone(&gone_past, &none).0[0],
            "run R is succeeded, and not rolled_back"
        );
        let open = view("failed", &json!("started"), 0);
        assert_eq!(
            wrong(&open, &none).0[1],
            format!("the run of {KEY} is failed and does not know its end")
        );
    }

    #[test]
    fn of_a_run_that_somebody_stopped_the_end_may_be_open_and_nothing_may_be_left() {
        let stopped = |is_undone| {
            let mut asked = asked(is_undone);
            asked[0].cancelled = true;
            asked
        };
        let once = books(&[(Sort::Askable, KEY)], &[]);
        let open = view("cancelled", &json!("started"), 0);
        assert_eq!(judged(&stopped(false), &open, &once), (vec![], vec![]));
        let too_late = view("succeeded", &json!({ "done": {} }), 0);
        assert_eq!(judged(&stopped(false), &too_late, &once), (vec![], vec![]));
        let failed = view("failed", &json!("failed"), 0);
        assert_eq!(
            judged(&stopped(false), &failed, &Books::default()).0,
            ["run R is failed, and not succeeded"]
        );
        assert_eq!(
            judged(&stopped(true), &open, &once).0,
            [format!(
                "{KEY} outlived its run, which is cancelled and leaves nothing"
            )]
        );
    }

    #[test]
    fn what_outlives_a_run_that_was_rolled_back_is_found() {
        let once = books(&[(Sort::Askable, KEY)], &[]);
        let undone = view("rolled_back", &json!("undone"), 0);
        assert_eq!(
            wrong_of_undone(&undone, &once).0,
            [
                format!("{KEY} is there, and the log says that it was taken back"),
                format!("{KEY} outlived its run, which is rolled_back and leaves nothing")
            ]
        );
    }

    #[test]
    fn what_was_done_twice_is_found() {
        let done = view("succeeded", &json!({ "done": {} }), 0);
        let twice = books(&[(Sort::Askable, KEY), (Sort::Askable, KEY)], &[]);
        assert_eq!(wrong(&done, &twice).1, [format!("{KEY} was done 2 times")]);
    }

    #[test]
    fn what_the_log_knows_to_be_done_is_not_asked_for_again() {
        let wrong = |done: &[(Sort, &str)]| {
            let mut verdict = Verdict::default();
            verdict.asked_for_once(&books(done, &[]));
            (verdict.lost, verdict.repeated)
        };
        assert_eq!(wrong(&[(Sort::Keyed, KEY)]), (vec![], vec![]));
        let again = format!("{KEY} was done in the log, and asked for 1 times more");
        let twice = [(Sort::Keyed, KEY), (Sort::Keyed, KEY)];
        assert_eq!(wrong(&twice), (vec![], vec![again]));
    }

    #[test]
    fn what_was_done_anew_after_an_undo_is_another_thing() {
        let later = view("succeeded", &json!({ "done": {} }), 1);
        let both = [(Sort::Askable, KEY), (Sort::Askable, "R/one/1/send_keyed")];
        assert_eq!(wrong(&later, &books(&both, &[KEY])), (vec![], vec![]));
        let still = format!("{KEY} is there, and a later one is there too");
        assert_eq!(wrong(&later, &books(&both, &[])), (vec![], vec![still]));
        let begun = view("rolled_back", &json!("failed"), 1);
        let still = format!("{KEY} is there, and a later one was begun as if it were not");
        assert_eq!(
            wrong_of_undone(&begun, &books(&both[..1], &[])),
            (vec![still], vec![])
        );
        let stranger = books(&[both[1], (Sort::Once, "R/two/0/send_once")], &[]);
        let nobody = wrong(&later, &stranger).0;
        assert_eq!(
            nobody,
            ["R/two/0/send_once was done, and no log knows of it"]
        );
    }

    #[test]
    fn every_run_that_was_asked_for_and_no_other_has_one_receipt() {
        let wrong = |receipts: &[(&str, u32)], listed: &[&str]| {
            let mut verdict = Verdict::default();
            let receipts = receipts
                .iter()
                .map(|(run, count)| ((*run).to_owned(), *count));
            let listed = listed.iter().map(|run| (*run).to_owned());
            verdict.kept(&asked(false), &receipts.collect(), &listed.collect());
            (verdict.lost, verdict.repeated)
        };
        assert_eq!(wrong(&[("R", 1)], &["R"]), (vec![], vec![]));
        let missing = "run R has no receipt".to_owned();
        assert_eq!(wrong(&[], &["R"]), (vec![missing], vec![]));
        let twice = "run R has 2 receipts".to_owned();
        assert_eq!(wrong(&[("R", 2)], &[]), (vec![], vec![twice]));
        let stranger = "run S is there, and nobody asked for it".to_owned();
        for (receipts, listed) in [(&[("R", 1), ("S", 1)][..], &[][..]), (&[("R", 1)], &["S"])] {
            assert_eq!(wrong(receipts, listed), (vec![], vec![stranger.clone()]));
        }
    }

    #[test]
    fn the_truth_of_a_question_is_what_the_books_say() {
        let mut view = view("unended", &json!("started"), 0)
            .remove("R")
            .unwrap_or_default();
        assert_eq!(truth("R", &view, &Books::default()), None);
        view["run"]["steps"]["one"]["question"] = json!({ "effect": "send_keyed", "known": "" });
        view["run"]["steps"]["one"]["question_number"] = json!(3);
        let answer = |truth| Some(Answer { question: 3, truth });
        assert_eq!(
            truth("R", &view, &Books::default()),
            answer(Truth::Happened(false))
        );
        assert_eq!(
            truth("R", &view, &books(&[(Sort::Once, KEY)], &[])),
            answer(Truth::Happened(true))
        );
        view["run"]["steps"]["one"]["question"] = json!({ "effect": "", "known": "" });
        assert_eq!(truth("R", &view, &Books::default()), answer(Truth::GoOn));
    }
}

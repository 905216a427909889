//! Which of the changes on a system a run of Purser has made, as far as its log proves it.
//!
//! A container says only which run has made it, and nobody signs what happens to it later. So a change
//! is a run's own only if that run had an effect under way at that very instant, on that system and on
//! that thing. Everything else is somebody else's doing, whatever it looks like.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Act, Change, Item, Sort};
use serde::{Deserialize, Serialize};

use crate::domain::effect::EffectName;
use crate::domain::event::{Event, Logged};
use crate::domain::names::{RunId, StepId, SystemName};
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;

/// A system may tell of the end of what it was asked for a little later than it answers.
const LATE: Duration = Duration::from_millis(100);

/// What a step touches of another system than its own, in the effects with one item. It is recorded before
/// the first of them, under [`Reach::name`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The other system.
    pub system: SystemName,
    /// What it calls the things there.
    pub things: BTreeSet<String>,
}

impl Reach {
    /// What it is recorded under.
    pub fn name(item: &str) -> String {
        format!("reaches[{item}]")
    }

    /// The item that a record is about, if it is of such.
    fn item(name: &str) -> Option<&str> {
        name.strip_prefix("reaches[")?.strip_suffix(']')
    }
}

/// A time in which a run was at work on one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct AtWork {
    /// Which run.
    pub run: RunId,
    /// It and the runs of which it goes on with, or takes back, what they have made.
    pub makers: BTreeSet<RunId>,
    /// On which system.
    pub system: SystemName,
    /// By which effect.
    pub effect: EffectName,
    /// The things there that it is on besides, by name.
    pub things: BTreeSet<String>,
    /// The step's inputs and its plan as text: the names of images are among it.
    pub words: String,
    /// From when on.
    pub from: Timestamp,
    /// Until when; `None`: it still is, or nobody knows what came of it.
    pub until: Option<Timestamp>,
}

impl AtWork {
    fn is_at(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at <= until.plus(LATE))
    }

    /// Whether the effect was on this. One that names nothing is on what its name ends with, if that
    /// can be told: a container that its run has made, a switch, an image of which the step knows.
    fn is_on(&self, item: &Item, names: &BTreeSet<String>) -> bool {
        if !names.is_disjoint(&self.things) {
            return true;
        }
        let noun = self.effect.name.rsplit('_').next().unwrap_or_default();
        if let Some(wanted) = &self.effect.item {
            // In a part of a step the part's name stands before that of the thing, or alone.
            let wanted = wanted.rsplit('/').next().unwrap_or_default();
            if names.contains(wanted) || item.made_for.as_deref() == Some(wanted) {
                return true;
            }
            if !matches!(noun, "switch" | "image") {
                return false;
            }
        }
        match item.sort {
            Sort::Container => item.made_by.is_some_and(|run| {
                noun == "container" && self.makers.contains(&run)
                    || item.part.as_deref() == Some(noun)
            }),
            Sort::Image => noun == "image" && self.words.contains(repository(&item.name)),
            Sort::Network | Sort::Volume => false,
        }
    }
}

/// An image's name without its tag or digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => image,
    }
}

/// When a run was at work on what, by its log.
///
/// The beginning of taking an effect back is not in the log: it lies behind the event before. Where
/// that one only says that people or processes have come and gone, the one before counts.
pub fn at_work(log: &[Logged]) -> Vec<AtWork> {
    let Some(state) = RunState::replay(log) else {
        return vec![];
    };
    let mut all: Vec<AtWork> = vec![];
    let mut open: BTreeMap<(StepId, EffectName), usize> = BTreeMap::new();
    let mut reaches: BTreeMap<(StepId, String), Reach> = BTreeMap::new();
    let mut before = state.requested_at;
    for Logged { at, event, .. } in log {
        match event {
            Event::Recorded { step, name, value } => {
                if let Some(item) = Reach::item(name)
                    && let Ok(reach) = serde_json::from_value(value.clone())
                {
                    reaches.insert((step.clone(), item.to_owned()), reach);
                }
            }
            Event::EffectStarted { step, effect, .. } => {
                if let Some(work) = work(&state, step, effect, *at) {
                    let work = reaching(work, step, &reaches);
                    open.insert((step.clone(), effect.clone()), all.len());
                    all.push(work);
                }
            }
            Event::EffectDone { step, effect, .. } | Event::EffectFailed { step, effect, .. } => {
                if let Some(index) = open.remove(&(step.clone(), effect.clone())) {
                    all[index].until = Some(*at);
                }
            }
            Event::EffectUndone { step, effect } => {
                // Taken back without an end, it ends here too.
                if let Some(index) = open.remove(&(step.clone(), effect.clone())) {
                    all[index].until = Some(*at);
                }
                if let Some(work) = work(&state, step, effect, before) {
                    let mut work = reaching(work, step, &reaches);
                    work.until = Some(*at);
                    all.push(work);
                }
            }
            _ => {}
        }
        if !comes_in_between(event) {
            before = *at;
        }
    }
    if let Some(ended) = &state.ended {
        all.iter_mut()
            .filter(|work| work.until.is_none())
            .for_each(|work| work.until = Some(ended.at));
    }
    all
}

/// Where the effect's item, or the part that it is in, reaches another system, it is there.
fn reaching(
    mut work: AtWork,
    step: &StepId,
    reaches: &BTreeMap<(StepId, String), Reach>,
) -> AtWork {
    let item = work.effect.item.as_deref().unwrap_or_default();
    let (part, is_in_part) = match item.split_once('/') {
        Some((part, _)) => (part, true),
        None => (item, false),
    };
    if let Some(reach) = reaches.get(&(step.clone(), part.to_owned())) {
        work.system.clone_from(&reach.system);
        // What is done in a part names its thing itself.
        if !is_in_part {
            work.things.clone_from(&reach.things);
        }
    }
    work
}

fn comes_in_between(event: &Event) -> bool {
    matches!(
        event,
        Event::StepTakenUp { .. }
            | Event::StepHandedBack { .. }
            | Event::CancelRequested { .. }
            | Event::RunTimedOut
            | Event::StepTimedOut { .. }
            | Event::ArtifactKept { .. }
    )
}

fn work(run: &RunState, step: &StepId, effect: &EffectName, from: Timestamp) -> Option<AtWork> {
    let of_step = run.steps.get(step)?;
    let plan = of_step
        .plan
        .as_ref()
        .and_then(|plan| serde_json::to_string(plan).ok());
    let undone = run.request.undo.as_ref().map(|undo| undo.of);
    let gone_on_from = run.request.rerun.as_ref().map(|rerun| rerun.of);
    Some(AtWork {
        run: run.id,
        makers: [Some(run.id), undone, gone_on_from, of_step.done_in]
            .into_iter()
            .flatten()
            .collect(),
        system: of_step.system.clone()?,
        effect: effect.clone(),
        things: BTreeSet::new(),
        words: format!("{} {}", of_step.input, plan.unwrap_or_default()),
        from,
        until: None,
    })
}

/// Who is in a network is told by an id alone: the rest is what other changes of the same thing say.
pub fn complete(changes: &mut [Change]) {
    let is_told = |item: &Item| !item.name.is_empty() && !item.id.starts_with(&item.name);
    let told = changes.iter().map(|change| &change.item);
    let told: BTreeMap<String, Item> = told
        .filter(|item| is_told(item))
        .map(|item| (item.id.clone(), item.clone()))
        .collect();
    for change in changes.iter_mut().filter(|change| !is_told(&change.item)) {
        if let Some(item) = told.get(&change.item.id) {
            change.item = item.clone();
        }
    }
}

/// The run that has made each of these changes of one system, in their order; `None`: none that is
/// known. They are in the order of time.
pub fn whose(changes: &[Change], work: &[&AtWork]) -> Vec<Option<RunId>> {
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for Change { item, act, .. } in changes {
        let known = names.entry(&item.id).or_default();
        known.extend([item.name.clone(), item.id.clone()]);
        if let Act::Renamed { from } = act {
            known.insert(from.clone());
        }
    }
    let mut killed_by: BTreeMap<&str, Option<RunId>> = BTreeMap::new();
    changes
        .iter()
        .map(|change| {
            let item = &change.item;
            let is_its =
                |work: &&&AtWork| work.is_at(change.at) && work.is_on(item, &names[&*item.id]);
            let run = work.iter().find(is_its).map(|work| work.run);
            match change.act {
                Act::Signalled { .. } => {
                    killed_by.insert(&item.id, run);
                    run
                }
                // Its end is that of whoever has had it ended, and else of nobody; but a job ends by itself.
                Act::Ended { .. } | Act::OutOfMemory => match killed_by.get(&*item.id) {
                    Some(by) => *by,
                    None => run.or(item.made_by).filter(|_| is_job_of(item, work)),
                },
                // No effect does any of these.
                Act::Paused | Act::Unpaused | Act::Updated => None,
                Act::Started => {
                    killed_by.remove(&*item.id);
                    run
                }
                // A long stop may be told of after its end was written down.
                Act::Stopped | Act::Left { .. } => {
                    run.or(killed_by.get(&*item.id).copied().flatten())
                }
                _ => run,
            }
        })
        .collect()
}

/// Whether it is a job that one of these runs has started.
fn is_job_of(item: &Item, work: &[&AtWork]) -> bool {
    item.part.as_deref() == Some("job")
        && item
            .made_by
            .is_some_and(|run| work.iter().any(|work| work.run == run))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RUN: &str = "0198c0de-0000-7000-8000-000000000001";

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn work(effect: EffectName, from: i64, until: i64) -> AtWork {
        let run: RunId = RUN.parse().unwrap();
        AtWork {
            run,
            makers: [run].into(),
            system: "shop".into(),
            effect,
            things: BTreeSet::new(),
            words: json!({ "image": "shop/web:v2" }).to_string(),
            from: at(from),
            until: Some(at(until)),
        }
    }

    fn change(second: i64, id: &str, name: &str, act: Act) -> Change {
        Change {
            at: at(second),
            key: format!("{second}/{id}/{act:?}"),
            item: Item {
                id: id.to_owned(),
                name: name.to_owned(),
                ..Item::default()
            },
            act,
        }
    }

    /// Which of them the run has made.
    fn own(changes: &[Change], work: &[AtWork]) -> Vec<bool> {
        let work: Vec<_> = work.iter().collect();
        let whose = whose(changes, &work);
        whose.into_iter().map(|run| run.is_some()).collect()
    }

    fn kill() -> Act {
        Act::Signalled { signal: Some(15) }
    }

    fn end() -> Act {
        Act::Ended { code: Some(0) }
    }

    #[test]
    fn what_happens_to_a_thing_while_an_effect_is_on_it_is_the_runs() {
        let stopping = [work(("stop_old", "web-1").into(), 10, 20)];
        let stopped = [
            change(11, "a", "web-1", kill()),
            change(20, "a", "web-1", end()),
            change(20, "a", "web-1", Act::Stopped),
        ];
        assert_eq!(own(&stopped, &stopping), [true; 3]);
        let others = [
            change(9, "a", "web-1", kill()),
            change(15, "b", "db-1", kill()),
            change(16, "b", "db-1", end()),
            change(19, "a", "web-1", Act::Updated),
            change(21, "a", "web-1", Act::Started),
        ];
        assert_eq!(own(&others, &stopping), [false; 5]);
    }

    #[test]
    fn in_a_part_of_a_step_it_is_the_same() {
        let stopping = [work(("stop_old", "web/web-1").into(), 10, 20)];
        let stopped = [
            change(11, "a", "web-1", Act::Stopped),
            change(11, "b", "web", Act::Stopped),
        ];
        assert_eq!(own(&stopped, &stopping), [true, false]);
        let mut switch = change(11, "c", "shop-web-switch-0c9d", Act::Created);
        switch.item.made_by = Some(RUN.parse().unwrap());
        switch.item.part = Some("switch".to_owned());
        let making = [work(("create_switch", "web").into(), 10, 20)];
        assert_eq!(own(&[switch], &making), [true]);
    }

    #[test]
    fn what_a_step_reaches_on_another_system_is_there_and_the_runs() {
        let mut reloading = work(("reload_consumer", "invoices").into(), 10, 20);
        reloading.system = "sso".into();
        let reach = Reach {
            system: "shop".into(),
            things: ["web-1".to_owned()].into(),
        };
        let step = StepId::from("rotate");
        let item = Reach::item(&Reach::name("invoices")).unwrap().to_owned();
        let reaches = [((step.clone(), item), reach)].into();
        let there = reaching(reloading, &step, &reaches);
        assert_eq!(there.system.as_str(), "shop");
        let restarted = [
            change(11, "a", "web-1", kill()),
            change(12, "a", "web-1", Act::Started),
            change(13, "b", "db-1", kill()),
        ];
        assert_eq!(own(&restarted, &[there]), [true, true, false]);
        let making = work(("create_new", "invoices/web-1").into(), 10, 20);
        let making = reaching(making, &step, &reaches);
        assert_eq!((making.system.as_str(), making.things.len()), ("shop", 0));
    }

    #[test]
    fn a_container_is_known_by_every_name_that_it_had() {
        let removing = [work(("remove_old", "web-1").into(), 30, 40)];
        let from = "web-1".to_owned();
        let renamed = [
            change(12, "a", "web-1-purser-0c9d", Act::Renamed { from }),
            change(31, "a", "web-1-purser-0c9d", Act::Removed),
        ];
        assert_eq!(own(&renamed, &removing), [false, true]);
    }

    #[test]
    fn that_a_run_has_made_a_container_does_not_say_who_stopped_it() {
        let mut stopped = change(50, "a", "web-1", kill());
        stopped.item.made_by = Some(RUN.parse().unwrap());
        stopped.item.made_for = Some("web-1".to_owned());
        let mut created = stopped.clone();
        (created.at, created.act) = (at(11), Act::Created);
        let making = [work(("create_new", "web-1").into(), 10, 20)];
        assert_eq!(own(&[created, stopped], &making), [true, false]);
    }

    #[test]
    fn a_container_that_ends_by_itself_is_nobodys_but_a_job_is_its_runs() {
        let starting = [work("start_container".into(), 10, 12)];
        let mut ended = change(11, "a", "web-1", end());
        ended.item.made_by = Some(RUN.parse().unwrap());
        assert_eq!(own(&[ended.clone()], &starting), [false]);
        ended.item.part = Some("job".to_owned());
        (ended.at, ended.act) = (at(60), end());
        assert_eq!(own(&[ended], &starting), [true]);
    }

    #[test]
    fn an_image_is_fetched_by_a_run_that_speaks_of_it() {
        let pulling = [work("pull_image".into(), 10, 20)];
        let pulled = |name: &str| {
            let mut pulled = change(15, name, name, Act::Pulled);
            pulled.item.sort = Sort::Image;
            pulled
        };
        let all = ["shop/web:v2", "shop/web@sha256:00ff", "shop/db:v2"].map(pulled);
        assert_eq!(own(&all, &pulling), [true, true, false]);
    }

    #[test]
    fn who_is_in_a_network_is_told_by_the_other_events_of_it() {
        let join = Act::Joined {
            network: "net".to_owned(),
        };
        let mut changes = vec![
            change(1, "abcdef", "web-1", Act::Created),
            change(2, "abcdef", "abc", join.clone()),
            change(3, "012345", "012", join),
        ];
        complete(&mut changes);
        let names: Vec<_> = changes.iter().map(|change| &*change.item.name).collect();
        assert_eq!(names, ["web-1", "web-1", "012"]);
    }

    /// What stands in a run's log, a second apart.
    fn log(events: &[serde_json::Value]) -> Vec<Logged> {
        let requested = json!({
            "type": "requested", "workflow": "deploy", "definition": format!("sha256:{:064}", 0),
            "dialect": 1, "inputs": {}, "by": { "person": "ann", "roles": [], "through": "uid 0" },
            "trigger": "api", "environments": [], "approval": [], "systems": {},
            "concurrency": null, "timeout": null,
        });
        let started = json!({
            "type": "step_started", "step": "deploy", "attempt": 1, "action": "docker.deploy_service",
            "system": "shop", "input": { "service": "shop/web" },
        });
        let events = [&[requested, started], events].concat();
        (0..)
            .zip(events)
            .map(|(second, event)| Logged {
                run: RUN.parse().unwrap(),
                seq: u64::try_from(second).unwrap() + 1,
                at: at(second),
                event: serde_json::from_value(event).unwrap(),
            })
            .collect()
    }

    fn effect(kind: &str, name: &str) -> serde_json::Value {
        json!({
            "type": kind, "step": "deploy", "effect": { "name": name, "item": "web-1" },
            "generation": 0, "result": null,
        })
    }

    #[test]
    fn a_run_is_at_work_from_the_start_of_an_effect_to_its_end_and_while_it_takes_it_back() {
        let failure = json!({ "kind": "fatal", "message": "it is not well" });
        let events = [
            effect("effect_started", "stop_old"),
            effect("effect_done", "stop_old"),
            effect("effect_started", "start_new"),
            json!({ "type": "attempt_failed", "step": "deploy", "failure": failure, "retry_at": null }),
            json!({ "type": "step_taken_up", "step": "deploy" }),
            effect("effect_undone", "start_new"),
            effect("effect_undone", "stop_old"),
        ];
        let times = |log: &[Logged]| -> Vec<_> {
            let work = at_work(log).into_iter();
            let time = |work: AtWork| (work.effect.name, work.from, work.until);
            work.map(time).collect()
        };
        let stopping = ("stop_old".to_owned(), at(2), Some(at(3)));
        let expected = [
            stopping.clone(),
            ("start_new".to_owned(), at(4), Some(at(7))),
            ("start_new".to_owned(), at(5), Some(at(7))),
            ("stop_old".to_owned(), at(7), Some(at(8))),
        ];
        assert_eq!(times(&log(&events)), expected);
        let killed = [stopping, ("start_new".to_owned(), at(4), None)];
        assert_eq!(
            times(&log(&events[..3])),
            killed,
            "nobody knows of its end yet"
        );
    }
}

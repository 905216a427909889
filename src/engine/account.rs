//! What has changed on all systems in a time: the runs of it, and what none of them has done.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::action::{Registry, Risk, Systems};
use crate::domain::change::{
    Account, AtWork, Change, Happened, RunLine, RunTarget, at_work, complete, fold, gaps, whose,
};
use crate::domain::names::SystemName;
use crate::domain::run::{RunState, StepState};
use crate::domain::time::Timestamp;
use crate::store::{Result, Store};

/// So many runs are looked at; where there were more, less time is.
const MOST_RUNS: u32 = 500;

/// The same of the changes on one system.
const MOST_CHANGES: u32 = 20_000;

/// What happened before is looked at too: something that began then may have ended since.
const BEFORE: Duration = Duration::from_hours(1);

/// What has changed from one instant to another.
///
/// # Errors
/// The store cannot be read.
pub async fn account(
    store: &dyn Store,
    registry: &Registry,
    systems: &Systems,
    since: Timestamp,
    now: Timestamp,
) -> Result<Account> {
    let mut account = Account {
        since,
        until: now,
        runs: vec![],
        outside: vec![],
        unwatched: vec![],
    };
    let work = runs(store, registry, &mut account).await?;
    let watched = systems
        .iter()
        .filter(|(_, entry)| entry.ports.watches.is_some());
    let watched: Vec<&SystemName> = watched.map(|(system, _)| system).collect();
    for system in &watched {
        outside(store, system, &work, &mut account).await?;
    }
    for system in watched {
        let watched = store.watched(system).await?;
        let gaps = gaps(&watched, account.since, now);
        account
            .unwatched
            .extend(gaps.into_iter().map(|gap| (system.clone(), gap)));
    }
    let since = account.since;
    account
        .outside
        .retain(|(_, happened)| happened.until >= since);
    account.runs.retain(|run| run.at >= since);
    account.outside.sort_by_key(|(_, happened)| happened.at);
    Ok(account)
}

/// The runs, and when they were at work on what.
async fn runs(
    store: &dyn Store,
    registry: &Registry,
    account: &mut Account,
) -> Result<Vec<AtWork>> {
    let mut work = vec![];
    let ids = store
        .runs_since(account.since.minus(BEFORE), MOST_RUNS)
        .await?;
    let is_all = u32::try_from(ids.len()) != Ok(MOST_RUNS);
    let mut oldest = account.until;
    for id in ids {
        let log = store.log(id, 0).await?;
        let Some(state) = RunState::replay(&log) else {
            // Forgotten a moment ago.
            continue;
        };
        // Those that are not among them have ended before.
        if let Some(ended) = &state.ended {
            oldest = oldest.min(ended.at);
        }
        work.extend(at_work(&log));
        account.runs.extend(line(registry, &state, account.since));
    }
    if !is_all {
        account.since = account.since.max(oldest);
    }
    account.runs.sort_by_key(|run| run.at);
    Ok(work)
}

/// What is told of a run that has begun or ended since, and did or could have done more than look.
fn line(registry: &Registry, run: &RunState, since: Timestamp) -> Option<RunLine> {
    let ended = run.ended.as_ref();
    let began = run.started_at.filter(|at| *at >= since);
    let at = began.or(ended.map(|ended| ended.at).filter(|at| *at >= since))?;
    let only_reads = |step: &StepState| {
        let action = step.action.as_ref();
        action.is_some_and(|name| {
            registry
                .action(name.as_str())
                .is_ok_and(|action| action.spec().risk == Risk::Read)
        })
    };
    let mut steps = run
        .steps
        .values()
        .filter(|step| !step.is_composite())
        .peekable();
    if steps.peek().is_some() && steps.all(only_reads) {
        return None;
    }
    Some(RunLine {
        run: run.id,
        at,
        workflow: run.request.workflow.clone(),
        by: run.request.by.person.clone(),
        on: targets(registry, run),
        status: run.status(),
        summary: ended.map(|ended| ended.summary.to_string()),
    })
}

fn targets(registry: &Registry, run: &RunState) -> Vec<RunTarget> {
    let of_step = |step: &StepState| {
        let action = registry.action(step.action.as_ref()?.as_str()).ok()?;
        let service = action
            .spec()
            .service
            .and_then(|name| step.input[name].as_str());
        Some(RunTarget {
            system: step.system.clone()?,
            service: service.map(str::to_owned),
        })
    };
    let targets: BTreeSet<_> = run.steps.values().filter_map(of_step).collect();
    targets.into_iter().collect()
}

/// What has changed on a system that no run has done.
async fn outside(
    store: &dyn Store,
    system: &SystemName,
    work: &[AtWork],
    account: &mut Account,
) -> Result<()> {
    let from = account.since.minus(BEFORE);
    let mut changes = store.changes_on(system, from, MOST_CHANGES).await?;
    complete(&mut changes);
    if u32::try_from(changes.len()) == Ok(MOST_CHANGES)
        && let Some(first) = changes.first()
    {
        account.since = account.since.max(first.at);
    }
    let mut work: Vec<&AtWork> = work.iter().filter(|work| work.system == *system).collect();
    work.sort_by_key(|work| work.from);
    let whose = whose(&changes, &work);
    let others = changes
        .into_iter()
        .zip(whose)
        .filter(|(_, run)| run.is_none());
    let others: Vec<Change> = others.map(|(change, _)| change).collect();
    let happened = fold(others).into_iter();
    account
        .outside
        .extend(happened.map(|one: Happened| (system.clone(), one)));
    Ok(())
}

//! The interpreter under random definitions and random fates: results, failures, cancels, answers
//! of people, crashes and duplicates, in any order.

mod definitions;
mod laws;
mod left_out;
mod play;

use std::cell::RefCell;

use definitions::cases;
use play::{Coverage, Play};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use purser::domain::event::Logged;
use purser::domain::interpreter::decide;
use purser::domain::run::RunState;

/// More turns than any of these runs can need.
const TURNS: usize = 3_000;

/// Everything that the generators must come to, or the laws are kept in an empty country.
const FEATURES: [&str; 28] = [
    "answers given twice",
    "approvals of runs",
    "approvals of steps",
    "cancels",
    "conditions",
    "delegations",
    "foreach",
    "lapsed approvals",
    "on_failure",
    "outputs",
    "reminders",
    "reruns",
    "retries",
    "signals",
    "steps let on",
    "steps not gone on with",
    "steps side by side",
    "steps taken back",
    "stuck",
    "takeovers",
    "timeouts of runs",
    "timeouts of steps",
    "unclear effects",
    "undo steps",
    "void approvals",
    "waits",
    "workflows",
    "workflows in workflows",
];

#[test]
fn every_run_ends_and_says_what_is_true() {
    let met = RefCell::new(Coverage::new());
    let mut runner = TestRunner::new(Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&cases(), |case| {
        let mut play = play_to_its_end(Play::begin(&case))?;
        let mut all = met.borrow_mut();
        for (what, times) in play.take_met() {
            *all.entry(what).or_default() += times;
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    let met = met.into_inner();
    for what in FEATURES {
        let times = met.get(what).copied().unwrap_or_default();
        println!("{times:>7} × {what}");
    }
    let missing: Vec<_> = FEATURES.iter().filter(|f| !met.contains_key(*f)).collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
}

fn play_to_its_end(mut play: Play) -> Result<Play, TestCaseError> {
    for _ in 0..TURNS {
        if play.state.ended.is_some() {
            break;
        }
        play.disturb();
        if play.state.ended.is_none() {
            play.turn();
        }
    }
    prop_assert!(
        play.state.ended.is_some(),
        "it does not end: {:#?}",
        play.log
    );
    prop_assert!(decide(&play.definition, &play.state).is_empty());
    let mut prefix = RunState::begin(&play.log[0]).unwrap();
    for logged in &play.log[1..] {
        // Every prefix of a log is a state from which one can go on.
        let _ = (prefix.status(), decide(&play.definition, &prefix));
        prefix.apply(logged);
    }
    let text = serde_json::to_string(&play.log).unwrap();
    let read: Vec<Logged> = serde_json::from_str(&text).unwrap();
    prop_assert_eq!(RunState::replay(&read).unwrap(), play.state.clone());
    Ok(play)
}

//! The same torture as that of `cargo xtask torture`, in small.

mod cluster;
mod cut;

use std::path::PathBuf;

use purser::action::Registry;
use xtask::torture::{Group, Options, Report, Store, every_failpoint, random_kills};

use crate::support::program::program;

fn options(kills: u32, seed: u64) -> Options {
    Options {
        program: PathBuf::from(program()),
        store: Store::Sqlite,
        group: Group::Ours,
        kills,
        seed,
        say: |text| println!("{text}"),
        interrupted: || false,
    }
}

/// Nothing is lost and nothing is done twice; what was unclear was asked.
fn expect_clean(report: &Report) {
    println!("{}", serde_json::to_string(report).unwrap());
    assert!(report.is_clean(), "{:#?}", report.wrong);
}

#[test]
fn killed_at_every_failpoint_of_http_send_nothing_is_lost_and_nothing_is_done_twice() {
    let registry = Registry::new(purser::integrations::all());
    let spec = registry.action("http.send").unwrap().spec();
    let effects: Vec<_> = (spec.effects.iter())
        .map(|effect| effect.name.to_owned())
        .collect();
    let report = every_failpoint(&options(0, 0), &effects).unwrap();
    expect_clean(&report);
    assert_eq!(report.runs, 5 * effects.len());
    assert_eq!(usize::try_from(report.kills), Ok(report.runs));
    // Of what neither honours keys nor can be asked, nobody but a person knows.
    assert_eq!(report.parked, 2);
}

#[test]
fn killed_sixty_times_at_random_nothing_is_lost_and_nothing_is_done_twice() {
    let seed = std::env::var("PURSER_TEST_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("PURSER_TEST_SEED={seed}");
    let report = random_kills(&options(60, seed)).unwrap();
    expect_clean(&report);
    assert_eq!(report.kills, 60);
    assert!(report.in_flight >= 30, "{report:?}");
    assert!(report.taken_over > 0 && report.parked > 0, "{report:?}");
}

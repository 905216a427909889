//! Schedules: when they fire, and what people can do about it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{MIGRATE, Story};
use crate::docker::stage::eventually;
use crate::support::program::Person;

#[tokio::test]
async fn an_expression_is_shown_with_what_changes_of_clocks_do_to_it() {
    let story = Story::of_docker();
    let preview = [
        "schedules",
        "preview",
        "30 2 * * *",
        "--timezone",
        "Europe/Berlin",
        "--from",
        "2026-03-28T00:00:00Z",
        "--count",
        "3",
    ];
    let said = story.home.types(&preview).await;
    insta::assert_snapshot!(said.out, @"
    2026-03-28T01:30:00Z  2026-03-28T02:30:00+01:00
    2026-03-29T01:00:00Z  2026-03-29T03:00:00+02:00
        02:30 does not come on 2026-03-29, since the clocks go on from 02:00 to 03:00: it fires at 03:00
    2026-03-30T00:30:00Z  2026-03-30T02:30:00+02:00
    ");
    let fires = story.home.asks(&preview).await;
    assert_eq!(
        fires,
        json!([
            {
                "at": "2026-03-28T01:30:00Z",
                "local": "2026-03-28T02:30:00+01:00",
                "reason": null,
            },
            {
                "at": "2026-03-29T01:00:00Z",
                "local": "2026-03-29T03:00:00+02:00",
                "reason": "02:30 does not come on 2026-03-29, since the clocks go on from 02:00 \
                           to 03:00: it fires at 03:00",
            },
            {
                "at": "2026-03-30T00:30:00Z",
                "local": "2026-03-30T02:30:00+02:00",
                "reason": null,
            },
        ])
    );
}

#[tokio::test]
async fn what_the_page_shows_is_what_the_program_says() {
    let story = Story::of_docker();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SCHEDULES.md");
    let page = fs::read_to_string(page).unwrap();
    let shown: Vec<_> = page.split("```console\n$ purser ").skip(1).collect();
    assert_eq!(shown.len(), 2);
    for block in shown {
        let (line, rest) = block.split_once('\n').unwrap();
        let (expected, _) = rest.split_once("```").unwrap();
        let said = story.home.types(&quoted_words(line)).await;
        assert_eq!(said.out, expected, "$ purser {line}");
    }
}

/// The words of a line, as a shell splits them that knows double quotes.
fn quoted_words(line: &str) -> Vec<&str> {
    line.split('"')
        .enumerate()
        .flat_map(|(n, part)| match n % 2 {
            0 => super::words(part),
            _ => vec![part],
        })
        .collect()
}

#[tokio::test]
async fn without_a_zone_the_configured_clock_counts() {
    let story = Story::of_docker();
    story.home.configure("[schedules]\ntimezone = 'Asia/Tokyo'");
    let from = ["--from", "2026-01-01T00:00:00Z", "--count", "1"];
    let preview = [&["schedules", "preview", "@daily"][..], &from].concat();
    let fires = story.home.asks(&preview).await;
    assert_eq!(fires[0]["at"], "2026-01-01T15:00:00Z");
}

#[tokio::test]
async fn a_broken_expression_is_pointed_at() {
    let story = Story::of_docker();
    let mut seen = vec![];
    for arguments in [
        &["30 25 * * *"][..],
        &["30 2 31 2 *", "--count", "1"],
        &["@daily", "--timezone", "Europe/Berln"],
        &["@daily", "--from", "tomorrow"],
        &["@daily", "--count", "0"],
    ] {
        let said = story
            .home
            .types(&[&["schedules", "preview"], arguments].concat())
            .await;
        seen.push(format!("{}{}exit code {}", said.out, said.err, said.code));
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    purser: column 4: the hour 25 is not in 0 to 23
        30 25 * * *
           ^
    exit code 2
    it does not fire: no calendar has such a day
    exit code 0
    error: invalid value 'Europe/Berln' for '--timezone <ZONE>': unknown time zone `Europe/Berln`; did you mean `Europe/Berlin`?

    For more information, try '--help'.
    exit code 2
    error: invalid value 'tomorrow' for '--from <TIME>': `tomorrow` is no instant: write it as 2026-03-28T00:00:00Z or 2026-03-28T02:00:00+02:00

    For more information, try '--help'.
    exit code 2
    error: invalid value '0' for '--count <COUNT>': 0 is not in 1..=1000

    For more information, try '--help'.
    exit code 2
    ");
}

const ALL_RUNS: [&str; 4] = ["runs", "list", "--limit", "500"];

/// A workflow that looks around each second.
const TICK: &str = "
on:
  - { schedule: '* * * * * *', id: each-second, overlap: queue }
steps:
  - { id: look, uses: docker.list_services }
";

/// A workflow that looks around once a year, and its server.
async fn of_yearly() -> Story {
    let mut story = Story::of_docker();
    story.home.workflow("look", &yearly("yearly"));
    story.home.up().await;
    story
}

fn yearly(id: &str) -> String {
    TICK.replace("* * * * * *", "0 0 1 1 *")
        .replace("each-second", id)
}

impl Story {
    /// Waits until so many runs have ended: all runs then, newest first.
    async fn runs_ended(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let runs = self.home.asks(&ALL_RUNS).await;
            let runs = runs.as_array().unwrap();
            let ended = runs.iter().filter(|run| run["summary"].is_string());
            if ended.count() >= count {
                return runs.clone();
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{runs:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// For which instants a schedule's runs were, each as often as there are runs for it.
    async fn instants(&self) -> Vec<i64> {
        let mut instants = vec![];
        for run in self.home.asks(&ALL_RUNS).await.as_array().unwrap() {
            let view = self
                .home
                .asks(&["runs", "show", run["id"].as_str().unwrap()])
                .await;
            let at = &view["run"]["request"]["trigger"]["schedule"]["at"];
            instants.push(at.as_i64().unwrap());
        }
        instants
    }
}

#[tokio::test]
async fn a_schedule_runs_its_workflow_until_somebody_pauses_it() {
    let mut story = Story::of_docker();
    story.home.workflow("tick", TICK);
    story.home.up().await;
    let runs = story.runs_ended(2).await;
    assert_eq!(runs[0]["requested_by"], "schedule tick.each-second");
    insta::assert_snapshot!(story.sees("schedules pause each-second").await, @"
    tick.each-second is paused
    exit code 0
    ");
    for run in story.home.asks(&ALL_RUNS).await.as_array().unwrap() {
        story.home.ends(run["id"].as_str().unwrap()).await;
    }
    insta::assert_snapshot!(story.sees("schedules list").await, @"
    SCHEDULE          WHEN             NEXT                                      LAST
    tick.each-second  * * * * * * UTC  paused by ann since TIME  TIME run RUN succeeded
    exit code 0
    ");
    let before = story.instants().await;
    let now = Instant::now();
    eventually("a second passes", || {
        now.elapsed() > Duration::from_millis(1500)
    })
    .await;
    assert_eq!(story.instants().await, before, "it is paused");
    insta::assert_snapshot!(story.sees("schedules pause each-second").await, @"
    purser: tick.each-second is paused already, by ann since TIME
    exit code 1
    ");
    insta::assert_snapshot!(story.sees("schedules resume tick.each-second").await, @"
    tick.each-second fires next at TIME (LOCAL)
    exit code 0
    ");
    story.runs_ended(before.len() + 1).await;
}

#[tokio::test]
async fn a_server_that_is_killed_repeats_no_fire() {
    let mut story = Story::of_docker();
    story.home.workflow("tick", TICK);
    for round in 1..=3 {
        story.home.up().await;
        story.runs_ended(round * 2).await;
        story.home.kill().await;
    }
    story.home.up().await;
    story.runs_ended(7).await;
    story
        .home
        .types(&["schedules", "pause", "each-second"])
        .await;
    let instants = story.instants().await;
    let each_once: BTreeSet<_> = instants.iter().collect();
    assert_eq!(each_once.len(), instants.len(), "{instants:?}");
}

#[tokio::test]
async fn who_may_start_the_workflow_may_pause_resume_and_run_its_schedule() {
    let story = of_yearly().await;
    let mut seen = vec![];
    for verb in ["pause", "resume", "run"] {
        let line = format!("schedules {verb} look.yearly");
        seen.push(story.person_sees(Person::Cy, &line).await);
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    purser: cy may not run `look` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    purser: cy may not run `look` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    purser: cy may not run `look` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "schedules list").await, @"
    SCHEDULE     WHEN           NEXT                  LAST
    look.yearly  0 0 1 1 * UTC  TIME  -
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("schedules pause look.yearly").await, @"
    look.yearly is paused
    exit code 0
    ");
    // What services there are is up to the other tests.
    let seen = story.sees("schedules run look.yearly").await;
    assert!(
        seen.starts_with("run RUN of look, asked by ann\n"),
        "{seen}"
    );
    assert!(seen.ends_with(": 1 step done\nexit code 0"), "{seen}");
    insta::assert_snapshot!(story.sees("schedules list").await, @"
    SCHEDULE     WHEN           NEXT                                      LAST
    look.yearly  0 0 1 1 * UTC  paused by ann since TIME  TIME run RUN succeeded
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("schedules resume look.yearly").await, @"
    look.yearly fires next at TIME (LOCAL)
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts list").await, @"
    NO  AT                    BY   ABOUT                            RESULT     SUMMARY
    6   TIME  ann  schedule look.yearly             changed    the schedule look.yearly was resumed by ann
    5   TIME  ann  run RUN of look             succeeded  1 step done
    4   TIME  ann  schedule look.yearly             changed    the schedule look.yearly was paused by ann
    3   TIME  cy   run the schedule look.yearly     refused    cy may not run `look` in production: that takes the role op…
    2   TIME  cy   resume the schedule look.yearly  refused    cy may not run `look` in production: that takes the role op…
    1   TIME  cy   pause the schedule look.yearly   refused    cy may not run `look` in production: that takes the role op…
    exit code 0
    ");
}

#[tokio::test]
async fn a_schedule_opens_no_workflow_that_its_own_only_runs() {
    let mut story = Story::of_docker();
    story.home.workflow(
        "look",
        "steps: [{ id: look, uses: docker.list_services }]\n",
    );
    story.home.write(
        "workflows/often.yaml",
        "name: often\nsummary: For a story\nwho: { production: [reader] }\n\
         on: [{ schedule: '0 0 1 1 *', id: yearly }]\n\
         steps: [{ id: look, runs: look }]\n",
    );
    story.home.up().await;
    let mut seen = vec![];
    for line in ["run often", "schedules run often.yearly"] {
        seen.push(story.person_sees(Person::Cy, line).await);
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    purser: cy may not run `look` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    purser: cy may not run `look` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    ");
}

/// A workflow that takes its time, with a schedule of this expression.
fn slow(expression: &str) -> String {
    let on =
        format!("on:\n  - {{ schedule: '{expression}', id: often, inputs: {{ seconds: '60' }} }}");
    format!("{on}{MIGRATE}")
}

#[tokio::test]
async fn a_fire_that_is_passed_over_is_told_of_in_the_list_and_in_a_receipt() {
    let mut story = Story::of_docker();
    story.home.workflow("slow", &slow("* * * * * *"));
    story.home.up().await;
    let begun = Instant::now();
    let seen = loop {
        let seen = story.sees("schedules list").await;
        if seen.contains("passed over") {
            break seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{seen}");
        sleep(Duration::from_millis(50)).await;
    };
    insta::assert_snapshot!(seen, @"
    SCHEDULE    WHEN             NEXT                  LAST
    slow.often  * * * * * * UTC  TIME  TIME passed over: its run RUN has not …
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts show 1").await, @"
    receipt 1: schedule slow.often: passed over
    asked by schedule slow.often (its time), over at TIME
    its fire at TIME was passed over: its run RUN has not ended (overlap: skip)
    hash sha256:HEX
    after sha256:HEX
    exit code 0
    ");
    story.sees("schedules pause often").await;
    let run = story.last_run().await;
    story.sees(&format!("cancel {run}")).await;
    story.home.ends(&run).await;
}

#[tokio::test]
async fn a_schedule_whose_run_goes_on_is_not_run_beside_it() {
    let mut story = Story::of_docker();
    story.home.workflow("slow", &slow("@yearly"));
    story.home.up().await;
    let run = story
        .home
        .asks(&["schedules", "run", "often", "--detach"])
        .await;
    let run = run["run"].as_str().unwrap();
    insta::assert_snapshot!(story.sees("schedules run often").await, @"
    purser: run RUN of slow.often has not ended: wait for it, or stop it with `purser cancel RUN`
    exit code 1
    ");
    story.sees(&format!("cancel {run}")).await;
    story.home.ends(run).await;
}

#[tokio::test]
async fn a_wrong_name_of_a_schedule_has_a_near_one() {
    let story = of_yearly().await;
    insta::assert_snapshot!(story.sees("schedules pause look.yaerly").await, @"
    purser: unknown schedule `look.yaerly`; did you mean `look.yearly`?
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("schedules preview yaerly").await, @"
    purser: unknown schedule `yaerly`; there is `look.yearly`
    exit code 2
    ");
    let line = "schedules preview yearly --from 2026-01-01T00:00:00Z --count 2";
    insta::assert_snapshot!(story.home.types(&super::words(line)).await.out, @"
    2027-01-01T00:00:00Z  2027-01-01T00:00:00+00:00
    2028-01-01T00:00:00Z  2028-01-01T00:00:00+00:00
    ");
}

#[tokio::test]
async fn a_schedule_whose_file_has_vanished_is_still_told_of() {
    let story = of_yearly().await;
    fs::remove_file(story.home.path("workflows/look.yaml")).unwrap();
    story.home.workflow("tick", &yearly("new"));
    story.sees("reload").await;
    let begun = Instant::now();
    let seen = loop {
        let seen = story.sees("schedules list").await;
        if seen.contains("in no file since") {
            break seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{seen}");
    };
    insta::assert_snapshot!(seen, @"
    SCHEDULE     WHEN           NEXT                                          LAST
    look.yearly  0 0 1 1 * UTC  never: in no file since TIME  -
    tick.new     0 0 1 1 * UTC  TIME                          -
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("schedules run look.yearly").await, @"
    purser: unknown schedule `look.yearly`; there is `tick.new`
    exit code 2
    ");
}

#[tokio::test]
async fn without_a_schedule_there_is_none_to_list() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("schedules list").await, @"
    no schedules yet: a workflow has them under `on:`
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("schedules run nightly").await, @"
    purser: unknown schedule `nightly`: there is none yet
    exit code 2
    ");
}

//! `purser console` and `purser run` on a real terminal: what somebody types, and what the screen shows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::deploys::DEPLOY;
use super::{Story, docker, of_kind};
use crate::docker::shop::Shop;
use crate::docker::stage::V1;
use crate::prometheus::settings;
use crate::support::program::Person;
use crate::support::screen::{CTRL_C, CTRL_D, ENTER, Screen, TAB, UP};

const PROMPT: &str = "purser>";

const DEPLOY_COMMAND: &str = "
name: deploy
summary: Put a version live
options:
  service: { type: string, required: true, suggest: docker.services }
  version: { type: string, required: true, suggest: docker.tags(service) }
runs: deploy
";

/// A job that goes on until it is told to stop.
const LONG_JOB: &str = "
steps:
  - id: wait
    uses: docker.run_job
    with: { image: purser-test/web:v1, command: [job, --lines, \"1\", --seconds, \"600\"] }
";

/// A job that is over at once.
const SHORT_JOB: &str = "
steps:
  - id: job
    uses: docker.run_job
    with: { image: purser-test/web:v1, command: [job, --lines, \"1\", --seconds, \"0\"] }
";

/// A shop that runs v1, and a server with commands for it and for its figures.
async fn open() -> (Shop, Story) {
    let shop = Shop::new();
    shop.start(1, V1, &["--no-healthcheck"]).await;
    let prometheus = of_kind("prometheus", settings());
    let mut story = Story::with(&[("shop", docker()), ("prometheus", prometheus)]);
    story.call(&shop.project, "bookshop");
    let home = &story.home;
    home.workflow("deploy", DEPLOY);
    home.write("commands/deploy.yaml", DEPLOY_COMMAND);
    for (name, job) in [("wait", LONG_JOB), ("work", SHORT_JOB)] {
        home.workflow(name, job);
        let command = format!("name: {name}\nsummary: Do a job\nruns: {name}\n");
        home.write(&format!("commands/{name}.yaml"), &command);
    }
    for folder in ["workflows", "commands"] {
        let file = format!("{folder}/query.yaml");
        let given = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        home.write(&file, &fs::read_to_string(given).unwrap());
    }
    story.home.up().await;
    (shop, story)
}

impl Story {
    /// Somebody starts `purser …` on a terminal of so many columns.
    fn terminal(&self, person: Person, arguments: &[&str], columns: u16) -> Screen {
        let mut command = self.home.command(person, arguments);
        command
            .env_remove("NO_COLOR")
            .env("XDG_STATE_HOME", self.home.path("state"));
        Screen::open(command, 24, columns)
    }

    /// Ann opens the console.
    async fn console(&self) -> Screen {
        let screen = self.terminal(Person::Ann, &["console"], 80);
        screen.ends_with(PROMPT).await;
        screen
    }

    /// What a screen shows, with what differs in each run replaced; spinners too.
    fn on_screen(&self, text: &str) -> String {
        let still = |c: char| {
            if ('\u{2800}'..='\u{28ff}').contains(&c) {
                '⠿'
            } else {
                c
            }
        };
        let text: String = text.chars().map(still).collect();
        let lines: Vec<_> = text.lines().map(with_still_clock).collect();
        self.plain(lines.join("\n").trim_end())
    }
}

/// `⠿ wait: 3 s · runs` without the time.
fn with_still_clock(line: &str) -> String {
    let line = line.trim_end();
    match line.split_once(" s · ") {
        Some((before, rest)) if line.starts_with('⠿') => {
            let before = before.trim_end_matches(|c: char| c.is_ascii_digit());
            format!("{before}N s · {rest}")
        }
        _ => line.to_owned(),
    }
}

#[tokio::test]
async fn a_command_is_completed_word_by_word() {
    let (shop, story) = open().await;
    let mut screen = story.console().await;
    screen.types("dep").await;
    screen.types(TAB).await;
    screen.shows("deploy SERVICE VERSION").await;
    screen.types(&shop.project).await;
    screen.types(TAB).await;
    screen.shows("/web VERSION").await;
    screen.types(TAB).await;
    let both = |screen: &str| screen.contains("v1") && screen.contains("v2");
    let tags = screen.until("both tags", both).await;
    eprintln!("{tags}\n----");
    screen.types("v2").await;
    let line = format!("deploy {} v2", shop.web());
    screen.ends_with(&line).await;
    screen.types(ENTER).await;
    let screen = screen
        .until("an end", |screen| screen.contains("succeeded after"))
        .await;
    insta::assert_snapshot!(story.on_screen(&screen), @"");
}

#[tokio::test]
async fn a_metric_is_completed_inside_its_query() {
    let (_shop, story) = open().await;
    let mut screen = story.console().await;
    screen.types("query 'sum by (shop) (shop_mem").await;
    screen.types(TAB).await;
    screen
        .ends_with("query 'sum by (shop) (shop_memory_bytes")
        .await;
    screen.types(") / shop_").await;
    screen.types(TAB).await;
    let all = |screen: &str| screen.contains("shop_crowd") && screen.contains("shop_orders_total");
    let shown = screen.until("the metrics", all).await;
    insta::assert_snapshot!(story.on_screen(&shown), @"");
}

#[tokio::test]
async fn who_may_not_start_a_command_has_nothing_of_it_completed() {
    let (shop, story) = open().await;
    let mut screen = story.terminal(Person::Cy, &["console"], 80);
    screen.ends_with(PROMPT).await;
    screen.types("dep").await;
    screen.types(TAB).await;
    screen.types("loy ").await;
    screen.types(&shop.project[..4]).await;
    screen.types(TAB).await;
    screen.types("!").await;
    screen
        .ends_with(&format!("deploy {}!", &shop.project[..4]))
        .await;
    screen.types(CTRL_C).await;
    screen.types("he").await;
    screen.types(TAB).await;
    let shown = screen.ends_with("> help").await;
    assert!(!shown.contains("web"), "{shown}");
}

#[tokio::test]
async fn a_run_is_watched_in_place_and_goes_on_when_it_is_left() {
    let (_shop, story) = open().await;
    let mut screen = story.console().await;
    screen.types("wait").await;
    screen.types(ENTER).await;
    let working = screen
        .until("a job at work", |s| s.contains("runs") && s.contains("2 s"))
        .await;
    insta::assert_snapshot!(story.on_screen(&working), @"");
    assert!(
        screen.in_colour().contains("\x1b[36m"),
        "{}",
        screen.in_colour()
    );
    screen.types(CTRL_C).await;
    let left = screen.ends_with(PROMPT).await;
    insta::assert_snapshot!(story.on_screen(&left), @"");
    let run = story.last_run().await;
    let view = story.home.asks(&["runs", "show", &run]).await;
    assert_eq!(view["status"], "running");
    screen.types("cancel ").await;
    screen.types(TAB).await;
    screen
        .ends_with(&format!("cancel {}", &run[run.len() - 8..]))
        .await;
    screen.types(ENTER).await;
    screen.shows("being stopped").await;
    screen.types("watch ").await;
    screen.types(TAB).await;
    screen.types(ENTER).await;
    let over = screen.shows("✗ cancelled").await;
    insta::assert_snapshot!(story.on_screen(&over), @"");
    screen.ends_with(PROMPT).await;
    screen.types(CTRL_D).await;
    assert_eq!(screen.is_over().await, 0);
}

#[tokio::test]
async fn lines_are_remembered_save_those_behind_a_blank() {
    let (_shop, story) = open().await;
    let mut first = story.console().await;
    for line in ["help", "runs", " show 12345678"] {
        first.types(line).await;
        first.types(ENTER).await;
        first.ends_with(PROMPT).await;
    }
    first.types("half a line").await;
    first.types(CTRL_C).await;
    first.ends_with(PROMPT).await;
    first.types("quit\r").await;
    assert_eq!(first.is_over().await, 0);

    let mut second = story.console().await;
    second.types(UP).await;
    second.ends_with("> quit").await;
    second.types(UP).await;
    second.ends_with("> runs").await;
    second.types(UP).await;
    second.ends_with("> help").await;
    let file = story.home.path("state/purser/history");
    let kept = fs::read_to_string(&file).unwrap();
    assert_eq!(
        kept.lines().skip(1).collect::<Vec<_>>(),
        ["help", "runs", "quit"]
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn colours_are_for_terminals_and_for_people_who_want_them() {
    let (_shop, story) = open().await;
    let colour_of = async |name: &str, value: &str| {
        let mut command = story.home.command(Person::Ann, &["run", "work"]);
        command.env_remove("NO_COLOR").env(name, value);
        let mut screen = Screen::open(command, 24, 80);
        assert_eq!(screen.is_over().await, 0);
        screen.shows("succeeded").await;
        screen.in_colour()
    };
    let coloured = colour_of("SOME", "thing").await;
    assert!(coloured.contains("\x1b[32m✓"), "{coloured}");
    let plain = colour_of("NO_COLOR", "1").await;
    assert!(
        plain.contains("✓") && !plain.contains("\x1b[32m"),
        "{plain}"
    );
}

#[tokio::test]
async fn a_narrow_terminal_shows_a_line_at_work_as_one_line() {
    let (_shop, story) = open().await;
    let run = story.starts("wait").await;
    let mut screen = story.terminal(Person::Ann, &["runs", "watch", &run], 40);
    let working = screen
        .until("a job at work", |s| s.contains("purser-wait"))
        .await;
    insta::assert_snapshot!(story.on_screen(&working), @"");
    story.sees(&format!("cancel {run}")).await;
    assert_eq!(screen.is_over().await, 1);
    let over = screen.shows("cancelled").await;
    insta::assert_snapshot!(story.on_screen(&over), @"");
}

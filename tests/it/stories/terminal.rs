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
    screen.completes("deploy SERVICE VERSION").await;
    let hint = "\x1b[2mSERVICE VERSION";
    assert!(
        screen.in_colour().contains(hint),
        "{:?}",
        screen.in_colour()
    );
    screen.types(&shop.project).await;
    screen.completes("/web VERSION").await;
    let tags = screen.completes("v1  v2").await;
    insta::assert_snapshot!(story.on_screen(&tags), @"
    Type a command, `help`, or `quit`.
    purser> deploy bookshop/web v
    v1  v2  v3  v4
    purser> deploy bookshop/web v
    ");
    screen.types("2").await;
    let line = format!("deploy {} v2", shop.web());
    screen.ends_with(&line).await;
    screen.types(ENTER).await;
    let shown = screen.shows("1 step done\npurser>").await;
    insta::assert_snapshot!(story.on_screen(&shown), @"
    purser> deploy bookshop/web v
    v1  v2  v3  v4
    purser> deploy bookshop/web v2
    run RUN of deploy, asked by ann
    ✓ deploy: done in N s
    service: bookshop/web
    changed: true
    image: purser-test/web:v2
    image_id: sha256:HEX
    replaced_image: purser-test/web:v1
    replaced_image_id: sha256:HEX
    strategy: rolling
    proof: started
    proven_by: running for 5 s without dying, as it has no check of its own
    gap_seconds: N
    containers:
        bookshop-web-1
    message: bookshop/web runs purser-test/web:v2 instead of purser-test/web:v1: started (running for 5 s without dying, as it has no check of its own), and only then the old one was stopped
    ✓ succeeded after N s: 1 step done
    purser>
    ");
}

#[tokio::test]
async fn a_command_in_a_group_and_whom_it_names_are_completed() {
    let mut story = Story::with(&[]);
    let inputs = "inputs: { who: { type: user, required: true }, note: { type: string } }\n";
    let steps = "steps: [{ id: wait, wait: { for: 1ms } }]\n";
    story.home.workflow("tell", &format!("{inputs}{steps}"));
    for name in ["people tell", "people ask later", "people ask now"] {
        let options = "options: { who: { type: user, required: true }, note: { type: string } }";
        let command = format!("name: {name}\nsummary: Tell\n{options}\nruns: tell\n");
        let file = format!("commands/{}.yaml", name.replace(' ', "/"));
        story.home.write(&file, &command);
    }
    story.home.up().await;
    let mut screen = story.console().await;
    screen.types("peo").await;
    screen.completes("people ask later  people").await;
    let all = screen.ends_with("> people").await;
    insta::assert_snapshot!(story.on_screen(&all), @"
    Type a command, `help`, or `quit`.
    purser> people
    people ask later  people ask now    people tell
    purser> people
    ");
    screen.types("t").await;
    screen.completes("people tell WHO [NOTE]").await;
    screen.types("b").await;
    screen.completes("people tell bo [NOTE]").await;
    screen.types(ENTER).await;
    let shown = screen.shows("1 step done\npurser>").await;
    assert!(shown.contains("run "), "{shown}");
}

#[tokio::test]
async fn a_metric_is_completed_inside_its_query() {
    let (_shop, story) = open().await;
    let mut screen = story.console().await;
    screen.types("query 'sum by (shop) (shop_mem").await;
    screen
        .completes("query 'sum by (shop) (shop_memory_bytes")
        .await;
    screen.types(") / shop_").await;
    let shown = screen.completes("shop_memory_bytes  shop_orders").await;
    insta::assert_snapshot!(story.on_screen(&shown), @"
    Type a command, `help`, or `quit`.
    purser> query 'sum by (shop) (shop_memory_bytes) / shop_
    shop_crowd         shop_memory_bytes  shop_orders_total
    purser> query 'sum by (shop) (shop_memory_bytes) / shop_
    ");
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
    let is_second = |screen: &str| screen.matches(PROMPT).count() == 2;
    screen.until("a new prompt", is_second).await;
    screen.types("he").await;
    let shown = screen.completes("> help").await;
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
    insta::assert_snapshot!(story.on_screen(&working), @"
    Type a command, `help`, or `quit`.
    purser> wait
    run RUN of wait, asked by ann
    ⠿ wait: N s · purser-wait-HEX runs
    ");
    assert!(
        screen.in_colour().contains("\x1b[36m"),
        "{}",
        screen.in_colour()
    );
    screen.types(CTRL_C).await;
    let left = screen.ends_with(PROMPT).await;
    insta::assert_snapshot!(story.on_screen(&left), @"
    Type a command, `help`, or `quit`.
    purser> wait
    run RUN of wait, asked by ann
    run RUN goes on; `watch RUN` comes back to it, `cancel RUN` stops it
    purser>
    ");
    let run = story.last_run().await;
    let view = story.home.asks(&["runs", "show", &run]).await;
    assert_eq!(view["status"], "running");
    screen.types("cancel ").await;
    let short = &run[run.len() - 8..];
    screen.completes(&format!("cancel {short} [WHY]")).await;
    screen.types(ENTER).await;
    screen.shows("being stopped").await;
    screen.types("watch ").await;
    screen.completes(&format!("> watch {short}")).await;
    screen.types(ENTER).await;
    let over = screen.shows("removed stays.\npurser>").await;
    insta::assert_snapshot!(story.on_screen(&over), @"
    Type a command, `help`, or `quit`.
    purser> wait
    run RUN of wait, asked by ann
    run RUN goes on; `watch RUN` comes back to it, `cancel RUN` stops it
    purser> cancel RUN
    run RUN: being stopped
    purser> watch RUN
    run RUN of wait, asked by ann
    ✗ wait: cancelled while the job purser-wait-HEX ran on `shop`
    ✗ cancelled after N s: cancelled by ann. Left as it is: `wait`: what the job did before it was removed stays.
    purser>
    ");
    screen.ends_with(PROMPT).await;
    screen.types(CTRL_D).await;
    assert_eq!(screen.is_over().await, 0);
}

#[tokio::test]
async fn lines_are_remembered_save_those_behind_a_blank() {
    let (_shop, story) = open().await;
    let mut first = story.console().await;
    for line in ["help lock", "runs", " show 12345678"] {
        first.types(line).await;
        first.types(ENTER).await;
        first.shows(&format!("{PROMPT} {line}\n")).await;
        first.ends_with(PROMPT).await;
    }
    first.types("half a line").await;
    first.ends_with("half a line").await;
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
    second.ends_with("> help lock").await;
    let file = story.home.path("state/purser/history");
    let kept = fs::read_to_string(&file).unwrap();
    assert_eq!(
        kept.lines().skip(1).collect::<Vec<_>>(),
        ["help lock", "runs", "quit"]
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
    insta::assert_snapshot!(story.on_screen(&working), @"
    run RUN of wait, asked by ann
    ⠿ wait: N s · purser-wait-HEX r
    ");
    story.sees(&format!("cancel {run}")).await;
    assert_eq!(screen.is_over().await, 1);
    let over = screen.shows("✗ cancelled after").await;
    insta::assert_snapshot!(story.on_screen(&over), @"
    run RUN of wait, asked by ann
    ✗ wait: cancelled while the job purser-wait-HEX ran on `shop`
    ✗ cancelled after N s: cancelled by ann. Left as it is: `wait`: what the job did before it was removed stays.
    ");
}

#[tokio::test]
async fn a_run_that_is_watched_from_a_shell_goes_on_when_it_is_left() {
    let (_shop, story) = open().await;
    let mut screen = story.terminal(Person::Ann, &["run", "wait"], 80);
    screen.shows("runs").await;
    screen.types("keys that do not show").await;
    screen.types(CTRL_C).await;
    assert_eq!(screen.is_over().await, 130);
    let shown = screen.shows("stops it").await;
    insta::assert_snapshot!(story.on_screen(&shown), @"
    run RUN of wait, asked by ann
    purser: run RUN goes on; `purser runs watch RUN` comes back to it, `purser cancel RUN` stops it
    ");
    let run = story.last_run().await;
    let view = story.home.asks(&["runs", "show", &run]).await;
    assert_eq!(view["status"], "running");
    story.sees(&format!("cancel {run}")).await;
    story.home.ends(&run).await;
}

//! `purser console`, with what is typed coming through a pipe.

use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use xtask::effect_server::{EffectServer, Mood, Reply};

use super::{MIGRATE, Story};
use crate::support::program::{Home, Person, Said, ended};
use crate::support::systems::of_kind;

const PROMPTS: [&str; 3] = ["purser> ", "[yes/no/later] ", "[yes/later] "];

/// A server with the command `migrate`, which needs one word of anybody who may.
async fn open() -> Story {
    open_with("by: [operator]").await
}

/// The same, with this approval.
async fn open_with(approval: &str) -> Story {
    let mut story = Story::of_docker();
    let approval = format!("approval: {{ production: {{ {approval} }} }}");
    story
        .home
        .workflow("migrate", &format!("{approval}{MIGRATE}"));
    let command = "name: migrate\nsummary: Bring the database up to date\noptions:\n  \
                   exit: { type: string, summary: how it is to end }\nruns: migrate\n";
    story.home.write("commands/migrate.yaml", command);
    story.home.up().await;
    story
}

impl Story {
    /// Ann types these lines into the console and closes it: what it shows, with each line where a
    /// terminal would have shown it.
    async fn types_into_console(&self, lines: &[&str]) -> String {
        self.person_types_into_console(Person::Ann, lines).await
    }

    /// The same of somebody else.
    pub(super) async fn person_types_into_console(&self, person: Person, lines: &[&str]) -> String {
        self.shown(&typed_into(&self.home, person, lines).await)
    }
}

/// What the console of a home has shown when somebody has typed these lines into it and closed it.
pub(crate) async fn typed_into(home: &Home, person: Person, lines: &[&str]) -> Said {
    let mut console = home.command(person, &["console"]);
    console
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut console = console.spawn().unwrap();
    let mut keys = console.stdin.take().unwrap();
    keys.write_all(lines.join("\n").as_bytes()).await.unwrap();
    drop(keys);
    let mut said = ended(&["console"], console).await;
    said.out = with_typed(&said.out, lines);
    said
}

/// What was printed, with the next of these lines behind every prompt.
fn with_typed(printed: &str, lines: &[&str]) -> String {
    let (mut shown, mut rest) = (String::new(), printed);
    let mut typed = lines.iter().chain(std::iter::repeat(&"(end of input)"));
    let end_of_prompt = |text: &str| {
        let ends = PROMPTS
            .iter()
            .filter_map(|prompt| Some(text.find(prompt)? + prompt.len()));
        ends.min()
    };
    while let Some(end) = end_of_prompt(rest) {
        shown = shown + &rest[..end] + typed.next().unwrap() + "\n";
        rest = &rest[end..];
    }
    shown + rest
}

#[tokio::test]
async fn a_command_asks_for_its_approval_and_shows_its_end() {
    let story = open().await;
    insta::assert_snapshot!(story.types_into_console(&["migrate", "yes"]).await, @"
    Type a command, `help`, or `quit`.
    purser> migrate
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (1 × operator) until TIME: purser approve RUN --plan HEX
    Approve this plan? [yes/no/later] yes
    ✓ migrate: done in N s
    exit_code: 0
    seconds: N
    container: purser-migrate-HEX
    last_lines:
        line 1
        line 2
        line 3
    ✓ succeeded after N s: 1 step done
    purser> (end of input)
    exit code 0
    ");
}

#[tokio::test]
async fn a_no_cancels_and_a_failure_leaves_the_prompt() {
    let story = open().await;
    let lines = ["migrate", "no", "migrate 3", "yes", "runs", "quit", "runs"];
    insta::assert_snapshot!(story.types_into_console(&lines).await, @"
    Type a command, `help`, or `quit`.
    purser> migrate
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (1 × operator) until TIME: purser approve RUN --plan HEX
    Approve this plan? [yes/no/later] no
    run RUN: being stopped
    ✗ cancelled after N s: rejected by ann. Nothing was changed.
    purser> migrate 3
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 3 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 3
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (1 × operator) until TIME: purser approve RUN --plan HEX
    Approve this plan? [yes/no/later] yes
    ✗ migrate: the job purser-migrate-HEX on `shop` ended with exit code 3 after N s; its last lines:
    line 1
    line 2
    line 3
    ✗ failed after N s: Left as it is: `migrate`: what the job did before it was removed stays.
    purser> runs
    RUN       WORKFLOW  STATUS     BY   ASKED AT              SUMMARY
    RUN  migrate   failed     ann  TIME  step `migrate` failed: the job purser-migrate-HEX …
    RUN  migrate   cancelled  ann  TIME  rejected by ann. Nothing was changed.
    purser> quit
    exit code 0
    ");
}

#[tokio::test]
async fn later_leaves_the_run_and_end_of_input_ends_the_console() {
    let story = open().await;
    insta::assert_snapshot!(story.types_into_console(&["/migrate", "later"]).await, @"
    Type a command, `help`, or `quit`.
    purser> /migrate
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (1 × operator) until TIME: purser approve RUN --plan HEX
    Approve this plan? [yes/no/later] later
    purser> (end of input)
    exit code 0
    ");
    let run = story.last_run().await;
    story.asks_approval(&run).await;
    let short = &run[run.len() - 8..];
    let (watch, reject) = (format!("watch {short}"), format!("reject {short} too late"));
    insta::assert_snapshot!(story.types_into_console(&[&watch]).await, @"
    Type a command, `help`, or `quit`.
    purser> watch RUN
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (1 × operator) until TIME: purser approve RUN --plan HEX
    Approve this plan? [yes/no/later] (end of input)
    purser> (end of input)
    exit code 0
    ");
    insta::assert_snapshot!(story.types_into_console(&[&reject]).await, @"
    Type a command, `help`, or `quit`.
    purser> reject RUN too late
    run RUN: being stopped
    purser> (end of input)
    exit code 0
    ");
}

#[tokio::test]
async fn what_it_does_not_know_it_answers_with_the_nearest_name() {
    let story = open().await;
    let lines = [
        "help",
        "migarte",
        "migrate 1 2",
        "show",
        "show 12345678",
        "",
        "quit",
    ];
    insta::assert_snapshot!(story.types_into_console(&lines).await, @"
    Type a command, `help`, or `quit`.
    purser> help
    COMMAND                                                WHAT IT DOES
    migrate [EXIT]                                         Bring the database up to date
    runs                                                   The latest runs
    show RUN                                               One run as it is now, with what can be done to it
    locks                                                  What is locked or frozen
    lock TARGET REASON                                     Keep a system or a service to yourself for four hours
    unlock TARGET                                          Release a lock
    help [COMMAND]                                         What you can say here, or what is in a group
    watch RUN                                              Follow one run to its end
    approve RUN [--plan DIGEST] [--confirm NAME]           Say yes to a run's plan
    reject RUN [WHY]                                       Say no to a run's plan
    decide RUN happened|did-not|go-on [--question NUMBER]  Say what you have found, where a run asks
    cancel RUN [WHY]                                       Stop a run and take back what it did
    undo RUN [WHY]                                         Take back what a run did that succeeded
    quit                                                   Leave; runs go on
    purser> migarte
    unknown command `migarte`; did you mean `migrate`?
    purser> migrate 1 2
    `2` is one too many: write migrate [EXIT]
    purser> show
    write: show RUN
    purser> show RUN
    there is no run `RUN`: see `purser runs list`
    purser> 
    purser> quit
    exit code 0
    ");
}

#[tokio::test]
async fn a_command_in_a_group_is_called_by_all_its_words() {
    let mut story = Story::of_docker();
    story.home.workflow("migrate", MIGRATE);
    for (file, name, options) in [
        (
            "db/migrate",
            "db migrate",
            "options: { exit: { type: string } }\n",
        ),
        ("db/copy/now", "db copy now", ""),
        ("migrate", "migrate", ""),
    ] {
        let command = format!("name: {name}\nsummary: Migrate\n{options}runs: migrate\n");
        story.home.write(&format!("commands/{file}.yaml"), &command);
    }
    story.home.up().await;
    let lines = [
        "help db",
        "help db copy now",
        "db",
        "db migarte",
        "db copy later",
        "now",
        "help nothing",
        "/db  migrate exit=3",
        "quit",
    ];
    insta::assert_snapshot!(story.types_into_console(&lines).await, @"
    Type a command, `help`, or `quit`.
    purser> help db
    COMMAND            WHAT IT DOES
    db copy now        Migrate
    db migrate [EXIT]  Migrate
    purser> help db copy now
    COMMAND      WHAT IT DOES
    db copy now  Migrate
    purser> db
    `db` is a group of commands: `db` has `copy`, `migrate`
    purser> db migarte
    unknown command `db migarte`; did you mean `db migrate`?
    purser> db copy later
    unknown command `db copy later`: `db copy` has `now`
    purser> now
    unknown command `now`; did you mean `db copy now`?
    purser> help nothing
    unknown command `nothing`; there are 15, none with a name like it
    purser> /db  migrate exit=3
    run RUN of migrate, asked by ann
    ✗ migrate: the job purser-migrate-HEX on `shop` ended with exit code 3 after N s; its last lines:
    line 1
    line 2
    line 3
    ✗ failed after N s: Left as it is: `migrate`: what the job did before it was removed stays.
    purser> quit
    exit code 0
    ");
}

#[tokio::test]
async fn who_may_not_approve_is_told_who_may_and_is_not_asked() {
    let story = open_with("by: [operator], not_requester: true").await;
    insta::assert_snapshot!(story.types_into_console(&["migrate", "quit"]).await, @"
    Type a command, `help`, or `quit`.
    purser> migrate
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (1 × operator, not who asked) until TIME: purser approve RUN --plan HEX
    ann asked for this run and cannot approve it: a second person with the role operator must. The run waits; `watch RUN` follows it
    purser> quit
    exit code 0
    ");
    let run = story.last_run().await;
    let view = story.home.asks(&["runs", "show", &run]).await;
    let why =
        "ann asked for this run and cannot approve it: a second person with the role operator must";
    assert_eq!(view["may_approve"], json!({ "no": why }));
    let refused = story.sees("receipts list").await;
    insta::assert_snapshot!(refused, @"
    no receipts yet
    exit code 0
    ");
}

#[tokio::test]
async fn who_has_approved_is_not_asked_again_while_a_second_word_is_missing() {
    let story = open_with("by: [operator], count: 2").await;
    insta::assert_snapshot!(story.types_into_console(&["migrate", "yes", "quit"]).await, @"
    Type a command, `help`, or `quit`.
    purser> migrate
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (2 × operator) until TIME: purser approve RUN --plan HEX
    Approve this plan? [yes/no/later] yes
    waits for approval (1 × operator) until TIME: purser approve RUN --plan HEX
    ann has already approved this plan. The run waits; `watch RUN` follows it
    purser> quit
    exit code 0
    ");
}

/// A server with the command `charge`, which sends something whose answer is lost.
async fn that_loses_answers() -> (Story, EffectServer) {
    let (mut story, server) = of_charges();
    story.home.up().await;
    (story, server)
}

/// The same before it is up.
pub(super) fn of_charges() -> (Story, EffectServer) {
    let server = EffectServer::start().unwrap();
    let settings = toml::toml! { url = (server.url()) environment = "production" };
    let mut story = Story::with(&[("billing", of_kind("http", settings))]);
    story.call(&server.url(), "SERVER");
    let with = "{ path: /once/charges, body: { amount: 5 } }";
    let step = format!("steps: [{{ id: charge, uses: http.send, with: {with} }}]");
    story.home.workflow("charge", &step);
    let command = "name: charge\nsummary: Take the money\nruns: charge\n";
    story.home.write("commands/charge.yaml", command);
    server.is(Mood::done_but(Reply::Cut));
    (story, server)
}

#[tokio::test]
async fn a_run_that_waits_for_a_decision_asks_whoever_watches_it() {
    let (story, server) = that_loses_answers().await;
    insta::assert_snapshot!(story.types_into_console(&["charge", "no", "later"]).await, @"
    Type a command, `help`, or `quit`.
    purser> charge
    run RUN of charge, asked by ann
    ? charge: did `send_once` happen? no answer of billing is known, and it cannot be asked: look there for what came with the Idempotency-Key RUN/charge/0/send_once
    look whether it happened, then: purser decide RUN happened | did-not, or purser cancel RUN
    Did it happen? [yes/no/later] no
    ? charge: did `send_once` happen? no answer of billing is known, and it cannot be asked: look there for what came with the Idempotency-Key RUN/charge/0/send_once
    `charge`: look whether it happened, then: purser decide RUN happened | did-not --question 2, or purser cancel RUN
    Did it happen? [yes/no/later] later
    purser> (end of input)
    exit code 0
    ");
    assert_eq!(server.books().history.len(), 2, "a no has it sent again");
    let run = story.last_run().await;
    let short = &run[run.len() - 8..];
    let watch = format!("watch {short}");
    let said = story.types_into_console(&[&watch, "yes"]).await;
    let end = "✓ succeeded after N s: 1 step done\npurser> (end of input)\nexit code 0";
    assert!(
        said.contains("Did it happen? [yes/no/later] yes\n"),
        "{said}"
    );
    assert!(said.ends_with(end), "{said}");
    assert_eq!(server.books().history.len(), 2, "a yes has not");
}

#[tokio::test]
async fn what_was_found_is_typed_too_and_only_by_who_may() {
    let (story, _server) = that_loses_answers().await;
    let run = story.starts("charge").await;
    let asks = |view: &serde_json::Value| view["status"] == json!({ "waiting": "decision" });
    assert_eq!(story.until(&run, asks).await["may_decide"], "yes");
    let short = &run[run.len() - 8..];
    let (maybe, happened) = (
        format!("decide {short} maybe"),
        format!("decide {short} happened"),
    );
    let said = story
        .person_types_into_console(Person::Cy, &[&happened])
        .await;
    insta::assert_snapshot!(said, @"
    Type a command, `help`, or `quit`.
    purser> decide RUN happened
    cy did not ask for this run, and cy may not run `charge` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    purser> (end of input)
    exit code 0
    ");
    insta::assert_snapshot!(story.types_into_console(&[&maybe, "decide"]).await, @"
    Type a command, `help`, or `quit`.
    purser> decide RUN maybe
    `maybe` is none of `happened`, `did-not`, `go-on`
    purser> decide
    write: decide RUN happened|did-not|go-on [--question NUMBER]
    purser> (end of input)
    exit code 0
    ");
    story.types_into_console(&[&happened]).await;
    assert_eq!(story.home.ends(&run).await["status"], "succeeded");
}

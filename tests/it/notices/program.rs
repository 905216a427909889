//! The real program and a real receiver: what stands in the channel, word for word.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use super::receiver::{Mood, Receiver};
use crate::stories::plain::plain;
use crate::support::program::{Home, Person};
use crate::support::systems::docker;
use crate::webhooks::library::{NODE, PYTHON};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A backup of a database that cannot be reached.
const BACKUP: &str = "
steps:
  - id: dump
    uses: postgres.backup
    with: { system: orders-db, to: 'file:///var/tmp/no-such-backups' }
";

/// A job, which has a plan.
const JOB: &str = "
steps:
  - id: migrate
    uses: docker.run_job
    with: { image: 'purser-test/web:v1', command: [job] }
";

/// A database at whose address nobody listens.
fn lost_database() -> toml::Table {
    let table = "kind = 'postgres'\nurl_file = 'url'\nenvironment = 'production'";
    table.parse().unwrap()
}

/// Files for a lost database and a place `ops` with these settings.
fn home_of(receiver: &Receiver, settings: &str) -> Home {
    let home = Home::new(&[("orders-db", lost_database())]);
    home.write("url", "postgres://app:a-long-password@127.0.0.1:1/orders");
    home.write("secret", SECRET);
    home.write("ops-url", &receiver.url());
    home.configure(&format!(
        "[places.ops]\nwebhook_file = 'ops-url'\n{settings}\n[notify]\nscheduled = 'ops'\n"
    ));
    home
}

/// A workflow whose failures are told, whoever starts it.
fn told(home: &Home) {
    home.workflow("backup", &format!("notify: {{ failure: ops }}{BACKUP}"));
}

#[tokio::test]
async fn given_a_nightly_schedule_whose_backup_fails_the_channel_says_so() {
    let ops = Receiver::start().await;
    let mut home = home_of(&ops, "format = 'text'\nmention = '@oncall'");
    let every_second = "on:\n  - { schedule: '* * * * * *', id: nightly }";
    home.workflow("backup", &format!("{every_second}{BACKUP}"));
    home.up().await;
    let sent = ops.takes(1).await.remove(0);
    insta::assert_snapshot!(plain(&sent.text()), @"
    @oncall `backup` failed on orders-db (run RUN, asked for by schedule backup.nightly)
    Step `dump` failed: could not connect to the database `orders` on orders-db: nothing answers at 127.0.0.1:1 (Connection refused (os error 111)); see that the server runs and that the address in url is right. Nothing was changed.
    To see what it did: `purser runs show RUN`
    To run it again: `purser schedules run backup.nightly`
    ");
    // What it says to type can be typed.
    let text = sent.text();
    let command = text
        .split('`')
        .find(|part| part.starts_with("purser runs"))
        .unwrap();
    let words: Vec<_> = command.split(' ').skip(1).collect();
    assert_eq!(home.types(&words).await.code, 0, "{command}");
    assert!(!home.logs().contains(&ops.url()), "{}", home.logs());
}

#[tokio::test]
async fn an_event_is_signed_so_that_the_reference_libraries_believe_it() {
    let ops = Receiver::start().await;
    let mut home = home_of(&ops, "secret_file = 'secret'");
    told(&home);
    home.up().await;
    let run = home.starts(&["backup"]).await;
    let sent = ops.takes(1).await.remove(0);
    let headers = json!(sent.headers).to_string();
    for library in [NODE, PYTHON] {
        assert!(library.believes(SECRET, &headers, &sent.body).await);
        let altered = sent.body.replace("failed", "succeeded");
        assert!(!library.believes(SECRET, &headers, &altered).await);
    }
    assert_eq!(sent.id(), format!("run-{run}-end"));
    let event = sent.json();
    let short = &run[run.len() - 8..];
    assert_eq!(event["type"], "run.failed");
    let data = &event["data"];
    assert_eq!(
        (&data["run"], &data["workflow"], &data["state"]),
        (&json!(run), &json!("backup"), &json!("failed"))
    );
    assert_eq!(
        (&data["systems"], &data["by"]),
        (&json!(["orders-db"]), &json!("ann"))
    );
    let next = |to: &str, command: String| json!({ "to": to, "command": command });
    assert_eq!(
        data["next"],
        json!([
            next("see what it did", format!("purser runs show {short}")),
            next("run it again", "purser run backup".to_owned()),
        ])
    );
    assert!(!sent.body.contains("a-long-password"), "{}", sent.body);
}

#[tokio::test]
async fn a_run_that_waits_for_an_approval_is_told_once_with_the_command_and_until_when() {
    let ops = Receiver::start().await;
    let mut home = Home::new(&[("shop", docker())]);
    home.configure(&format!(
        "[places.ops]\nwebhook = '{}'\nformat = 'text'\nmention = '<!subteam^S1>'\n",
        ops.url()
    ));
    home.workflow(
        "migrate",
        &format!(
            "approval: {{ production: {{ by: [operator], not_requester: true, expires: 30m }} }}\n\
             notify: {{ waiting: ops }}{JOB}"
        ),
    );
    home.up().await;
    let run = home.starts(&["migrate"]).await;
    let sent = ops.takes(1).await.remove(0);
    insta::assert_snapshot!(plain(&sent.text()), @"
    <!subteam^S1> `migrate` waits for an approval (run RUN, asked for by ann)
    Plan HEX needs 1 yes of operator (not of ann) until TIME; after that the run is cancelled.
    • migrate: run purser-test/web:v1 with job once on shop
    To say yes: `purser approve RUN --plan HEX`
    To say no: `purser reject RUN`
    To see the plan: `purser runs show RUN`
    ");
    let plan = sent.id().rsplit_once('-').unwrap().1.to_owned();
    assert_eq!(sent.id(), format!("run-{run}-plan-{plan}"));
    // A restart changes nothing of it.
    home.stop().await;
    home.up().await;
    let text = sent.text();
    let command = text
        .split('`')
        .find(|part| part.starts_with("purser reject"))
        .unwrap();
    let words: Vec<_> = command.split(' ').skip(1).collect();
    let said = home.person_types(Person::Bo, &words).await;
    assert_eq!(said.code, 0, "{said:?}");
    home.ends(&run).await;
    home.stop().await;
    assert_eq!(ops.sent().len(), 1);
}

/// The server dies at this moment of the first message; the next one tells what there is to tell.
async fn killed_at(point: &str) -> (String, Vec<super::receiver::Sent>) {
    let ops = Receiver::start().await;
    let mut home = home_of(&ops, "");
    told(&home);
    home.up_with(&[("PURSER_FAILPOINT", point)]).await;
    let asked = ["run", "backup", "--key", "once", "--detach", "--json"];
    home.types(&asked).await;
    let signal = home.has_ended().await.signal();
    assert_eq!(signal, Some(Signal::SIGKILL as i32), "{}", home.log());
    let before = ops.sent().len();
    home.up().await;
    let run = home.starts(&["backup", "--key", "once"]).await;
    ops.takes(before + 1).await;
    told_all(&home).await;
    home.stop().await;
    (run, ops.sent())
}

/// Waits until nothing waits.
async fn told_all(home: &Home) {
    loop {
        let places = home.asks(&["notify", "list"]).await;
        if places
            .as_array()
            .unwrap()
            .iter()
            .all(|place| place["waiting"] == 0)
        {
            return;
        }
    }
}

#[tokio::test]
async fn killed_before_it_is_sent_a_message_comes_once() {
    let (run, sent) = killed_at("notice/sending").await;
    let ids: Vec<_> = sent.iter().map(|sent| sent.id().to_owned()).collect();
    assert_eq!(ids, [format!("run-{run}-end")]);
}

#[tokio::test]
async fn killed_before_it_is_marked_a_message_comes_again_under_the_same_id() {
    let (run, sent) = killed_at("notice/sent").await;
    let ids: Vec<_> = sent.iter().map(|sent| sent.id().to_owned()).collect();
    let id = format!("run-{run}-end");
    assert_eq!(ids, [id.clone(), id]);
    assert_eq!(sent[0].body, sent[1].body);
}

#[tokio::test]
async fn killed_at_any_moment_while_the_place_is_down_nothing_is_lost() {
    let ops = Receiver::start().await;
    let mut home = home_of(&ops, "");
    told(&home);
    ops.goes();
    let mut runs = vec![];
    for _ in 0..3 {
        home.up().await;
        let run = home.starts(&["backup"]).await;
        home.ends(&run).await;
        runs.push(format!("run-{run}-end"));
        home.kill().await;
    }
    ops.returns().await;
    home.up().await;
    let taken = ops.takes(3).await;
    let ids: Vec<_> = taken.iter().map(|sent| sent.id().to_owned()).collect();
    assert_eq!(ids, runs);
}

#[tokio::test]
async fn an_operator_can_try_a_place_and_sees_what_it_answered() {
    let ops = Receiver::start().await;
    let mut home = home_of(&ops, "format = 'text'");
    told(&home);
    home.up().await;
    let seen = async |person, arguments: &[&str]| {
        let said = home.person_types(person, arguments).await;
        let text = format!("{}{}exit code {}", said.out, said.err, said.code);
        plain(&text)
    };
    let test = ["notify", "test", "ops"];
    insta::assert_snapshot!(seen(Person::Ann, &test).await, @"
    ✓ ops took the test message: it answered 200 OK
    exit code 0
    ");
    insta::assert_snapshot!(ops.sent()[0].text(), @"
    This is a test message that ann has asked for.
    Nothing has happened, and there is nothing to do.
    ");
    ops.is(Mood::Answers(403));
    insta::assert_snapshot!(seen(Person::Ann, &test).await, @"
    ✗ ops did not take the test message: it answered 403 Forbidden: said the place
    exit code 1
    ");
    insta::assert_snapshot!(seen(Person::Ann, &["notify", "test", "opps"]).await, @"
    purser: unknown place `opps`; did you mean `ops`?
    exit code 2
    ");
    insta::assert_snapshot!(seen(Person::Cy, &test).await, @"
    purser: cy may not send test messages: that takes the role operator
    exit code 4
    ");
    insta::assert_snapshot!(seen(Person::Ann, &["receipts", "show", "2"]).await, @"
    receipt 2: test message to ops: changed
    asked by ann (uid 0), over at TIME
    ann sent a test message to ops: not taken, it answered 403 Forbidden: said the place
    hash sha256:HEX
    after sha256:HEX
    exit code 0
    ");
    let answer = home.types(&["notify", "test", "ops", "--json"]).await;
    assert_eq!(answer.code, 1);
    assert_eq!(
        answer.json(),
        json!({ "place": "ops", "taken": false, "answer": "it answered 403 Forbidden: said the place" })
    );
    insta::assert_snapshot!(seen(Person::Ann, &["notify", "list"]).await, @"
    PLACE  WHAT                      WAITING  SINCE  WHY
    ops    webhook, text for people  0        -      -
    exit code 0
    ");
    assert!(!home.logs().contains(&ops.url()));
}

#[tokio::test]
async fn whoever_tries_a_place_and_goes_before_it_answers_has_left_a_receipt() {
    let ops = Receiver::start().await;
    let mut home = home_of(&ops, "format = 'text'");
    told(&home);
    home.up().await;
    ops.is(Mood::Waits);
    let mut test = home.command(Person::Ann, &["notify", "test", "ops"]);
    let mut test = test.spawn().unwrap();
    ops.is_sent(1).await;
    test.kill().await.unwrap();
    ops.is(Mood::Answers(200));
    let left = async {
        loop {
            let receipts = home.asks(&["receipts", "list"]).await.to_string();
            if receipts.contains("ann sent a test message to ops: taken") {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), left).await;
    assert!(in_time.is_ok(), "there is no receipt");
    home.stop().await;
}

#[tokio::test]
async fn the_address_of_a_place_is_told_to_nobody_also_when_the_place_says_it() {
    const CHANNEL: &str = "T0000SECRETOFTHECHANNEL";
    const TOKEN: &str = "the-token-of-a-hook";
    let ops = Receiver::start().await;
    let long = "x".repeat(80);
    let mut home = home_of(&ops, "");
    for (path, shown) in [
        (
            format!("/hooks/{CHANNEL}?wait={TOKEN}"),
            "there is no [secret] here",
        ),
        // The answer is cut where the secret begins.
        (format!("/{long}/{CHANNEL}"), "there is no [secret] here"),
    ] {
        home.write("ops-url", &ops.url_of(&path));
        told(&home);
        home.up().await;
        let run = home.starts(&["backup"]).await;
        home.ends(&run).await;
        let problem = loop {
            let places = home.asks(&["notify", "list"]).await;
            if places[0]["problem"].is_string() {
                break places[0]["problem"].clone();
            }
        };
        assert_eq!(problem, format!("it answered 404 Not Found: {shown}"));
        let test = home.types(&["notify", "test", "ops"]).await;
        assert!(test.out.contains(shown), "{test:?}");
        let receipts = home.asks(&["receipts", "list"]).await.to_string();
        assert!(receipts.contains("test message to ops"), "{receipts}");
        home.stop().await;
        let all = format!("{problem} {test:?} {receipts} {}", home.logs());
        for secret in [CHANNEL, TOKEN, &long] {
            assert!(
                !all.contains(&secret[..secret.len() - 4]),
                "{secret}: {all}"
            );
        }
    }
}

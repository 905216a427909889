//! Places that are down, refuse or are slow; digests; floods; starts.

use std::sync::Arc;

use purser::domain::effect::EffectName;
use purser::domain::event::{Event, Trigger};
use purser::domain::names::RunId;
use purser::domain::notice::{Loudness, On};
use purser::domain::run::{RunState, RunStatus, WaitingFor};
use purser::places::Format;
use purser::store::{Outbox as _, Receipts as _, WaitingNotice};
use serde_json::json;
use tempfile::TempDir;

use super::hands::{HandClock, Hands, Settings, at, hook};
use super::receiver::{Mood, Receiver, Sent};
use crate::stories::plain::plain;
use crate::support::toy::Toy;
use crate::support::world::{World, actor};

const HOUR: i64 = 3600;

struct Stand {
    folder: TempDir,
    toy: Arc<Toy>,
    clock: HandClock,
    ops: Receiver,
}

impl Stand {
    async fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            toy: Arc::default(),
            clock: HandClock::at(0),
            ops: Receiver::start().await,
        }
    }

    fn settings(&self, format: Format) -> Settings {
        Settings::of(&self.ops, format)
    }

    async fn open(&self, settings: Settings) -> Hands {
        Hands::open(self.folder.path(), &self.toy, &self.clock, settings).await
    }
}

/// A run that fails.
async fn fails(stand: &Stand, hands: &Hands) {
    stand.toy.fail_next(1);
    let run = hands.hook_runs().await;
    hands.world.end(run).await;
}

/// A run that waits for somebody to say whether its effect happened.
async fn asks(stand: &Stand, hands: &Hands) -> RunId {
    stand.toy.lose_next_answer();
    let trigger = Trigger::Webhook("ci".to_owned());
    let shout = "toy.shout, retry: { attempts: 2, first: 10ms }";
    let run = hands.does(shout, hook(), trigger, "").await;
    let is = |wanted| move |state: &RunState| state.status() == RunStatus::Waiting(wanted);
    hands.world.until(run, is(WaitingFor::Timer)).await;
    hands.clock.move_to(1);
    hands.world.until(run, is(WaitingFor::Decision)).await;
    run
}

fn schedules(sent: &[Sent]) -> Vec<String> {
    let of = |sent: &Sent| sent.json()["data"]["by"].as_str().unwrap().to_owned();
    sent.iter().map(of).collect()
}

#[tokio::test]
async fn what_has_a_receipt_before_the_very_first_start_is_not_told() {
    let stand = Stand::new().await;
    let before = stand.open(Settings::default()).await;
    before.close().await;
    // As if this version had never run here.
    forget_the_start(&stand).await;
    let world = World::open(stand.folder.path(), Arc::clone(&stand.toy)).await;
    stand.toy.fail_next(1);
    let steps = "  - { id: old, uses: toy.make, with: { system: box } }";
    let run = world.ask(steps, vec![]).await;
    world.end(run).await;
    world.close().await;

    let hands = stand.open(stand.settings(Format::Event)).await;
    fails(&stand, &hands).await;
    let taken = stand.ops.takes(1).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].json()["data"]["by"], "webhook ci");
    hands.close().await;
    assert_eq!(stand.ops.sent().len(), 1);
}

/// Removes the cursor, with another client.
async fn forget_the_start(stand: &Stand) {
    use sqlx::Connection as _;
    let file = stand.folder.path().join("purser.db");
    let url = format!("sqlite://{}", file.display());
    let mut store = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let deleted = sqlx::query("DELETE FROM telling").execute(&mut store).await;
    assert_eq!(deleted.unwrap().rows_affected(), 1);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_message_says_what_failed_what_is_left_and_what_to_do() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Text)).await;
    fails(&stand, &hands).await;
    let sent = stand.ops.takes(1).await.remove(0);
    insta::assert_snapshot!(plain(&sent.text()), @"
    @oncall `play` failed on box (run RUN, asked for by webhook ci)
    Step `one` failed: the toy is busy. Nothing was changed.
    To see what it did: `purser runs show RUN`
    To run it again: `purser run play`
    ");
    hands.close().await;
}

#[tokio::test]
async fn a_program_that_is_refused_is_told_and_a_person_sees_it_anyhow() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Text)).await;
    hands.is_refused(actor("ann")).await;
    hands.is_refused(hook()).await;
    let sent = stand.ops.takes(1).await;
    assert_eq!(sent.len(), 1);
    insta::assert_snapshot!(plain(&sent[0].text()), @"
    @oncall webhook ci was refused: run deploy
    Webhook ci may not run `deploy` in production
    To see its receipt: `purser receipts show 2`
    ");
    hands.close().await;
}

#[tokio::test]
async fn a_run_that_waits_for_a_decision_is_told_once_and_no_more_when_it_is_answered() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Text)).await;
    let run = asks(&stand, &hands).await;
    let sent = stand.ops.takes(1).await.remove(0);
    insta::assert_snapshot!(plain(&sent.text()), @"
    @oncall `play` waits for a decision (run RUN, asked for by webhook ci)
    Nobody can tell whether `make_thing` of step `one` happened: nobody listened. Look, and say so; until then the run stands still.
    To say that it happened: `purser decide RUN happened`
    To say that it did not: `purser decide RUN did-not`
    To stop the run: `purser cancel RUN`
    ");
    hands.close().await;
    let hands = stand.open(stand.settings(Format::Text)).await;
    let log = hands.world.log(run).await;
    let state = log.state().await.unwrap();
    let told = Event::EffectDone {
        step: "one".into(),
        effect: EffectName::from("make_thing"),
        result: serde_json::Value::Null,
        told_by: Some(actor("bo")),
    };
    assert!(log.append_if_at(state.seq, told).await.unwrap());
    hands.world.end(run).await;
    hands.is_passed_over(1).await;
    let taken = stand.ops.takes(2).await;
    assert!(taken[1].text().contains("passed over"), "{taken:#?}");
    hands.close().await;
}

#[tokio::test]
async fn what_was_answered_before_it_could_be_told_is_not_told() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Event)).await;
    stand.ops.goes();
    let run = asks(&stand, &hands).await;
    is_tried(&hands, 1).await;
    let log = hands.world.log(run).await;
    let state = log.state().await.unwrap();
    let cancel = Event::CancelRequested {
        by: actor("bo"),
        reason: None,
    };
    assert!(log.append_if_at(state.seq, cancel).await.unwrap());
    hands.world.end(run).await;
    until_first(&hands, |first| !first.notice.asks() && first.attempts == 1).await;
    stand.ops.returns().await;
    hands.clock.move_to(HOUR);
    let taken = stand.ops.takes(1).await;
    assert_eq!(taken[0].id(), format!("run-{run}-end"));
    hands.close().await;
}

#[tokio::test]
async fn success_is_quiet_and_what_people_started_is_not_told_unless_its_file_says_so() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Event)).await;
    let silent = [
        hands.hook_runs().await,
        hands.runs(actor("ann"), Trigger::Api, "").await,
    ];
    for run in silent {
        hands.world.end(run).await;
    }
    let told = "notify: { success: ops }";
    let told = hands.runs(actor("ann"), Trigger::Api, told).await;
    let taken = stand.ops.takes(1).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].json()["type"], "run.succeeded");
    assert_eq!(taken[0].json()["data"]["run"], json!(told));
    hands.close().await;
}

#[tokio::test]
async fn success_can_be_told_too() {
    let stand = Stand::new().await;
    let on = On {
        success: Loudness::Told,
        ..On::default()
    };
    let settings = Settings {
        on,
        ..stand.settings(Format::Text)
    };
    let hands = stand.open(settings).await;
    hands.hook_runs().await;
    let sent = stand.ops.takes(1).await.remove(0);
    insta::assert_snapshot!(plain(&sent.text()), @"
    `play` succeeded on box (run RUN, asked for by webhook ci)
    1 step done
    To see what it did: `purser runs show RUN`
    ");
    hands.close().await;
}

#[tokio::test]
async fn a_place_that_was_down_gets_everything_in_order_and_once() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Event)).await;
    stand.ops.goes();
    for number in 1..=3 {
        hands.is_passed_over(number).await;
    }
    wait(&hands, 3).await;
    is_tried(&hands, 1).await;
    stand.ops.returns().await;
    for (minutes, status) in [(10, 500), (20, 429), (30, 408)] {
        let before = stand.ops.sent().len();
        stand.ops.is(Mood::Answers(status));
        hands.clock.move_to(minutes * 60);
        stand.ops.is_sent(before + 1).await;
        is_tried(&hands, u32::try_from(before).unwrap() + 2).await;
    }
    stand.ops.is(Mood::Answers(200));
    hands.clock.move_to(HOUR);
    let taken = stand.ops.takes(3).await;
    let names = ["schedule play.1", "schedule play.2", "schedule play.3"];
    assert_eq!(schedules(&taken), names);
    let sent = stand.ops.sent();
    assert_eq!(sent.len(), 6, "{sent:#?}");
    assert!(sent[..4].iter().all(|one| one.id() == sent[0].id()));
    hands.close().await;
}

/// Waits until the first message was tried so often in vain.
async fn is_tried(hands: &Hands, times: u32) {
    until_first(hands, |first| first.attempts == times).await;
}

/// Waits until the first message that waits for `ops` is as wanted.
async fn until_first(hands: &Hands, wanted: impl Fn(&WaitingNotice) -> bool) {
    let mut commits = hands.world.store.commits();
    loop {
        let waiting = hands.world.store.waiting_notices(&"ops".into(), 1).await;
        if waiting.unwrap().first().is_some_and(&wanted) {
            return;
        }
        commits.changed().await.unwrap();
    }
}

/// Waits until so many messages wait.
async fn wait(hands: &Hands, count: u64) {
    let mut commits = hands.world.store.commits();
    loop {
        let backlog = hands.world.store.backlog().await.unwrap();
        if backlog.iter().map(|place| place.waiting).sum::<u64>() == count {
            return;
        }
        commits.changed().await.unwrap();
    }
}

#[tokio::test]
async fn what_waits_and_why_can_be_asked() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Event)).await;
    stand.ops.is(Mood::Redirects);
    hands.is_passed_over(1).await;
    hands.is_passed_over(2).await;
    wait(&hands, 2).await;
    is_tried(&hands, 1).await;
    let backlog = hands.world.store.backlog().await.unwrap();
    assert_eq!(backlog.len(), 1);
    insta::assert_snapshot!(backlog[0].problem.as_deref().unwrap(), @"it answered 302 Found; redirects are not followed");
    assert_eq!((backlog[0].waiting, backlog[0].oldest), (2, at(0)));
    assert_eq!(
        stand.ops.sent().len(),
        1,
        "and the redirect was not followed"
    );
    hands.close().await;
}

#[tokio::test]
async fn a_place_that_hangs_holds_up_neither_runs_nor_other_places() {
    let stand = Stand::new().await;
    let other = Receiver::start().await;
    let settings = stand.settings(Format::Event);
    let hands = stand
        .open(settings.with("other", &other, Format::Event))
        .await;
    stand.ops.is(Mood::Hangs);
    fails(&stand, &hands).await;
    stand.ops.is_sent(1).await;
    let told = hands
        .runs(actor("ann"), Trigger::Api, "notify: { success: other }")
        .await;
    hands.world.end(told).await;
    other.takes(1).await;
    assert_eq!(stand.ops.taken().len(), 0);
    hands.close().await;
}

#[tokio::test]
async fn the_fallback_gets_what_a_place_refuses_and_says_so() {
    let stand = Stand::new().await;
    let relay = Receiver::start().await;
    let settings = stand
        .settings(Format::Text)
        .with("relay", &relay, Format::Text);
    let settings = Settings {
        fallback: Some("relay"),
        ..settings
    };
    let hands = stand.open(settings).await;
    stand.ops.is(Mood::Answers(410));
    hands.is_passed_over(1).await;
    let sent = relay.takes(1).await.remove(0);
    insta::assert_snapshot!(plain(&sent.text()), @"
    This was for `ops`, which did not get it (it answered 410 Gone: said the place); so it is told here.
    @oncall The schedule `play.1` was passed over
    Nobody was there
    To run it now: `purser schedules run play.1`
    To see all schedules: `purser schedules list`
    ");
    assert_eq!(stand.ops.sent()[0].id(), sent.id());
    hands.close().await;
}

#[tokio::test]
async fn the_fallback_gets_what_a_place_has_not_taken_within_ten_minutes() {
    let stand = Stand::new().await;
    let relay = Receiver::start().await;
    let settings = stand
        .settings(Format::Event)
        .with("relay", &relay, Format::Event);
    let settings = Settings {
        fallback: Some("relay"),
        ..settings
    };
    let hands = stand.open(settings).await;
    stand.ops.is(Mood::Answers(503));
    hands.is_passed_over(1).await;
    hands.is_passed_over(2).await;
    wait(&hands, 2).await;
    is_tried(&hands, 1).await;
    hands.clock.move_to(599);
    is_tried(&hands, 2).await;
    hands.is_passed_over(3).await;
    assert_eq!(relay.sent().len(), 0);
    hands.clock.move_to(601);
    let taken = relay.takes(2).await;
    assert_eq!(schedules(&taken), ["schedule play.1", "schedule play.2"]);
    let meant = &taken[0].json()["data"]["instead_of"];
    assert_eq!(
        *meant,
        json!({
            "place": "ops",
            "why": "it answered 503 Service Unavailable: said the place",
        })
    );
    // The third has its own ten minutes.
    let third = |first: &WaitingNotice| first.notice.facts.by.as_deref() == Some("schedule play.3");
    until_first(&hands, |first| third(first) && first.attempts == 1).await;
    stand.ops.is(Mood::Answers(200));
    hands.clock.move_to(2 * HOUR);
    let taken = stand.ops.takes(1).await;
    assert_eq!(schedules(&taken), ["schedule play.3"]);
    hands.close().await;
}

#[tokio::test]
async fn what_waits_for_a_place_that_is_configured_no_more_goes_to_the_fallback() {
    let stand = Stand::new().await;
    let relay = Receiver::start().await;
    let hands = stand.open(stand.settings(Format::Event)).await;
    stand.ops.is(Mood::Answers(500));
    hands.is_passed_over(1).await;
    is_tried(&hands, 1).await;
    hands.close().await;
    let settings = Settings {
        fallback: Some("relay"),
        ..Settings::default().with("relay", &relay, Format::Event)
    };
    let hands = stand.open(settings).await;
    let taken = relay.takes(1).await;
    assert_eq!(taken[0].json()["data"]["instead_of"]["place"], "ops");
    hands.close().await;
}

#[tokio::test]
async fn a_thousand_failures_reach_a_program_in_order() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Event)).await;
    for number in 1..=1000 {
        hands.is_passed_over(number).await;
    }
    let taken = stand.ops.takes(1000).await;
    let expected: Vec<_> = (1..=1000).map(|n| format!("schedule play.{n}")).collect();
    assert_eq!(schedules(&taken), expected);
    wait(&hands, 0).await;
    hands.close().await;
}

#[tokio::test]
async fn a_thousand_failures_do_not_flood_people_and_what_comes_after_is_told() {
    let stand = Stand::new().await;
    let hands = stand.open(stand.settings(Format::Text)).await;
    stand.ops.is(Mood::Answers(500));
    for number in 1..=1000 {
        hands.is_passed_over(number).await;
    }
    wait(&hands, 1000).await;
    is_tried(&hands, 1).await;
    stand.ops.is(Mood::Answers(200));
    hands.clock.move_to(HOUR);
    let count = |sent: &Sent| {
        let text = sent.text();
        let first = text.lines().next().unwrap();
        let number = first.trim_start_matches("@oncall ").split_once(" messages");
        number.map_or(1, |(number, _)| number.parse::<u32>().unwrap())
    };
    let taken = stand
        .ops
        .until(|all| {
            let taken: Vec<_> = all
                .iter()
                .filter(|one| one.status == 200)
                .cloned()
                .collect();
            (taken.iter().map(count).sum::<u32>() >= 1000).then_some(taken)
        })
        .await;
    assert_eq!(taken.iter().map(count).sum::<u32>(), 1000);
    assert!(taken.len() < 10, "{}", taken.len());
    let folded = taken.iter().find(|sent| count(sent) > 1).unwrap();
    let text = folded.text();
    assert!(text.lines().count() < 25, "{text}");
    hands.close().await;
}

#[tokio::test]
async fn once_a_day_a_digest_says_what_there_was() {
    let stand = Stand::new().await;
    let settings = Settings {
        digest: Some("0 9 * * *"),
        ..stand.settings(Format::Text)
    };
    let hands = stand.open(settings.clone()).await;
    hands.clock.move_to(9 * HOUR);
    for _ in 0..3 {
        let run = hands.hook_runs().await;
        hands.world.end(run).await;
    }
    fails(&stand, &hands).await;
    hands.is_passed_over(1).await;
    stand.ops.takes(2).await;
    hands.clock.move_to(21 * HOUR - 1);
    hands.is_passed_over(2).await;
    stand.ops.takes(3).await;
    hands.clock.move_to(21 * HOUR);
    let digest = stand.ops.takes(4).await.pop().unwrap();
    insta::assert_snapshot!(plain(&digest.text()), @"
    Since LOCAL, 4 runs: 3 succeeded, 1 failed; 2 passed over. Now nothing waits for a person.
    Went wrong:
    • `play` failed on box (run RUN, asked for by webhook ci)
    • `play.1` was passed over
    • `play.2` was passed over
    ");
    hands.close().await;

    // Nobody was there on the next two mornings: one digest, once.
    stand.clock.move_to(70 * HOUR);
    let hands = stand.open(settings).await;
    let digest = stand.ops.takes(5).await.pop().unwrap();
    insta::assert_snapshot!(digest.text(), @"
    Since 2026-11-26T09:00:00+00:00, nothing ran. Now nothing waits for a person.
    This was due at 2026-11-28T09:00:00Z.
    ");
    hands.close().await;
    assert_eq!(stand.ops.sent().len(), 5);
}

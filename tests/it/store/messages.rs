//! What chats show of runs.

use purser::domain::chat::{ChatPlace, MessagePart};
use purser::domain::digest::Digest;
use purser::domain::names::RunId;
use purser::domain::time::Timestamp;
use purser::store::{AskedWindow, MessageNews, NewRun, RunMessage, Store};

use super::place::{Place, at, new_run};

fn shown_in(in_thread: bool) -> NewRun {
    let mut run = new_run();
    run.request.shown_in = Some(ChatPlace {
        platform: "discord".to_owned(),
        channel: "42".to_owned(),
        in_thread,
    });
    run
}

async fn open(store: &dyn Store, run: RunId) -> Vec<RunMessage> {
    store.open_messages("discord", Some(run)).await.unwrap()
}

fn parts(messages: &[RunMessage]) -> Vec<MessagePart> {
    messages.iter().map(|message| message.part).collect()
}

async fn a_run_is_shown_where_it_was_asked_for(place: &Place) {
    let store = place.open().await;
    let store = store.as_ref();
    let here = store.create(shown_in(false)).await.unwrap();
    let nowhere = store.create(new_run()).await.unwrap();
    let in_thread = store.create(shown_in(true)).await.unwrap();
    assert_eq!(parts(&open(store, here).await), [MessagePart::Whole]);
    assert_eq!(parts(&open(store, nowhere).await), []);
    let both = [MessagePart::Headline, MessagePart::Whole];
    assert_eq!(parts(&open(store, in_thread).await), both);
    let all = store.open_messages("discord", None).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(store.open_messages("other", None).await.unwrap().is_empty());
}

async fn what_becomes_of_a_message_is_kept(place: &Place) {
    let store = place.open().await;
    let store = store.as_ref();
    let run = store.create(shown_in(false)).await.unwrap();
    let now = Timestamp::from_micros(7);
    let news = async |news| {
        store
            .message_news(run, MessagePart::Whole, news)
            .await
            .unwrap();
        open(store, run).await.pop()
    };
    let tried = news(MessageNews::Tried(now)).await.unwrap();
    assert_eq!((tried.tried_at, tried.remote), (Some(now), None));
    let made = news(MessageNews::Made("99".to_owned())).await.unwrap();
    assert_eq!((made.tried_at, made.remote.as_deref()), (None, Some("99")));
    let removed = news(MessageNews::Removed).await.unwrap();
    assert_eq!((removed.remote, removed.remade), (None, 1));
    assert_eq!(news(MessageNews::Settled).await, None);
}

async fn a_run_is_whole_until_all_that_shows_it_is_settled(place: &Place) {
    let store = place.open().await;
    let store = store.as_ref();
    let run = store.create(shown_in(true)).await.unwrap();
    let settle = |part| store.message_news(run, part, MessageNews::Settled);
    settle(MessagePart::Headline).await.unwrap();
    let open_now = open(store, run).await;
    let settled: Vec<_> = open_now.iter().map(|message| message.settled).collect();
    assert_eq!(settled, [true, false]);
    settle(MessagePart::Whole).await.unwrap();
    assert_eq!(open(store, run).await, []);
}

async fn published_commands_are_remembered_by_scope(place: &Place) {
    let store = place.open().await;
    let store = store.as_ref();
    let (one, other) = (Digest::of_bytes(b"1"), Digest::of_bytes(b"2"));
    assert_eq!(store.published_commands("a/1").await.unwrap(), None);
    store.commands_published("a/1", &one).await.unwrap();
    store.commands_published("a/1", &other).await.unwrap();
    assert_eq!(store.published_commands("a/1").await.unwrap(), Some(other));
    assert_eq!(store.published_commands("a/2").await.unwrap(), None);
}

/// What is asked of somebody until so many seconds after the beginning.
pub(super) fn window(id: &str, person: &str, until: i64) -> AskedWindow {
    AskedWindow {
        platform: "discord".to_owned(),
        id: id.to_owned(),
        person: person.to_owned(),
        command: "rotate".to_owned(),
        options: r#"{"user":"app"}"#.to_owned(),
        until: at(until),
    }
}

async fn a_window_is_kept_until_its_time_is_over(place: &Place) {
    let store = place.open().await;
    store.ask_in_window(window("1", "ann", 5)).await.unwrap();
    store.ask_in_window(window("1", "bo", 9)).await.unwrap();
    let store = place.reopen(store).await;
    let kept = async |platform, id| store.asked_window(platform, id).await.unwrap();
    assert_eq!(kept("discord", "1").await, Some(window("1", "ann", 5)));
    assert_eq!(kept("other", "1").await, None);
    store.forget_windows(at(4)).await.unwrap();
    assert!(kept("discord", "1").await.is_some());
    store.forget_windows(at(5)).await.unwrap();
    assert_eq!(kept("discord", "1").await, None);
}

async fn of_too_many_windows_the_oldest_are_forgotten(place: &Place) {
    let store = place.open().await;
    store.ask_in_window(window("bo's", "bo", 1)).await.unwrap();
    for n in 0..25 {
        let id = format!("{n:02}");
        store
            .ask_in_window(window(&id, "ann", 2 + n))
            .await
            .unwrap();
    }
    let is_kept = async |id: &str| store.asked_window("discord", id).await.unwrap().is_some();
    assert!(is_kept("bo's").await && is_kept("05").await && is_kept("24").await);
    assert!(!is_kept("00").await && !is_kept("04").await);
}

super::on_both![
    a_window_is_kept_until_its_time_is_over,
    of_too_many_windows_the_oldest_are_forgotten,
    a_run_is_shown_where_it_was_asked_for,
    what_becomes_of_a_message_is_kept,
    a_run_is_whole_until_all_that_shows_it_is_settled,
    published_commands_are_remembered_by_scope,
];

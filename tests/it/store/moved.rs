//! A store of SQLite that is moved into PostgreSQL, whole or not at all.

use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use purser::domain::chat::{ChatPlace, MessagePart};
use purser::domain::digest::Digest;
use purser::domain::event::Event;
use purser::domain::names::{PlaceName, RunId, StepId};
use purser::domain::notice::{Notice, NoticeId};
use purser::engine::seal_waiting;
use purser::store::postgres::{LEASE, PostgresStore, move_in};
use purser::store::sqlite::SqliteStore;
use purser::store::{
    MessageNews, NewFire, NewRun, Outbox as _, Receipts as _, SecretRow, Settled, Store, Telling,
};

use super::identities::link;
use super::locks::lock;
use super::messages::window;
use super::place::{access, append, at, draft, finish, new_run, recorded};
use super::watching::{change, heard};
use crate::support::database::Database;
use crate::support::program::Home;
use crate::support::world::key;

/// Puts something of everything into a store, and returns its runs, newest first.
pub async fn fill(store: &dyn Store) -> Vec<RunId> {
    let mut keyed = new_run();
    keyed.request.concurrency = Some("web".to_owned());
    keyed.idempotency_key = Some("once".to_owned());
    keyed.request.shown_in = Some(ChatPlace {
        platform: "discord".to_owned(),
        channel: "42".to_owned(),
        in_thread: true,
    });
    keyed.secrets = vec![("password".to_owned(), vec![0, 255, 2])];
    let open = store.create(keyed).await.unwrap();
    store.ask_in_window(window("1", "ann", 9)).await.unwrap();
    store.append(append(open, 1, Event::Started)).await.unwrap();
    store
        .append(append(open, 2, recorded("a\0b")))
        .await
        .unwrap();
    let lines = (0..1200).map(|n| format!("line {n} \0")).collect();
    store
        .add_lines(open, StepId::from("one"), lines)
        .await
        .unwrap();
    for (part, news) in [
        (MessagePart::Headline, MessageNews::Made("99".to_owned())),
        (MessagePart::Headline, MessageNews::Settled),
        (MessagePart::Whole, MessageNews::Tried(at(3))),
    ] {
        store.message_news(open, part, news).await.unwrap();
    }
    let commands = Digest::of_bytes(b"commands");
    let published = store.commands_published("discord/1/2", &commands);
    published.await.unwrap();
    let done = store.create(new_run()).await.unwrap();
    store.append(finish(done, 1, "done")).await.unwrap();
    let row = SecretRow {
        name: "TOKEN".parse().unwrap(),
        sealed: vec![0, 255, 1],
        set_at: at(1),
        set_by: "ann".into(),
    };
    store.set_secret(row, draft("set")).await.unwrap();
    let schedule: purser::domain::schedule::ScheduleName =
        "play.nightly".to_owned().try_into().unwrap();
    store
        .meet_schedule(schedule.clone(), "daily".into(), at(0))
        .await
        .unwrap();
    let fired: NewRun = new_run();
    let fire = NewFire {
        schedule,
        at: at(60),
        moves_on: true,
        run: Some(fired.clone()),
        note: Some("by the clock".to_owned()),
        receipt: None,
    };
    assert_eq!(store.fire(fire).await, Ok(true));
    seal_waiting(store, &key()).await.unwrap();
    let telling = Telling {
        reached: store.begin_telling().await.unwrap(),
        notices: ["first", "gone"]
            .map(|id| {
                (
                    PlaceName::from("ops"),
                    Notice::test(NoticeId::new(id), at(0), "ann"),
                )
            })
            .to_vec(),
        at: at(2),
    };
    store.tell(telling).await.unwrap();
    let waiting = store
        .waiting_notices(&PlaceName::from("ops"), 9)
        .await
        .unwrap();
    store
        .settle_notice(waiting[1].row, Settled::Over)
        .await
        .unwrap();
    store
        .set_lock(lock("shop/web", "ann"), draft("not sealed yet"))
        .await
        .unwrap();
    store
        .link_identity(link("22", "bo", 4), draft("linked"))
        .await
        .unwrap();
    let heard = heard(Some(5), 12, vec![change(11, "web\0"), change(12, "db")]);
    store.hear(heard).await.unwrap();
    vec![fired.id, done, open]
}

/// Everything that can be read from a store.
pub async fn everything(store: &dyn Store) -> Vec<String> {
    let mut all = vec![];
    for row in store.list(999).await.unwrap() {
        all.push(format!("{row:?}"));
        let log = store.log(row.id, 0).await.unwrap();
        let Event::Requested(request) = &log[0].event else {
            panic!("{log:?}")
        };
        all.push(format!("{:?}", store.definition(&request.definition).await));
        all.push(format!("{log:?}"));
        let lines = store.last_lines(row.id, &StepId::from("one"), 9999).await;
        all.push(format!("{lines:?}").replace("\\0", "\u{2400}"));
        all.push(format!("{:?}", store.receipt_of(row.id).await));
    }
    all.push(format!("{:?}", store.unfinished().await));
    all.push(format!("{:?}", store.unfinished_of("web").await));
    all.push(format!("{:?}", store.receipts_after(0, 999).await));
    all.push(format!("{:?}", store.unsealed_receipts().await));
    all.push(format!("{:?}", store.schedules().await));
    all.push(format!("{:?}", store.secrets().await));
    let shop = "shop".into();
    let changes = store.changes_on(&shop, at(0), 99).await;
    all.push(format!("{changes:?} {:?}", store.watched(&shop).await));
    all.push(format!("{:?}", store.given_secrets().await));
    all.push(format!("{:?}", store.asked_window("discord", "1").await));
    all.push(format!("{:?}", store.locks().await));
    all.push(format!("{:?}", store.identities().await));
    all.push(format!("{:?}", store.backlog().await));
    all.push(format!(
        "{:?}",
        store.waiting_notices(&PlaceName::from("ops"), 99).await
    ));
    all.push(format!("{:?}", store.begin_telling().await));
    let beginning = "sha256:".to_owned().into();
    let wanted = store.wanted_artifacts(&beginning, None).await;
    all.push(format!("{wanted:?}"));
    all.push(format!("{:?}", store.find_gone("0").await));
    all.push(format!("{:?}", store.open_messages("discord", None).await));
    let published = store.published_commands("discord/1/2").await;
    all.push(format!("{published:?}"));
    all
}

async fn filled(folder: &Path) -> SqliteStore {
    let store = SqliteStore::open(folder, Arc::default()).await.unwrap();
    fill(&store).await;
    store
}

#[tokio::test]
async fn a_store_that_is_moved_says_over_there_what_it_said_here() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create("").await;
    let access = access(&database, "web-1", LEASE);
    let from = filled(folder.path()).await;
    let before = everything(&from).await;
    let moved = move_in(&from, &access, &key().verifying_key())
        .await
        .unwrap();
    assert_eq!(moved.receipts, 2);
    let rows = |table: &str| {
        moved
            .rows
            .iter()
            .find(|(name, _)| *name == table)
            .unwrap()
            .1
    };
    assert_eq!(
        (rows("runs"), rows("step_lines"), rows("receipts")),
        (3, 1200, 4)
    );
    assert_eq!(
        everything(&from).await,
        before,
        "nothing was taken from there"
    );

    let to = PostgresStore::open(&access, Arc::default()).await.unwrap();
    assert_eq!(everything(&to).await, before);
    let again = move_in(&from, &access, &key().verifying_key()).await;
    let why = again.unwrap_err().to_string();
    assert!(
        why.ends_with("it holds a store already, and nothing was written: name an empty database")
    );

    let ops = PlaceName::from("ops");
    let last = to
        .waiting_notices(&ops, 9)
        .await
        .unwrap()
        .last()
        .unwrap()
        .row;
    let telling = Telling {
        reached: to.begin_telling().await.unwrap(),
        notices: vec![(
            ops.clone(),
            Notice::test(NoticeId::new("new"), at(3), "ann"),
        )],
        at: at(3),
    };
    to.tell(telling).await.unwrap();
    let new = to
        .waiting_notices(&ops, 9)
        .await
        .unwrap()
        .last()
        .unwrap()
        .row;
    assert!(
        new > last + 1,
        "the number of what is gone is not used again"
    );
    seal_waiting(&to, &key()).await.unwrap();
    assert_eq!(to.last_receipt().await.unwrap().unwrap().0, 4);
    to.close().await;
    database.remove().await;
}

#[tokio::test]
async fn what_cannot_be_moved_whole_leaves_the_database_empty() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create("").await;
    let access = access(&database, "web-1", LEASE);
    let from = filled(folder.path()).await;
    let another_key = SigningKey::from_bytes(&[1; 32]).verifying_key();
    let refused = move_in(&from, &access, &another_key).await.unwrap_err();
    let why = refused.to_string();
    assert!(
        why.contains("its signature is not by this store's key"),
        "{why}"
    );
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    )
    .fetch_one(&mut database.connect().await)
    .await
    .unwrap();
    assert_eq!(tables, 0);
    move_in(&from, &access, &key().verifying_key())
        .await
        .unwrap();
    database.remove().await;
}

#[tokio::test]
async fn a_server_is_moved_with_one_command() {
    let mut home = Home::new(&[]);
    home.up().await;
    assert_eq!(home.types(&["reload"]).await.code, 0);
    let database = Database::create("").await;
    std::fs::write(home.path("url"), database.url()).unwrap();
    let migrate = ["store", "migrate", "--to-url-file", "url"];
    let held = home.types(&migrate).await;
    assert!(
        held.code == 1 && held.err.contains("is held by the process"),
        "{held:?}"
    );
    let before = home.asks(&["receipts", "list"]).await;
    assert!(home.stop().await.success());
    let moved = home.types(&migrate).await;
    assert_eq!(moved.code, 0, "{moved:?}");
    assert!(
        moved.out.contains("receipts: 1 row on both sides"),
        "{moved:?}"
    );
    assert!(
        moved.out.contains("next: set `[store] url_file = \"url\"`"),
        "{moved:?}"
    );
    let config = std::fs::read_to_string(home.path("purser.toml")).unwrap();
    home.write(
        "purser.toml",
        &config.replace("[store]", "[store]\nurl_file = 'url'"),
    );
    home.up().await;
    let after = home.asks(&["receipts", "list"]).await;
    assert_eq!(after, before);
    assert_eq!(home.types(&["receipts", "verify"]).await.code, 0);
    assert!(home.stop().await.success());
    database.remove().await;
}

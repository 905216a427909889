//! The lease on a store in PostgreSQL: one process is active, whatever becomes of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use purser::domain::digest::Digest;
use purser::domain::event::Event;
use purser::domain::redact::Redactor;
use purser::store::postgres::{Access, LEASE, PostgresStore};
use purser::store::{Result, Runs as _, StoreError, Tenure as _};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::sync::mpsc;

use super::place::{access, append, new_run};
use crate::support::database::Database;

const SHORT: Duration = Duration::from_millis(1500);

async fn open(access: &Access) -> Result<PostgresStore> {
    PostgresStore::open(access, Arc::new(Redactor::new())).await
}

/// The lease is as old as it becomes while its holder is frozen.
async fn let_it_run_out(database: &Database) {
    database
        .execute("UPDATE lease SET until = clock_timestamp() - interval '1 second'")
        .await;
}

async fn ask<T>(connection: &mut PgConnection, question: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query_scalar(question)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Asks the server until the answer is yes.
pub async fn until(connection: &mut PgConnection, question: &'static str) {
    let asking = async {
        while !ask::<bool>(connection, question).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking)
        .await
        .unwrap();
}

/// A transaction like one in which a process of ours has been frozen, after it was let in.
async fn frozen_in_a_transaction(database: &Database, of: &Access) -> PgConnection {
    let mut connection = database.connect().await;
    let name = format!("SET application_name = 'purser {}'", of.holder);
    connection.execute(sqlx::AssertSqlSafe(name)).await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    connection
        .execute("SELECT 1 FROM lease FOR KEY SHARE")
        .await
        .unwrap();
    connection
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_store_and_has_it_as_soon_as_it_is_given_back() {
    let database = Database::create("").await;
    let (one, two) = (
        access(&database, "web-1", LEASE),
        access(&database, "web-2", LEASE),
    );
    let first = open(&one).await.unwrap();
    let refused = open(&two).await.err().unwrap();
    assert!(matches!(refused, StoreError::Held(_)), "{refused:?}");
    let message = refused.to_string();
    assert!(
        message.contains(&format!("{} is active until ", one.holder)),
        "{message}"
    );

    let (tell, mut told) = mpsc::unbounded_channel();
    let waits = tokio::spawn({
        let two = two.clone();
        async move {
            let waiting = move |holding: &purser::store::postgres::Holding| {
                tell.send(holding.holder.clone()).unwrap();
            };
            PostgresStore::open_when_free(&two, Arc::new(Redactor::new()), waiting).await
        }
    });
    assert_eq!(told.recv().await, Some(one.holder.clone()));
    let run = first.create(new_run()).await.unwrap();
    let at_once = std::time::Instant::now();
    first.close().await;
    let second = waits.await.unwrap().unwrap();
    assert!(
        at_once.elapsed() < LEASE / 2,
        "nobody had to wait for the end of the lease"
    );
    assert_eq!(second.unfinished().await.unwrap(), [run]);
    second.append(append(run, 1, Event::Started)).await.unwrap();
    second.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_lease_is_renewed_as_long_as_its_holder_lives() {
    let database = Database::create("").await;
    let first = open(&access(&database, "web-1", SHORT)).await.unwrap();
    let mut look = database.connect().await;
    look.execute("CREATE TABLE before AS SELECT until FROM lease")
        .await
        .unwrap();
    until(
        &mut look,
        "SELECT lease.until > before.until + interval '3 seconds' FROM lease, before",
    )
    .await;
    assert!(open(&access(&database, "web-2", SHORT)).await.is_err());
    first.create(new_run()).await.unwrap();
    first.may_act().unwrap();
    assert_eq!(ask::<i64>(&mut look, "SELECT epoch FROM lease").await, 1);
    first.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_lease_that_a_clock_has_made_too_long_is_over_when_nobody_renews_it() {
    let database = Database::create("").await;
    let first = open(&access(&database, "web-1", SHORT)).await;
    first.unwrap().close().await;
    let renew = "UPDATE lease SET holder = 'web-1:1/00000000', \
                 until = clock_timestamp() + interval '1 hour'";
    database.execute(renew).await;
    let second = access(&database, "web-2", SHORT);
    let waiting = PostgresStore::open_when_free(&second, Arc::default(), |_| {});
    let mut waiting = std::pin::pin!(waiting);

    let lives = async {
        for _ in 0..9 {
            tokio::time::sleep(SHORT / 3).await;
            database.execute(renew).await;
        }
    };
    tokio::select! {
        _ = &mut waiting => panic!("whoever renews it has it"),
        () = lives => {}
    }
    let died = Instant::now();
    let store = tokio::time::timeout(SHORT * 20, waiting).await;
    let store = store.unwrap().unwrap();
    assert!(died.elapsed() >= SHORT / 2, "{:?}", died.elapsed());
    store.create(new_run()).await.unwrap();
    store.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_process_that_was_frozen_too_long_writes_and_does_nothing_more() {
    let database = Database::create("").await;
    let (one, two) = (
        access(&database, "web-1", LEASE),
        access(&database, "web-2", LEASE),
    );
    let first = open(&one).await.unwrap();
    let run = first.create(new_run()).await.unwrap();
    let_it_run_out(&database).await;
    let late = first.append(append(run, 1, Event::Started)).await;
    assert!(
        late.as_ref()
            .is_err_and(|why| why.to_string().contains("our lease on it has run out")),
        "nobody has it yet: {late:?}"
    );

    let second = open(&two).await.unwrap();
    let superseded = StoreError::Superseded {
        by: two.holder.clone(),
    };
    second.append(append(run, 1, Event::Started)).await.unwrap();
    let stale = first.append(append(run, 2, Event::Started)).await;
    assert_eq!(stale, Err(superseded.clone()));
    assert_eq!(first.superseded().await, superseded);
    assert_eq!(first.may_act(), Err(superseded));
    assert_eq!(second.log(run, 0).await.unwrap().len(), 2);

    first.close().await;
    second.may_act().unwrap();
    second.create(new_run()).await.unwrap();
    second.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_takeover_waits_for_a_commit_in_flight() {
    let database = Database::create("").await;
    let (one, two) = (
        access(&database, "web-1", LEASE),
        access(&database, "web-2", LEASE),
    );
    let first = open(&one).await.unwrap();
    let mut in_flight = database.connect().await;
    in_flight.execute("BEGIN").await.unwrap();
    in_flight
        .execute("SELECT 1 FROM lease FOR KEY SHARE")
        .await
        .unwrap();
    in_flight
        .execute("INSERT INTO definitions VALUES ('in', 'flight')")
        .await
        .unwrap();
    let_it_run_out(&database).await;
    let takes = tokio::spawn(async move { open(&two).await });
    let mut look = database.connect().await;
    until(
        &mut look,
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
         AND datname = current_database() AND query LIKE 'UPDATE lease SET holder%')",
    )
    .await;
    assert!(!takes.is_finished());
    in_flight.execute("COMMIT").await.unwrap();
    let second = takes.await.unwrap().unwrap();
    let kept = ask::<i64>(&mut look, "SELECT count(*) FROM definitions").await;
    assert_eq!(
        kept, 1,
        "what was in flight has arrived, and before the takeover"
    );
    first.close().await;
    second.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_process_that_is_frozen_in_mid_transaction_is_no_obstacle() {
    let database = Database::create("").await;
    let (one, two) = (
        access(&database, "web-1", LEASE),
        access(&database, "web-2", SHORT),
    );
    let first = open(&one).await.unwrap();
    let mut frozen = frozen_in_a_transaction(&database, &one).await;
    let_it_run_out(&database).await;
    let second = open(&two).await.unwrap();
    assert!(
        frozen.execute("COMMIT").await.is_err(),
        "the server has ended its session"
    );
    second.create(new_run()).await.unwrap();
    second.close().await;
    first.close().await;
    database.remove().await;
}

#[tokio::test]
async fn no_effect_begins_while_the_lease_cannot_be_renewed() {
    let database = Database::create("").await;
    let first = open(&access(&database, "web-1", SHORT)).await.unwrap();
    first.may_act().unwrap();
    let mut in_the_way = database.connect().await;
    in_the_way.execute("BEGIN").await.unwrap();
    in_the_way
        .execute("SELECT 1 FROM lease FOR UPDATE")
        .await
        .unwrap();
    let may_not = async {
        while first.may_act().is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SHORT * 2, may_not).await.unwrap();
    let why = first.may_act().unwrap_err().to_string();
    assert!(why.contains("could not be renewed in time"), "{why}");
    in_the_way.execute("ROLLBACK").await.unwrap();
    let may_again = async {
        while first.may_act().is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SHORT * 2, may_again).await.unwrap();
    first.create(new_run()).await.unwrap();
    first.close().await;
    database.remove().await;
}

#[tokio::test]
async fn of_many_processes_one_is_active_and_each_has_its_turn() {
    let database = Database::create("").await;
    let active = Arc::new(AtomicUsize::new(0));
    let processes: Vec<_> = (0..6)
        .map(|n| {
            let access = access(&database, &format!("web-{n}"), LEASE);
            let active = Arc::clone(&active);
            tokio::spawn(async move {
                let redactor = Arc::new(Redactor::new());
                let store = PostgresStore::open_when_free(&access, redactor, |_| ()).await;
                let store = store.unwrap();
                assert_eq!(active.fetch_add(1, Ordering::SeqCst), 0, "there are two");
                store.create(new_run()).await.unwrap();
                active.fetch_sub(1, Ordering::SeqCst);
                store.close().await;
            })
        })
        .collect();
    for process in processes {
        process.await.unwrap();
    }
    let mut look = database.connect().await;
    assert_eq!(ask::<i64>(&mut look, "SELECT epoch FROM lease").await, 6);
    assert_eq!(ask::<i64>(&mut look, "SELECT count(*) FROM runs").await, 6);
    look.close().await.unwrap();
    database.remove().await;
}

#[tokio::test]
async fn whoever_takes_over_learns_by_which_catalog_the_other_went() {
    let database = Database::create("").await;
    let (old, new) = (Digest::of_bytes(b"old"), Digest::of_bytes(b"new"));
    let first = open(&access(&database, "web-1", LEASE)).await.unwrap();
    assert_eq!(first.go_by(&old).await, Ok(None));
    first.close().await;
    let second = open(&access(&database, "web-2", LEASE)).await.unwrap();
    assert_eq!(second.go_by(&new).await, Ok(Some(old)));
    assert_eq!(second.go_by(&new).await, Ok(Some(new.clone())));
    second.close().await;
    database.remove().await;
}

//! Stores as earlier versions have left them: `tests/fixtures/stores`, one of each version of the
//! tables and each sort of database. They are opened, brought up to date, and gone on with.
//!
//! `PURSER_WRITE_FIXTURES=1 cargo test store::fixtures` writes those of the present version. Those of a
//! version that was released are never written again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use purser::domain::event::{Event, Requested, Rerun};
use purser::domain::names::RunId;
use purser::domain::receipt::Chain;
use purser::domain::run::{RunState, RunStatus};
use purser::engine::seal_waiting;
use purser::store::postgres::{LEASE, PostgresStore, move_in};
use purser::store::sqlite::{SqliteStore, database_file, newest_schema};
use purser::store::{Append, Runs as _, Store, StoreError};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use super::every_event::every_event;
use super::moved::{everything, fill};
use super::place::{access, append, draft, new_run};
use crate::support::database::Database;
use crate::support::stack::variable;
use crate::support::world::key;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores")
}

fn files(ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there is no fixture {ending}");
    files
}

/// Replays what is there, and goes on: events, receipts and their chain.
async fn goes_on(store: &dyn Store) {
    let rows = store.list(99).await.unwrap();
    assert_eq!(rows.len(), 4);
    for row in &rows {
        let log = store.log(row.id, 0).await.unwrap();
        let state = RunState::replay(&log).unwrap();
        assert_eq!(state.seq, log.len() as u64);
        assert_eq!(
            state.ended.is_some(),
            matches!(row.status, RunStatus::Ended(_))
        );
        let Event::Requested(request) = &log[0].event else {
            panic!("{log:?}")
        };
        let definition = store.definition(&request.definition).await.unwrap();
        assert_eq!(definition.unwrap().digest(), request.definition);
    }
    let beginning = "sha256:".to_owned().into();
    let wanted = store.wanted_artifacts(&beginning, None).await.unwrap();
    assert_eq!(wanted, ["sha256:11".to_owned().into()].into());
    let open = store.unfinished().await.unwrap()[0];
    let last = store.log(open, 0).await.unwrap().len() as u64;
    store
        .append(append(open, last, Event::Started))
        .await
        .unwrap();
    let sealed = store.last_receipt().await.unwrap().map_or(0, |last| last.0);
    let before = sealed + store.unsealed_receipts().await.unwrap().len() as u64;
    assert!(before >= 3, "{before}");
    store
        .add_receipt(draft("after all these years"))
        .await
        .unwrap();
    seal_waiting(store, &key()).await.unwrap();
    let mut chain = Chain::default();
    for receipt in store.receipts_after(0, 999).await.unwrap() {
        chain.next(&receipt, &key().verifying_key()).unwrap();
    }
    assert_eq!(chain.head().unwrap().0, before + 1);
}

#[tokio::test]
async fn each_version_of_sqlite_is_gone_on_with() {
    for file in files(".db") {
        let place = tempfile::tempdir().unwrap();
        fs::copy(&file, database_file(place.path())).unwrap();
        let store = SqliteStore::open(place.path(), Arc::default())
            .await
            .unwrap();
        goes_on(&store).await;
        store.close().await;
    }
}

#[tokio::test]
async fn each_version_of_postgres_is_gone_on_with() {
    for file in files(".sql") {
        let database = Database::create(&fs::read_to_string(&file).unwrap()).await;
        let access = access(&database, "web-1", LEASE);
        let store = PostgresStore::open(&access, Arc::default()).await.unwrap();
        goes_on(&store).await;
        store.close().await;
        database.remove().await;
    }
}

#[tokio::test]
async fn both_databases_of_a_version_say_the_same() {
    for (sqlite, postgres) in files(".db").into_iter().zip(files(".sql")) {
        assert_eq!(sqlite.file_stem(), postgres.file_stem());
        let place = tempfile::tempdir().unwrap();
        fs::copy(&sqlite, database_file(place.path())).unwrap();
        let one = SqliteStore::open(place.path(), Arc::default())
            .await
            .unwrap();
        let database = Database::create(&fs::read_to_string(&postgres).unwrap()).await;
        let access = access(&database, "web-1", LEASE);
        let other = PostgresStore::open(&access, Arc::default()).await.unwrap();
        assert_eq!(everything(&one).await, everything(&other).await);
        other.close().await;
        database.remove().await;
    }
}

/// Statements that put a run that has failed, and one that goes on from it, into a store of version 7.
fn a_run_and_its_rerun(of: RunId, by: RunId) -> String {
    let mut earlier = new_run().request;
    earlier.inputs = json!({ "note": "a\0b, \"rerun\":{\"of\":\"nobody\"}" });
    let rerun = Rerun { of, done: vec![] };
    let later = Requested {
        rerun: Some(rerun),
        ..earlier.clone()
    };
    [(of, earlier, 1), (by, later, 0)]
        .map(|(run, request, ended)| {
            let body = json!(Event::Requested(Box::new(request))).to_string();
            let body = body.replace('\'', "''");
            format!(
                "INSERT INTO runs (id, workflow, definition, status, ended, requested_by, \
                 requested_at, updated_at) SELECT '{run}', workflow, definition, '\"failed\"', \
                 {ended}, requested_by, 0, 0 FROM runs LIMIT 1;
                 INSERT INTO events (run, seq, at, v, body) VALUES ('{run}', 1, 0, 1, '{body}');\n"
            )
        })
        .concat()
}

/// Sees that the store knows of a run which other one goes on from it.
async fn knows_who_goes_on(store: &dyn Store, of: RunId, by: RunId) {
    let mut again = new_run();
    again.request.rerun = Some(Rerun { of, done: vec![] });
    let told = StoreError::GoesOn { of, by };
    assert_eq!(store.create(again).await, Err(told));
}

#[tokio::test]
async fn a_store_from_before_reruns_were_looked_for_knows_of_those_that_there_are() {
    let (of, by) = (new_run().id, new_run().id);
    let runs = a_run_and_its_rerun(of, by);
    let place = tempfile::tempdir().unwrap();
    let file = database_file(place.path());
    fs::copy(folder().join("0007.db"), &file).unwrap();
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.unwrap();
    connection
        .execute(AssertSqlSafe(runs.clone()))
        .await
        .unwrap();
    connection.close().await.unwrap();
    let store = SqliteStore::open(place.path(), Arc::default())
        .await
        .unwrap();
    knows_who_goes_on(&store, of, by).await;
    store.close().await;

    let sql = fs::read_to_string(folder().join("0007.sql")).unwrap();
    let database = Database::create(&format!("{sql}SET search_path = public;\n{runs}")).await;
    let access = access(&database, "web-1", LEASE);
    let store = PostgresStore::open(&access, Arc::default()).await.unwrap();
    knows_who_goes_on(&store, of, by).await;
    store.close().await;
    database.remove().await;
}

/// Writes the fixtures of the present version, if that is wanted; else sees that they are there.
#[tokio::test]
async fn the_present_version_has_its_fixtures() {
    let name = format!("{:04}", newest_schema());
    let (db, sql) = (
        folder().join(format!("{name}.db")),
        folder().join(format!("{name}.sql")),
    );
    if std::env::var_os("PURSER_WRITE_FIXTURES").is_none() {
        assert!(
            db.exists() && sql.exists(),
            "PURSER_WRITE_FIXTURES=1 cargo test store::fixtures"
        );
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(place.path(), Arc::default())
        .await
        .unwrap();
    fill(&store).await;
    live(&store).await;
    let database = Database::create("").await;
    let access = access(&database, "web-1", LEASE);
    move_in(&store, &access, &key().verifying_key())
        .await
        .unwrap();
    store.close().await;
    fs::create_dir_all(folder()).unwrap();
    fs::copy(database_file(place.path()), db).unwrap();
    fs::write(sql, dump(&database)).unwrap();
    database.remove().await;
}

/// A run to which everything happens.
async fn live(store: &SqliteStore) {
    let run = store.create(new_run()).await.unwrap();
    for (event, after) in every_event().into_iter().zip(1..) {
        let status = match &event {
            Event::Finished { state, .. } => RunStatus::Ended(*state),
            _ => RunStatus::Running,
        };
        let append = Append {
            status,
            ..append(run, after, event)
        };
        store.append(append).await.unwrap();
    }
}

fn dump(database: &Database) -> String {
    let pg_dump = format!("{}/pg_dump", variable("PURSER_TEST_POSTGRES_BIN"));
    let dumped = Command::new(pg_dump)
        .args(["--inserts", "--no-owner", "--no-privileges", "--dbname"])
        .arg(database.url())
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    let text = String::from_utf8(dumped.stdout).unwrap();
    // What is meant for psql alone, and what says by which server it was made.
    let is_sql = |line: &&str| !line.starts_with('\\') && !line.starts_with("--");
    let lines: Vec<_> = text.lines().filter(is_sql).collect();
    lines.join("\n") + "\n"
}

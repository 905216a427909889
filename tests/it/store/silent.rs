//! What becomes of reads when the server of the database, or the line to it, falls silent.

use std::sync::Arc;
use std::time::Duration;

use purser::domain::redact::Redactor;
use purser::store::Runs as _;
use purser::store::postgres::{Access, PostgresStore};
use sqlx::Executor as _;

use super::lease::until;
use super::place::{access, new_run};
use crate::support::database::Database;
use crate::support::line::Line;

/// How long a read may take goes by this.
const LEASE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_line_that_goes_dead_takes_up_no_reader_for_good() {
    let database = Database::create("").await;
    let line = Line::to(&database.url()).await;
    let access = Access {
        url: line.url(&database.url()).into(),
        ..access(&database, "web-1", LEASE)
    };
    let store = PostgresStore::open(&access, Arc::new(Redactor::new())).await;
    let store = Arc::new(store.unwrap());
    store.create(new_run()).await.unwrap();

    let mut other = database.connect().await;
    other.execute("BEGIN").await.unwrap();
    other.execute("LOCK TABLE runs").await.unwrap();
    // More than there are readers: the others wait for one.
    let reads = [(); 7].map(|()| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            loop {
                match store.list(1).await {
                    // It has waited too long for the lock, and the line is not dead yet.
                    Err(error) if error.to_string().contains("lock timeout") => {}
                    read => return read,
                }
            }
        })
    });
    let all_readers_wait = "SELECT count(*) = 4 FROM pg_locks \
                            WHERE relation = 'runs'::regclass AND NOT granted";
    until(&mut other, all_readers_wait).await;
    line.goes_dead();
    other.execute("ROLLBACK").await.unwrap();
    for read in reads {
        let read = tokio::time::timeout(Duration::from_secs(30), read).await;
        let error = read.expect("it has an end").unwrap().unwrap_err();
        let told = error.to_string();
        assert!(
            told.ends_with(": the server did not answer in time"),
            "{told}"
        );
    }

    line.leads_again();
    let rows = store.list(1).await.unwrap();
    assert_eq!(rows.len(), 1, "there are readers again");
    Arc::into_inner(store).unwrap().close().await;
    database.remove().await;
}

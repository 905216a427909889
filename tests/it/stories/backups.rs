//! Backups that cannot be made: nothing is listed as one, and the terminal says why.

use std::fs;

use serde_json::json;

use super::relay::Relay;
use super::{BACKUP, Story};
use crate::support::database::Database;
use crate::support::s3::Bucket;
use crate::support::stack::variable;
use crate::support::systems::of_kind;

const ORDERS: &str = "CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 100) n";

/// Enough for more than one part of an upload: it does not compress well.
const BIG: &str = "
    CREATE TABLE big AS SELECT n, sha512(n::text::bytea) || sha512((-n)::text::bytea) AS noise
    FROM generate_series(1, 250000) n;
";

/// So much of it has been read when the line is cut: the first part is stored by then.
const MOST_OF_IT: u64 = 48 << 20;

/// The story of a database that is reached by way of a relay.
fn by_way_of(relay: &Relay, database: &Database, bucket: &Bucket) -> Story {
    let mut settings = database.settings();
    let mut story = Story::of_backups(database, bucket);
    let url_file = story.home.path("orders-db.url");
    fs::write(&url_file, relay.url(database)).unwrap();
    settings.insert("url_file".to_owned(), url_file.display().to_string().into());
    story.set_system("orders-db", &of_kind("postgres", settings));
    story.call(&relay.address(), "127.0.0.1:PORT");
    story
}

#[tokio::test]
async fn a_wrong_key_of_the_object_store_backs_nothing_up() {
    let (database, bucket) = (Database::create(ORDERS).await, Bucket::create().await);
    let mut story = Story::of_backups(&database, &bucket);
    let key = story.home.path("minio-key");
    fs::write(&key, "not the key of anybody").unwrap();
    let mut settings = bucket.settings();
    settings.insert(
        "secret_key_file".to_owned(),
        key.display().to_string().into(),
    );
    story.set_system("minio", &of_kind("s3", settings));
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run backup").await, @"
    run RUN of backup, asked by ann
    ✗ dump: could not list s3://minio/BUCKET/orders on minio: the secret key does not belong to the access key; put the right one into HOME/minio-key (secret_key_file of [systems.minio]) and restart Purser
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");

    fs::write(&key, variable("PURSER_TEST_S3_SECRET_KEY")).unwrap();
    story.home.stop().await;
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run list").await, @"
    run RUN of list, asked by ann
    ✓ list: done in N s
    backups: none
    total: 0
    without_manifest: 0
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    assert_eq!(bucket.keys().await, Vec::<String>::new());
    assert_eq!(bucket.unfinished_uploads().await, 0);
    bucket.remove().await;
    database.remove().await;
}

#[tokio::test]
async fn a_database_that_is_down_is_named_with_its_address() {
    let (database, bucket) = (Database::create(ORDERS).await, Bucket::create().await);
    let relay = Relay::closed(&database);
    let mut story = by_way_of(&relay, &database, &bucket);
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run backup").await, @"
    run RUN of backup, asked by ann
    ✗ dump: could not connect to the database `DATABASE` on orders-db: nothing answers at 127.0.0.1:PORT (Connection refused (os error 111)); see that the server runs and that the address in HOME/orders-db.url is right
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    assert_eq!(bucket.keys().await, Vec::<String>::new());
    bucket.remove().await;
    database.remove().await;
}

#[tokio::test]
async fn a_database_that_comes_back_is_backed_up_by_the_next_attempt() {
    let (database, bucket) = (Database::create(ORDERS).await, Bucket::create().await);
    let mut relay = Relay::closed(&database);
    let mut story = by_way_of(&relay, &database, &bucket);
    let patient = format!("{BACKUP}    retry: {{ attempts: 5, first: 5s, factor: 1 }}\n");
    let to = format!("s3://minio/{}/orders", bucket.name);
    story
        .home
        .workflow("backup", &patient.replace("FOLDER", &to));
    story.home.up().await;

    let run = story.starts("backup").await;
    let waits = story
        .until(&run, |view| view["status"] == json!({ "waiting": "timer" }))
        .await;
    assert_eq!(
        waits["run"]["steps"]["dump"]["failure"]["kind"],
        "retryable"
    );
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of backup: waits for its time
    asked by ann (uid 0) at TIME
    ! dump: could not connect to the database `DATABASE` on orders-db: nothing answers at 127.0.0.1:PORT (Connection refused (os error 111)); see that the server runs and that the address in HOME/orders-db.url is right; again at TIME
    exit code 0
    ");

    relay.open();
    let ended = story.home.ends(&run).await;
    assert_eq!(ended["status"], "succeeded");
    let dump = &ended["run"]["steps"]["dump"];
    assert!(dump["attempt"].as_u64() > Some(1), "{ended}");
    assert_eq!(bucket.keys().await.len(), 2);
    let (listed, backup) = (story.sees("run list").await, &dump["output"]["backup"]);
    let whole = story.plain(backup.as_str().unwrap());
    assert!(
        listed.contains(&whole) && listed.contains("total: 1"),
        "{listed}"
    );
    bucket.remove().await;
    database.remove().await;
}

#[tokio::test]
async fn a_database_that_goes_away_in_mid_dump_leaves_nothing_that_is_called_a_backup() {
    let (database, bucket) = (Database::create(BIG).await, Bucket::create().await);
    let mut relay = Relay::closed(&database);
    let mut story = by_way_of(&relay, &database, &bucket);
    relay.open_until(MOST_OF_IT);
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run backup").await, @r#"
    run RUN of backup, asked by ann
    ✗ dump: pg_dump of `DATABASE` on orders-db failed (exit status: 1): pg_dump: error: Dumping the contents of table "big" failed: PQgetCopyData() failed. / pg_dump: detail: Error message from server: server closed the connection unexpectedly / This probably means the server terminated abnormally / before or while processing the request. / pg_dump: detail: Command was: COPY public.big (n, noise) TO stdout; nothing of it was kept
    ✗ failed after N s: Nothing was changed.
    exit code 1
    "#);
    assert!(relay.is_dead(), "the dump was over before the line was cut");
    assert_eq!(bucket.keys().await, Vec::<String>::new());
    assert_eq!(bucket.unfinished_uploads().await, 0);
    insta::assert_snapshot!(story.sees("run list").await, @"
    run RUN of list, asked by ann
    ✓ list: done in N s
    backups: none
    total: 0
    without_manifest: 0
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    bucket.remove().await;
    database.remove().await;
}

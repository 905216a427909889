//! `postgres.backup` to an object store, killed: there is one backup in the end, it restores, and
//! no session of a dead dump is left on the server.

use std::process::Stdio;
use std::time::Duration;

use object_store::ObjectStoreExt as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::undo::undone_over;
use super::{ASK, MOMENTS, each, effects, expect_one_run, killed_at, points};
use crate::support::database::Database;
use crate::support::program::Home;
use crate::support::s3::Bucket;
use crate::support::stack::variable;
use crate::support::systems::of_kind;

const ACTION: &str = "postgres.backup";
/// How long the server may take to see that a client is gone.
const PATIENCE: Duration = Duration::from_secs(30);
const TABLES: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, total numeric);
    INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 300) n;
    INSERT INTO orders SELECT n, 1 + n % 300, n * 1.25 FROM generate_series(1, 5000) n;
";
/// What the tables hold, in one text.
const CONTENTS: &str = "
    SELECT (SELECT count(*) || ' ' || md5(string_agg(c::text, '|' ORDER BY id)) FROM customers c)
        || ' ' || (SELECT count(*) || ' ' || md5(string_agg(o::text, '|' ORDER BY id)) FROM orders o)
";

/// A database to back up, and the bucket that keeps the backup.
struct Stand {
    database: Database,
    bucket: Bucket,
    home: Home,
}

impl Stand {
    async fn new() -> Self {
        let (database, bucket) = (Database::create(TABLES).await, Bucket::create().await);
        let home = Home::new(&[
            ("orders-db", of_kind("postgres", database.settings())),
            ("minio", of_kind("s3", bucket.settings())),
        ]);
        let steps = format!(
            "
steps:
  - id: dump
    uses: postgres.backup
    with: {{ system: orders-db, to: 's3://minio/{}/orders' }}
",
            bucket.name
        );
        home.workflow("go", &steps);
        Self {
            database,
            bucket,
            home,
        }
    }

    /// The bucket holds one backup, whole; restored by PostgreSQL's own tool it is what the
    /// database holds; and nobody is left who would dump it.
    async fn expect_one_backup(self, run: &Value) {
        let facts = expect_one_run(&self.home, run, "succeeded").await;
        assert_eq!(facts["steps"][0]["attempts"], 1);
        let url = run["run"]["steps"]["dump"]["output"]["backup"].as_str();
        let (_, name) = url.unwrap().rsplit_once('/').unwrap();
        let [dump, manifest] =
            ["dump.zst", "manifest.json"].map(|file| format!("orders/{name}/{file}"));
        assert_eq!(self.bucket.keys().await, [dump.clone(), manifest.clone()]);
        assert_eq!(self.bucket.unfinished_uploads().await, 0);

        let manifest: Value = serde_json::from_slice(&self.object(&manifest).await).unwrap();
        let dump = self.object(&dump).await;
        assert_eq!(manifest["dump"]["bytes"], dump.len());
        let sha256 = format!("sha256:{}", hex::encode(Sha256::digest(&dump)));
        assert_eq!(manifest["dump"]["sha256"], sha256);
        let rows = |table: &Value| (table["name"].clone(), table["rows"].clone());
        let rows: Vec<_> = manifest["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(rows)
            .collect();
        assert_eq!(
            rows,
            [
                ("customers".into(), 300.into()),
                ("orders".into(), 5000.into())
            ]
        );

        let restored = restore(&zstd::decode_all(&*dump).unwrap()).await;
        assert_eq!(contents(&restored).await, contents(&self.database).await);
        self.database_shows(<[String]>::is_empty).await;
        restored.remove().await;
        self.bucket.remove().await;
        self.database.remove().await;
    }

    /// Waits until the sessions of others in the database are like this.
    async fn database_shows(&self, is_so: impl Fn(&[String]) -> bool) {
        let mut client = self.database.connect().await;
        let asking = async {
            while !is_so(&sessions(&mut client, &self.database.name).await) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        if timeout(PATIENCE, asking).await.is_err() {
            let sessions = sessions(&mut client, &self.database.name).await;
            panic!("it does not come to that: {sessions:#?}");
        }
    }

    async fn object(&self, key: &str) -> Vec<u8> {
        let store = self.bucket.store();
        let got = store.get(&key.into()).await.unwrap();
        got.bytes().await.unwrap().to_vec()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_every_failpoint_a_backup_is_made_once() {
    each(points(ACTION, &effects(ACTION), &MOMENTS), made_once).await;
}

async fn made_once(point: String) {
    let mut stand = Stand::new().await;
    let run = killed_at(&point, &mut stand.home).await;
    stand.expect_one_backup(&run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_while_it_is_undone_nothing_is_left_of_a_backup() {
    let points = points(ACTION, &effects(ACTION), &["undoing", "undone"]);
    each(points, undone).await;
}

async fn undone(point: String) {
    let Stand {
        database,
        bucket,
        mut home,
    } = Stand::new().await;
    home.up().await;
    let run = home.starts(&ASK).await;
    assert_eq!(home.ends(&run).await["status"], "succeeded");
    assert_eq!(bucket.keys().await.len(), 2);
    home.stop().await;

    undone_over(&point, &mut home, &run).await;

    assert_eq!(bucket.keys().await, Vec::<String>::new());
    let facts = super::books::receipts(&home, 2).await;
    assert_eq!(facts[1]["undo_of"], run.as_str());
    let effects = facts[1]["steps"][0]["effects"].as_array().unwrap();
    assert!(effects.iter().all(|effect| effect["status"] == "undone"));
    bucket.remove().await;
    database.remove().await;
}

/// Somebody's lock holds the dump up, so that it is certain to be killed in its middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_in_mid_dump_a_backup_is_made_anew_and_nothing_of_the_first_try_stays() {
    let mut stand = Stand::new().await;
    let mut holder = stand.database.connect().await;
    holder.execute("BEGIN; LOCK TABLE orders").await.unwrap();
    stand.home.up().await;
    let run = stand.home.starts(&ASK).await;
    stand
        .database_shows(|sessions| held_up(sessions) == 1)
        .await;
    assert_eq!(stand.bucket.unfinished_uploads().await, 1);

    stand.home.kill().await;
    stand.home.up().await;
    stand
        .database_shows(|sessions| held_up(sessions) == 2)
        .await;
    holder.execute("ROLLBACK").await.unwrap();
    drop(holder);

    let run = stand.home.ends(&run).await;
    stand.expect_one_backup(&run).await;
}

/// What others do in the database now, and what they wait for.
async fn sessions(client: &mut PgConnection, database: &str) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT coalesce(wait_event_type, 'nothing') || ': ' || query \
         FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
    )
    .bind(database)
    .fetch_all(client)
    .await
    .unwrap()
}

/// How many dumps wait for somebody's lock.
fn held_up(sessions: &[String]) -> usize {
    let is_dump = |session: &&String| session.starts_with("Lock: LOCK TABLE ");
    sessions.iter().filter(is_dump).count()
}

async fn contents(database: &Database) -> String {
    let contents = sqlx::query_scalar(AssertSqlSafe(CONTENTS.to_owned()));
    contents
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap()
}

/// A new database with what the dump holds.
async fn restore(dump: &[u8]) -> Database {
    let database = Database::create("").await;
    let mut tool = Command::new(format!(
        "{}/pg_restore",
        variable("PURSER_TEST_POSTGRES_BIN")
    ))
    .args(["--exit-on-error", "--dbname", &database.url()])
    .stdin(Stdio::piped())
    .spawn()
    .unwrap();
    tool.stdin.take().unwrap().write_all(dump).await.unwrap();
    assert!(tool.wait().await.unwrap().success());
    database
}

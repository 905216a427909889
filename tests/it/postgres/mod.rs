//! Stories of a database that is backed up, and of backups that are put to the proof.

mod backup;
mod drill;
mod refused;
mod suggest;

use std::sync::Arc;

use purser::action::{Action, ActionError, AnyAction, Context, Systems, Undone};
use purser::domain::names::RunId;
use purser::domain::plan::Plan;
use purser::integrations::folders::LocalFolders;
use purser::integrations::postgres::{self, Backup, DrillRestore, ListBackups};
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::journal::{MemoryJournal, read_context};
use crate::support::s3::Bucket;
use crate::support::systems::connect;

/// A few tables such as a shop has.
const SHOP: &str = "
    CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL, since timestamptz);
    CREATE TABLE orders (id bigserial PRIMARY KEY, customer int REFERENCES customers, total numeric);
    CREATE TABLE visits (page text, at timestamptz);
    INSERT INTO customers (name, since)
        SELECT 'customer ' || n, '2026-01-01'::timestamptz + n * interval '1 hour'
        FROM generate_series(1, 300) n;
    INSERT INTO orders (customer, total) SELECT 1 + n % 300, n * 1.25 FROM generate_series(1, 5000) n;
    INSERT INTO visits SELECT '/p/' || n % 7, '2026-01-01' FROM generate_series(1, 100) n;
";

/// Enough for a dump to take a while: it does not compress well.
const BIG: &str = "
    CREATE TABLE big AS SELECT n, sha512(n::text::bytea) || sha512((-n)::text::bytea) AS noise
    FROM generate_series(1, 400000) n;
";

/// A database, a bucket, and the systems that lead there.
struct Stand {
    database: Database,
    bucket: Bucket,
    systems: Arc<Systems>,
}

impl Stand {
    async fn with(statements: &str) -> Self {
        let (database, bucket) = (Database::create(statements).await, Bucket::create().await);
        let mut systems = bucket.systems();
        systems.set_folders(Arc::new(LocalFolders));
        database.join(&mut systems);
        Self {
            database,
            bucket,
            systems: Arc::new(systems),
        }
    }

    /// The same with one other setting of the database's system.
    fn with_setting(self, name: &str, value: toml::Value) -> Self {
        let mut settings = self.database.settings();
        settings.insert(name.to_owned(), value);
        let mut systems = Systems::clone(&self.systems);
        connect(
            &mut systems,
            &postgres::integration(),
            "orders-db",
            settings,
        );
        Self {
            systems: Arc::new(systems),
            ..self
        }
    }

    fn folder(&self) -> String {
        format!("s3://minio/{}/orders", self.bucket.name)
    }

    /// Backs up into the bucket, and gives the backup's URL.
    async fn backup(&self) -> String {
        let output = Step::new(Backup)
            .run(self, json!({"to": self.folder()}))
            .await
            .unwrap();
        output["backup"].as_str().unwrap().to_owned()
    }

    async fn listed(&self) -> Value {
        Step::new(ListBackups)
            .run(self, json!({"from": self.folder()}))
            .await
            .unwrap()
    }

    async fn drill(&self, backup: &str) -> Result<Value, ActionError> {
        Step::new(DrillRestore)
            .run(self, json!({"backup": backup}))
            .await
    }

    /// Names that differ in every run, as words.
    fn plain(&self, text: impl std::fmt::Display) -> String {
        let text = text
            .to_string()
            .replace(&self.database.name, "DATABASE")
            .replace(&self.bucket.name, "BUCKET");
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("DATABASE-") {
            plain.push_str(before);
            plain.push_str("DATABASE-TIME-TOKEN");
            rest = after
                .get("20260101T000000Z-0123456789ab".len()..)
                .unwrap_or_default();
        }
        plain + rest
    }

    async fn remove(self) {
        assert_eq!(self.bucket.unfinished_uploads().await, 0);
        assert_eq!(
            self.database.left_of_scratch_servers(),
            Vec::<String>::new()
        );
        self.bucket.remove().await;
        self.database.remove().await;
    }
}

/// One step of one run, which lives on when its process "dies".
struct Step<A> {
    action: A,
    run: RunId,
    journal: Arc<MemoryJournal>,
}

impl<A: Action> Step<A> {
    fn new(action: A) -> Self {
        Self {
            action,
            run: RunId::new(uuid::Uuid::now_v7()),
            journal: Arc::default(),
        }
    }

    fn context(&self, stand: &Stand) -> Context {
        self.journal
            .context(self.run, A::SPEC, "orders-db", &stand.systems)
    }

    async fn run(&self, stand: &Stand, input: Value) -> Result<Value, ActionError> {
        AnyAction::run(&self.action, &self.context(stand), input).await
    }

    async fn undo(&self, stand: &Stand, input: Value) -> Result<Undone, ActionError> {
        AnyAction::undo(&self.action, &self.context(stand), input).await
    }

    async fn plan(&self, stand: &Stand, input: Value) -> Result<Plan, ActionError> {
        AnyAction::plan(
            &self.action,
            &read_context("orders-db", &stand.systems),
            input,
        )
        .await
    }
}

/// Waits for something to come to pass, for so long as makes sense.
async fn poll(mut until: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !until().await {
        assert!(
            std::time::Instant::now() < deadline,
            "it never came to pass"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

//! Where a store is, and what is put into one.

use std::sync::Arc;
use std::time::Duration;

use purser::domain::ending::{FinalState, Summary};
use purser::domain::event::{Event, Trigger};
use purser::domain::link::Link;
use purser::domain::names::RunId;
use purser::domain::receipt::{Draft, Subject};
use purser::domain::redact::Redactor;
use purser::domain::run::RunStatus;
use purser::domain::time::Timestamp;
use purser::domain::workflow::Workflow;
use purser::store::postgres::{self, Access, LEASE, PostgresStore, holder};
use purser::store::sqlite::{self, SqliteStore};
use purser::store::{Append, NewRun, Store};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::database::Database;
use crate::support::world::{actor, requested};

/// A secret that every store here masks.
pub const SECRET: &str = "hunter2-hunter2";

/// An empty place for a store.
pub struct Place {
    database: Kind,
    redactor: Arc<Redactor>,
}

enum Kind {
    Sqlite(TempDir),
    Postgres(Database),
}

impl Place {
    pub fn sqlite() -> Self {
        Self::of(Kind::Sqlite(tempfile::tempdir().unwrap()))
    }

    pub async fn postgres() -> Self {
        Self::of(Kind::Postgres(Database::create("").await))
    }

    fn of(database: Kind) -> Self {
        let redactor = Arc::new(Redactor::new());
        redactor.learn(SECRET);
        Self { database, redactor }
    }

    /// Opens the store there.
    pub async fn open(&self) -> Arc<dyn Store> {
        let redactor = Arc::clone(&self.redactor);
        match &self.database {
            Kind::Sqlite(folder) => {
                Arc::new(SqliteStore::open(folder.path(), redactor).await.unwrap())
            }
            Kind::Postgres(database) => {
                let access = access(database, "web-1", LEASE);
                Arc::new(PostgresStore::open(&access, redactor).await.unwrap())
            }
        }
    }

    /// Closes the store and opens it again.
    pub async fn reopen(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store.let_go().await;
        drop(store);
        self.open().await
    }

    /// The linked identities, as they are seen without the store's lock.
    pub async fn peek(&self) -> Vec<Link> {
        let seen = match &self.database {
            Kind::Sqlite(folder) => sqlite::peek_at_identities(folder.path()).await,
            Kind::Postgres(database) => {
                postgres::peek_at_identities(&access(database, "web-2", LEASE)).await
            }
        };
        seen.unwrap()
    }

    /// A whole story has been told here.
    pub async fn remove(self) {
        if let Kind::Postgres(database) = self.database {
            database.remove().await;
        }
    }
}

/// How a process on this host comes to the database.
pub fn access(database: &Database, host: &str, lease: Duration) -> Access {
    let random = Uuid::now_v7().into_bytes();
    Access {
        url: database.url().into(),
        holder: holder(host, std::process::id(), random[12..].try_into().unwrap()),
        lease,
    }
}

/// So many seconds after the beginning of all stories.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_750_000_000_000_000 + seconds * 1_000_000)
}

/// A run that nobody has asked for yet.
pub fn new_run() -> NewRun {
    let yaml = "name: play\nsummary: Play\nsteps:\n  - { id: one, uses: toy.make }\n";
    let definition: Workflow = serde_saphyr::from_str(yaml).unwrap();
    NewRun {
        id: RunId::new(Uuid::now_v7()),
        at: at(0),
        request: requested(&definition, actor("ann"), Trigger::Api),
        definition,
        idempotency_key: None,
    }
}

/// Something that can be read back from a log.
pub fn recorded(name: &str) -> Event {
    Event::Recorded {
        step: "one".into(),
        name: name.to_owned(),
        value: serde_json::json!({ "is": name }),
    }
}

pub fn append(run: RunId, after: u64, event: Event) -> Append {
    Append {
        run,
        after,
        at: at(1),
        event,
        status: RunStatus::Running,
        receipt: None,
    }
}

/// The end of a run, with the receipt that goes with it.
pub fn finish(run: RunId, after: u64, now: &str) -> Append {
    let event = Event::Finished {
        state: FinalState::Succeeded,
        summary: Summary {
            cause: None,
            now: now.to_owned(),
        },
        output: serde_json::Value::Null,
    };
    Append {
        status: RunStatus::Ended(FinalState::Succeeded),
        receipt: Some(draft(now)),
        ..append(run, after, event)
    }
}

/// The receipt of this change.
pub fn draft(what: &str) -> Draft {
    let subject = Subject::Changed {
        what: what.to_owned(),
    };
    Draft::without_run(subject, actor("ann"), at(0), what, [7; 32])
}

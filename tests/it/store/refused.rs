//! Servers and databases that will not do: refused in one sentence, before anything is made there.

use std::sync::Arc;

use purser::domain::redact::Redactor;
use purser::store::postgres::{Access, LEASE, PostgresStore};
use purser::store::sqlite::{SqliteStore, database_file};
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::place::access;
use crate::support::database::Database;
use crate::support::pgbouncer::PgBouncer;

async fn refusal(access: &Access) -> String {
    let opened = PostgresStore::open(access, Arc::new(Redactor::new())).await;
    opened.err().unwrap().to_string()
}

fn options(access: &Access) -> PgConnectOptions {
    access.url.expose_secret().parse().unwrap()
}

fn with(access: &Access, options: &PgConnectOptions) -> Access {
    Access {
        url: options.to_url_lossy().to_string().into(),
        ..access.clone()
    }
}

#[tokio::test]
async fn pgbouncer_is_noticed_whether_it_refuses_our_mark_or_drops_it() {
    let database = Database::create("").await;
    let direct = access(&database, "web-1", LEASE);
    let drops = "ignore_startup_parameters = extra_float_digits, options";
    for settings in [
        String::new(),
        format!("{drops}\npool_mode = session"),
        format!("{drops}\npool_mode = transaction"),
    ] {
        let pooler = PgBouncer::start(&settings).await;
        let port = pooler.port;
        let pooled = with(&direct, &options(&direct).port(port));
        assert_eq!(
            refusal(&pooled).await,
            format!(
                "the store {} at 127.0.0.1:{port}: there is a connection pooler (such as PgBouncer) \
                 before the server, and it would hand one session to several clients: give the URL \
                 of the server itself",
                database.name
            ),
            "{settings}"
        );
    }
    database.remove().await;
}

/// The database as a user who has no more rights than these statements grant.
async fn as_user(database: &Database, statements: &str) -> (String, Access) {
    let user = format!("user_{}", database.name);
    database
        .execute(&format!("CREATE ROLE {user} LOGIN PASSWORD 'secret'"))
        .await;
    database.execute(&statements.replace("USER", &user)).await;
    let direct = access(database, "web-1", LEASE);
    let as_user = options(&direct).username(&user).password("secret");
    (user, with(&direct, &as_user))
}

async fn remove(database: Database, user: &str) {
    database.execute(&format!("DROP OWNED BY {user}")).await;
    database.execute(&format!("DROP ROLE {user}")).await;
    database.remove().await;
}

#[tokio::test]
async fn a_user_who_may_make_no_tables_is_told_what_to_grant() {
    let database = Database::create("").await;
    let (user, access) = as_user(&database, "").await;
    let refused = refusal(&access).await;
    let grant = format!("GRANT CREATE, USAGE ON SCHEMA \"public\" TO \"{user}\"");
    assert!(
        refused.contains(&format!(
            "{user} may make no tables in it: type {grant} in "
        )),
        "{refused}"
    );
    database.execute(&grant).await;
    let opened = PostgresStore::open(&access, Arc::new(Redactor::new())).await;
    opened.unwrap().close().await;
    remove(database, &user).await;
}

#[tokio::test]
async fn a_user_who_may_not_write_is_told_what_to_grant() {
    let database = Database::create("").await;
    let made = PostgresStore::open(&access(&database, "web-1", LEASE), Arc::default()).await;
    made.unwrap().close().await;
    let granted = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO USER; \
                   REVOKE INSERT ON events FROM USER";
    let (user, access) = as_user(&database, granted).await;
    let refused = refusal(&access).await;
    let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON events TO \"{user}\"");
    let told = format!("{user} may not write to events: type {grant} as their owner");
    assert!(refused.ends_with(&told), "{refused}");
    database.execute(&grant).await;
    let opened = PostgresStore::open(&access, Arc::new(Redactor::new())).await;
    opened.unwrap().close().await;
    remove(database, &user).await;
}

/// As a later version of the program would leave it.
const LATER: &str = "INSERT INTO _sqlx_migrations \
                     (version, description, success, checksum, execution_time) \
                     VALUES (9999, 'later', true, '', 0)";

/// What is said of it.
const NEWER: &str = "it was written by a newer version of Purser (its tables are at version 9999): \
                     start that version again; nothing was changed";

#[tokio::test]
async fn tables_of_a_newer_version_are_left_alone() {
    let database = Database::create("").await;
    let access = access(&database, "web-1", LEASE);
    let made = PostgresStore::open(&access, Arc::default()).await;
    made.unwrap().close().await;
    database.execute(LATER).await;
    let refused = refusal(&access).await;
    assert!(refused.ends_with(NEWER), "{refused}");
    database.remove().await;
}

#[tokio::test]
async fn so_are_those_of_a_newer_version_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let made = SqliteStore::open(folder.path(), Arc::default()).await;
    made.unwrap().close().await;
    let file = database_file(folder.path());
    let options = SqliteConnectOptions::new().filename(&file);
    let mut connection = options.connect().await.unwrap();
    sqlx::query(LATER).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(&file).unwrap();
    let refused = SqliteStore::open(folder.path(), Arc::default()).await;
    let refused = refused.err().unwrap().to_string();
    assert_eq!(
        refused,
        format!("the store {}: {NEWER}", folder.path().display())
    );
    assert!(
        std::fs::read(&file).unwrap() == before,
        "nothing was changed"
    );
}

#[tokio::test]
async fn a_wrong_address_or_password_is_told_without_the_password() {
    let database = Database::create("").await;
    let direct = access(&database, "web-1", LEASE);
    let no_url = Access {
        url: "geheim".to_owned().into(),
        ..direct.clone()
    };
    let no_url = refusal(&no_url).await;
    assert!(
        no_url.contains("its URL is none") && !no_url.contains("geheim"),
        "{no_url}"
    );
    let wrong = refusal(&with(&direct, &options(&direct).password("geheim"))).await;
    assert!(wrong.contains("the server does not let us in"), "{wrong}");
    assert!(!wrong.contains("geheim"), "{wrong}");
    let nobody = refusal(&with(&direct, &options(&direct).port(1))).await;
    assert!(nobody.contains("127.0.0.1:1"), "{nobody}");
    database.remove().await;
}

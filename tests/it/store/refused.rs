//! Servers and databases that will not do: refused in one sentence, before anything is made there.

use std::sync::Arc;

use purser::domain::redact::Redactor;
use purser::store::postgres::{Access, LEASE, PostgresStore};
use secrecy::ExposeSecret as _;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::place::access;
use crate::support::database::Database;

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

/// What a pooler does with a parameter of the start that it does not know.
#[derive(Clone, Copy)]
enum Pooler {
    /// PgBouncer as it comes.
    Refuses,
    /// PgBouncer with `ignore_startup_parameters = options`.
    Ignores,
}

/// Stands before the server as a pooler does, for the length of a start.
async fn pooler(sort: Pooler, server: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pool(sort, client, server.clone()));
        }
    });
    port
}

async fn pool(sort: Pooler, mut client: TcpStream, server: String) {
    const WANTS_TLS: i32 = 80_877_103;
    let parameters = loop {
        let length = usize::try_from(client.read_i32().await.unwrap()).unwrap();
        let mut message = vec![0; length - 4];
        client.read_exact(&mut message).await.unwrap();
        if message != WANTS_TLS.to_be_bytes() {
            break message.split_off(4);
        }
        client.write_all(b"N").await.unwrap();
    };
    if matches!(sort, Pooler::Refuses) {
        let fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        client.write_u8(b'E').await.unwrap();
        client
            .write_i32(4 + i32::try_from(fields.len()).unwrap())
            .await
            .unwrap();
        client.write_all(fields).await.unwrap();
        return;
    }
    let words: Vec<_> = parameters.split(|byte| *byte == 0).collect();
    let kept = words
        .chunks_exact(2)
        .filter(|pair| pair[0] != b"options" && !pair[0].is_empty());
    let mut start = 196_608_i32.to_be_bytes().to_vec();
    for pair in kept {
        for word in pair {
            start.extend_from_slice(word);
            start.push(0);
        }
    }
    start.push(0);
    let mut server = TcpStream::connect(server).await.unwrap();
    server
        .write_i32(4 + i32::try_from(start.len()).unwrap())
        .await
        .unwrap();
    server.write_all(&start).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_pooler_is_noticed_whether_it_speaks_or_is_silent() {
    let database = Database::create("").await;
    let direct = access(&database, "web-1", LEASE);
    let server = options(&direct);
    let server = format!("{}:{}", server.get_host(), server.get_port());
    for sort in [Pooler::Refuses, Pooler::Ignores] {
        let port = pooler(sort, server.clone()).await;
        let pooled = with(&direct, &options(&direct).port(port));
        assert_eq!(
            refusal(&pooled).await,
            format!(
                "the store {} at 127.0.0.1:{port}: there is a connection pooler (such as PgBouncer) \
                 before the server, and it would hand one session to several clients: give the URL \
                 of the server itself",
                database.name
            )
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

#[tokio::test]
async fn tables_of_a_newer_version_are_left_alone() {
    let database = Database::create("").await;
    let access = access(&database, "web-1", LEASE);
    let made = PostgresStore::open(&access, Arc::default()).await;
    made.unwrap().close().await;
    database
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'later', true, '', 0)",
        )
        .await;
    let refused = refusal(&access).await;
    let told = "it was written by a newer version of Purser (its tables are at version 9999): \
                start that version again; nothing was changed";
    assert!(refused.ends_with(told), "{refused}");
    database.remove().await;
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

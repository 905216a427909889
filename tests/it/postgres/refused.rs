//! What is wrong is said before anything is begun, with what to do about it.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use purser::action::{ActionError, Connect, ErrorKind};
use purser::domain::names::SystemName;
use purser::domain::redact::Redactor;
use purser::domain::secret::Opened;
use purser::integrations::postgres::{self, Backup};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{SHOP, Stand, Step};
use crate::support::offers;
use crate::support::stack::variable;

async fn refused(stand: &Stand, input: Value) -> ActionError {
    let step = Step::new(Backup);
    let error = step.run(stand, input.clone()).await.unwrap_err();
    assert_eq!(
        step.plan(stand, input).await.unwrap_err().message,
        error.message
    );
    assert_eq!(stand.bucket.keys().await, Vec::<String>::new());
    error
}

/// A stand whose database has another URL.
async fn with_url(url: impl FnOnce(String) -> String) -> Stand {
    let stand = Stand::with(SHOP).await;
    let url = url(stand.database.url());
    at_url(stand, &url)
}

fn at_url(stand: Stand, url: &str) -> Stand {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), url).unwrap();
    let path = file.path().display().to_string();
    stand.with_setting("url_file", path.into())
}

fn plain(stand: &Stand, error: &ActionError) -> String {
    let file = error
        .message
        .split(' ')
        .find(|word| word.starts_with("/tmp/"));
    stand.plain(&error.message).replace(
        file.unwrap_or("no file").trim_end_matches([';', ',']),
        "URL-FILE",
    )
}

#[tokio::test]
async fn a_database_that_is_not_there_names_the_one_that_was_meant() {
    let stand = Stand::with(SHOP).await;
    let wrong = format!("{}s", stand.database.name);
    let input = json!({"database": wrong, "to": stand.folder()});
    let error = refused(&stand, input).await;
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(stand.plain(error), @"orders-db: unknown database `DATABASEs`; did you mean `DATABASE`?");
    stand.remove().await;
}

#[tokio::test]
async fn a_bucket_that_is_not_there_names_the_one_that_was_meant() {
    let stand = Stand::with(SHOP).await;
    let input = json!({"to": format!("s3://minio/{}x/orders", stand.bucket.name)});
    let error = Step::new(Backup).run(&stand, input).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    assert!(
        error
            .message
            .contains(&format!("did you mean `{}`?", stand.bucket.name)),
        "{error}"
    );
    stand.remove().await;
}

#[tokio::test]
async fn a_store_that_is_not_there_names_the_one_that_was_meant() {
    let stand = Stand::with(SHOP).await;
    let error = refused(&stand, json!({"to": "s3://mino/backups"})).await;
    insta::assert_snapshot!(error, @"in `s3://mino/backups`: unknown object store `mino`; did you mean `minio`?");
    stand.remove().await;
}

#[tokio::test]
async fn a_database_that_is_down_is_worth_another_try() {
    let stand = with_url(|url| {
        let (before, after) = url.split_once('@').unwrap();
        format!("{before}@127.0.0.1:9/{}", after.split_once('/').unwrap().1)
    })
    .await;
    let error = refused(&stand, json!({"to": stand.folder()})).await;
    assert_eq!(error.kind, ErrorKind::Retryable);
    insta::assert_snapshot!(plain(&stand, &error), @"could not connect to the database `DATABASE` on orders-db: nothing answers at 127.0.0.1:9 (Connection refused (os error 111)); see that the server runs and that the address in URL-FILE is right");
    stand.remove().await;
}

#[tokio::test]
async fn a_wrong_password_names_the_file_to_look_at() {
    let stand = with_url(|url| url.replace('@', "x@")).await;
    let error = refused(&stand, json!({"to": stand.folder()})).await;
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(plain(&stand, &error), @r#"could not connect to the database `DATABASE` on orders-db: it refuses the user `postgres` (password authentication failed for user "postgres"); put the right user and password into URL-FILE and restart Purser"#);
    stand.remove().await;
}

#[tokio::test]
async fn a_tool_that_is_older_than_the_server_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let pg_dump = temp.path().join("pg_dump");
    std::fs::write(&pg_dump, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n").unwrap();
    std::fs::set_permissions(&pg_dump, PermissionsExt::from_mode(0o755)).unwrap();
    let bin = temp.path().display().to_string();
    let stand = Stand::with(SHOP)
        .await
        .with_setting("bin", bin.clone().into());
    let error = refused(&stand, json!({"to": stand.folder()})).await;
    assert_eq!(error.kind, ErrorKind::Fatal);
    let text = error.message.replace(&bin, "BIN");
    let (before, after) = text.split_once(", and BIN").unwrap();
    assert!(
        before.starts_with("orders-db runs PostgreSQL 1"),
        "{before}"
    );
    insta::assert_snapshot!(after.replace(char::is_numeric, "N"), @"/pg_dump is version N.N.NN, which cannot dump a newer server; nothing was begun; install the client of version NN or set `bin` in [systems.orders-db] to its folder");
    stand.remove().await;
}

#[tokio::test]
async fn a_user_that_may_not_read_is_told_what_to_grant() {
    let stand = Stand::with(SHOP).await;
    let user = format!("{}_user", stand.database.name);
    stand
        .database
        .on_server(&format!("CREATE ROLE {user} LOGIN PASSWORD 'password'"))
        .await;
    let url = stand.database.url();
    let (_, host) = url.split_once('@').unwrap();
    let url = format!("postgres://{user}:password@{host}");
    let stand = at_url(stand, &url);

    let input = json!({"to": stand.folder()});
    let error = Step::new(Backup).run(&stand, input).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    assert!(error.message.contains("permission denied"), "{error}");
    assert_eq!(stand.bucket.keys().await, Vec::<String>::new());
    stand.database.on_server(&format!("DROP ROLE {user}")).await;
    stand.remove().await;
}

/// Answers a start-up message as `PgBouncer` does when it is sent a setting that it does not know.
async fn pooler() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut message = [0; 1024];
            let read = client.read(&mut message).await.unwrap_or(0);
            if read == 8 {
                let _ = client.write_all(b"N").await;
                let _ = client.read(&mut message).await;
            }
            let fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter in options: purser.direct\0\0";
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            let answer = [b"E", &length[..], fields].concat();
            let _ = client.write_all(&answer).await;
        }
    });
    at
}

#[tokio::test]
async fn a_pooler_in_between_is_refused_with_the_reason() {
    let at = pooler().await;
    let stand = with_url(|url| {
        let (before, after) = url.split_once('@').unwrap();
        format!("{before}@{at}/{}", after.split_once('/').unwrap().1)
    })
    .await;
    let error = refused(&stand, json!({"to": stand.folder()})).await;
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(plain(&stand, &error).replace(&at.to_string(), "POOLER"), @"could not connect to the database `DATABASE` on orders-db: a pooler such as PgBouncer answers at POOLER; a dump through one may leave its sessions changed for others and cannot be trusted; put the server's own address into URL-FILE");
    stand.remove().await;
}

#[tokio::test]
async fn it_is_checked_and_its_databases_are_suggested() {
    let stand = Stand::with("").await;
    let entry = stand.systems.get("orders-db").unwrap();
    assert!(
        entry
            .system
            .check()
            .await
            .unwrap()
            .starts_with("PostgreSQL ")
    );
    let url = variable("PURSER_TEST_POSTGRES_URL");
    assert!(url.contains(&entry.system.address()) && !entry.system.address().contains('@'));
    let named = offers::values(&stand.systems, "orders-db", "databases", None).await;
    assert!(named.contains(&stand.database.name), "{named:?}");
    stand.remove().await;
}

#[test]
fn the_password_is_known_to_the_redactor_and_wrong_settings_say_what_to_write() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let connect_with = |content: &str| {
        std::fs::write(file.path(), content).unwrap();
        let redactor = Arc::new(Redactor::new());
        let connected = (postgres::integration().connect)(&Connect {
            name: &SystemName::from("orders-db"),
            settings: format!("url_file = \"{}\"", file.path().display())
                .parse()
                .unwrap(),
            redactor: &redactor,
            secrets: &Opened::default(),
            base: std::path::Path::new("/"),
        });
        (connected, redactor)
    };
    let (connected, redactor) = connect_with("postgres://app:s3cret%2Fword@db:5433/orders\n");
    assert_eq!(connected.ok().unwrap().address(), "db:5433");
    assert_eq!(redactor.text("it is s3cret/word"), "it is [secret]");
    for wrong in ["mysql://app:s3cret%2Fword@db/orders", "s3cret%2Fword"] {
        let (connected, _) = connect_with(wrong);
        let error = connected.err().unwrap().to_string();
        assert!(
            error.contains("postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
            "{error}"
        );
        assert!(!error.contains("s3cret"), "{error}");
    }
}

//! Two servers on one database: one is active, the other stands by.

use std::fs;

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::database::Database;
use crate::support::patience;
use crate::support::program::Home;
use crate::support::s3::closed_folder;

/// The workflow that the second knows and the first does not.
const BACKUP: &str = "steps:
  - id: backup
    uses: purser.backup_store
    with:
      to: file:///var/tmp/purser-standby
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
";

/// Two machines that know the same database and have the same keys.
pub(super) struct Pair {
    pub(super) database: Database,
    pub(super) first: Home,
    pub(super) second: Home,
    pub(super) url: TempDir,
}

impl Pair {
    pub(super) async fn new() -> Self {
        let database = Database::create("").await;
        let folder = closed_folder();
        let url = folder.path().join("url");
        fs::write(&url, database.url()).unwrap();
        let home = || {
            let home = Home::new(&[]);
            let config = fs::read_to_string(home.path("purser.toml")).unwrap();
            let store = format!("[store]\nurl_file = '{}'", url.display());
            home.write("purser.toml", &config.replace("[store]", &store));
            home
        };
        Self {
            first: home(),
            second: home(),
            database,
            url: folder,
        }
    }

    /// The first starts, the second gets its keys.
    async fn first_is_up(&mut self) {
        self.first.up().await;
        has_keys_of(&self.second, &self.first);
    }
}

/// Copies the keys that two machines must have in common.
pub(super) fn has_keys_of(second: &Home, first: &Home) {
    fs::create_dir_all(second.path("store")).unwrap();
    for key in ["secrets.key", "receipts.key"] {
        let key = format!("store/{key}");
        fs::copy(first.path(&key), second.path(&key)).unwrap();
    }
}

/// A port that nobody listens at.
async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn status(port: u16, path: &str) -> u16 {
    let url = format!("http://127.0.0.1:{port}{path}");
    // Another test may have been quicker.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build().unwrap();
    client.get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_standby_says_for_whom_it_waits_and_takes_over_when_that_one_stops() {
    let mut pair = Pair::new().await;
    pair.first_is_up().await;
    let reloaded = pair.first.types(&["reload"]).await;
    assert_eq!(reloaded.code, 0, "{reloaded:?}");

    pair.second.workflow("backup", BACKUP);
    let port = free_port().await;
    let listen = format!("127.0.0.1:{port}");
    pair.second.start(&[("PURSER__SERVER__LISTEN", &listen)]);
    pair.second.says("standby: ").await;
    let first = pair.first.pid();
    assert!(
        pair.second.log().contains(&format!(":{first}/"))
            && pair.second.log().contains(" is active until "),
        "{}",
        pair.second.log()
    );
    let answers = async || tokio::net::TcpStream::connect(&listen).await.is_ok();
    patience::until("the standby listens", answers).await;
    assert_eq!(
        (
            status(port, "/healthz").await,
            status(port, "/readyz").await
        ),
        (200, 503)
    );
    let receipts = pair.first.asks(&["receipts", "list"]).await;
    assert!(pair.first.stop().await.success());

    pair.second.takes_calls().await;
    assert_eq!(
        (
            status(port, "/healthz").await,
            status(port, "/readyz").await
        ),
        (200, 200)
    );
    let told =
        "the workflows and commands are others than those of the process that was active before";
    assert!(pair.second.log().contains(told), "{}", pair.second.log());
    let verified = pair.second.types(&["receipts", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    let after = pair.second.asks(&["receipts", "list"]).await;
    let count = |list: &serde_json::Value| list.as_array().unwrap().len();
    assert_eq!(count(&after), count(&receipts) + 1);
    assert!(after.to_string().contains(told), "{after}");
    let backup = pair.second.types(&["run", "backup"]).await;
    let told =
        "the tables of this Purser are in PostgreSQL, and its own backup would not hold them";
    assert!(backup.code != 0 && backup.out.contains(told), "{backup:?}");
    assert!(pair.second.stop().await.success());
    pair.database.remove().await;
}

#[tokio::test]
async fn a_standby_is_well_and_says_on_its_own_socket_for_whom_it_waits() {
    let mut pair = Pair::new().await;
    pair.first_is_up().await;
    pair.second.start(&[]);
    pair.second.says("standby: ").await;
    let told = format!(":{}/", pair.first.pid());
    let well = pair.second.types(&["healthcheck"]).await;
    assert_eq!((well.code, well.err.as_str()), (0, ""));
    let begins = "this Purser is a standby: ";
    assert!(
        well.out.starts_with(begins) && well.out.contains(&told),
        "{well:?}"
    );
    let list = pair.second.types(&["runs", "list"]).await;
    assert_eq!(list.code, 5);
    assert!(
        list.err.contains(begins) && list.err.contains(&told),
        "{list:?}"
    );
    let doctor = pair.second.types(&["doctor"]).await;
    let stands_by = "the server is up and stands by for the active one";
    assert!(doctor.out.contains(stands_by), "{doctor:?}");

    assert!(pair.first.stop().await.success());
    pair.second.takes_calls().await;
    let well = pair.second.types(&["healthcheck"]).await;
    assert_eq!((well.code, well.out.as_str()), (0, ""));
    assert!(pair.second.stop().await.success());
    pair.database.remove().await;
}

#[tokio::test]
async fn runs_under_way_keep_their_definitions_where_the_standby_has_other_files() {
    let mut pair = Pair::new().await;
    let steps =
        "steps:\n  - { id: pause, wait: { for: 2s } }\n  - { id: end, wait: { for: 1ms } }\n";
    pair.first.workflow("release", steps);
    pair.first_is_up().await;
    let other = "steps:\n  - { id: other, wait: { for: 1ms } }\n";
    pair.second.workflow("release", other);
    pair.second.start(&[]);
    pair.second.says("standby: ").await;
    let under_way = pair.first.starts(&["release"]).await;
    assert!(pair.first.stop().await.success());
    pair.second.takes_calls().await;

    let new = pair.second.starts(&["release"]).await;
    for (run, expected) in [(under_way, &["pause", "end"][..]), (new, &["other"])] {
        let view = pair.second.ends(&run).await;
        assert_eq!(view["run"]["ended"]["state"], "succeeded", "{view}");
        let steps = view["run"]["steps"].as_object().unwrap();
        assert_eq!(steps.keys().collect::<Vec<_>>(), expected);
    }
    assert!(pair.second.stop().await.success());
    pair.database.remove().await;
}

#[tokio::test]
async fn a_server_that_was_frozen_ends_when_it_finds_that_another_has_taken_over() {
    let mut pair = Pair::new().await;
    pair.first_is_up().await;
    pair.second.start(&[]);
    pair.second.says("standby: ").await;
    pair.first.says("purser is up").await;
    pair.first.signal(Signal::SIGSTOP);
    pair.second.takes_calls().await;
    pair.first.signal(Signal::SIGCONT);
    let status = pair.first.has_ended().await;
    assert_eq!(status.code(), Some(1));
    let told = format!(":{}/", pair.second.pid());
    let log = pair.first.log();
    assert!(
        log.contains(&told)
            && log.contains("has taken over the store: this process writes and does nothing more"),
        "{log}"
    );
    pair.first.start(&[]);
    pair.first.says("standby: ").await;
    pair.second.kill().await;
    pair.first.takes_calls().await;
    assert!(pair.first.stop().await.success());
    pair.database.remove().await;
}

#[tokio::test]
async fn nobody_goes_on_with_the_receipts_of_another_machine_without_its_key() {
    let mut pair = Pair::new().await;
    pair.first_is_up().await;
    assert_eq!(pair.first.types(&["reload"]).await.code, 0);
    let kept = pair.first.asks(&["receipts", "list"]).await;
    assert_eq!(kept.as_array().unwrap().len(), 1);
    assert!(pair.first.stop().await.success());

    let key = pair.second.path("store/receipts.key");
    fs::remove_file(&key).unwrap();
    let said = pair.second.types(&["doctor"]).await;
    let missing = "receipts.key is not there, which what is in the database needs";
    assert!(said.out.contains(missing), "{}", said.out);
    pair.second.start(&[]);
    assert!(!pair.second.has_ended().await.success());
    let missing = "receipts.key: this file is not there, and it is the key that the receipts of this \
                   store are signed with, 1 by now: copy it from the machine that was active before, \
                   or restore it from a backup; nothing was changed";
    assert!(pair.second.log().contains(missing), "{}", pair.second.log());
    assert!(!key.exists(), "none is made");

    fs::write(&key, "11".repeat(32)).unwrap();
    pair.second.start(&[]);
    assert!(!pair.second.has_ended().await.success());
    let another =
        "receipts.key: this is not the key that the receipts of this store are signed with";
    assert!(pair.second.log().contains(another), "{}", pair.second.log());
    pair.database.remove().await;
}

#[tokio::test]
async fn the_doctor_sees_who_may_read_the_password_of_the_database() {
    let database = Database::create("").await;
    let home = Home::new(&[]);
    home.write("url", &database.url());
    let config = fs::read_to_string(home.path("purser.toml")).unwrap();
    let store = "[store]\nurl_file = 'url'";
    home.write("purser.toml", &config.replace("[store]", store));
    let said = home.types(&["doctor"]).await;
    let told = format!("secret {}: others may read it", home.path("url").display());
    assert!(said.out.contains(&told), "{}", said.out);
    database.remove().await;
}

#[tokio::test]
async fn secrets_doctor_and_lint_find_the_tables_where_they_are() {
    let pair = Pair::new().await;
    let home = &pair.first;
    let said = home.types(&["doctor"]).await;
    assert!(said.out.contains("holds nothing yet"), "{said:?}");
    fs::write(home.path("value"), "geheim-geheim").unwrap();
    let file = home.path("value").display().to_string();
    let set = home
        .types(&["secret", "set", "TOKEN", "--file", &file])
        .await;
    assert_eq!(set.code, 0, "{set:?}");
    let listed = home.asks(&["secret", "list"]).await;
    assert!(listed.to_string().contains("TOKEN"), "{listed}");
    assert!(
        !home.path("store/purser.db").exists(),
        "nothing is in SQLite"
    );
    assert_eq!(home.types(&["lint"]).await.code, 0);
    let said = home.types(&["doctor"]).await;
    assert!(said.out.contains("held by nobody"), "{said:?}");
    pair.database.remove().await;
}

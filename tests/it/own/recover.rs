//! A backup that is put back: what was there is there again, and nothing goes on by itself.

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use nix::sys::termios::{LocalFlags, tcgetattr};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use super::{Key, backed_up, backs_up_to, empty_machine, recovers};
use crate::support::patience;
use crate::support::program::{Home, Person, program};
use crate::support::s3::Bucket;
use crate::support::systems::of_kind;

/// A workflow that waits for a second person, and one that fires each hour.
fn furnish(home: &Home) {
    let waits = "
approval: { production: { by: [operator], count: 1, not_requester: true, expires: 1h } }
steps:
  - { id: list, uses: s3.list_objects, with: { url: s3://minio/none } }
";
    home.workflow("waits", waits);
    let fires = "
on: [{ schedule: '0 * * * *', id: hourly, misfire: all }]
steps:
  - { id: list, uses: s3.list_objects, with: { url: s3://minio/none } }
";
    home.workflow("fires", fires);
    home.write(
        "commands/backup-purser.yaml",
        "name: backup-purser\nsummary: Back up\nruns: backup-purser\n",
    );
    home.write(
        "commands/own/copy/now.yaml",
        "name: own copy now\nsummary: Back up\nruns: backup-purser\n",
    );
}

/// The numbers, subjects and results of all receipts, oldest first; and the books hold.
async fn books(home: &Home) -> Vec<Value> {
    let verified = home.types(&["receipts", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    let mut all = home.asks(&["receipts", "list", "--limit", "500"]).await;
    let all = all.as_array_mut().unwrap();
    all.reverse();
    all.iter()
        .map(|receipt| receipt["content"]["subject"].clone())
        .collect()
}

async fn sealed(home: &Home, count: usize) -> Vec<Value> {
    let books = async || Some(books(home).await).filter(|books| books.len() >= count);
    patience::found("so many receipts are sealed", books).await
}

/// A server with a history in its books, and a run that waits; and the last of its backups.
async fn old_machine(bucket: &Bucket, to: &str, key: &Key) -> (Home, String, Value) {
    let mut old = Home::new(&[("minio", of_kind("s3", bucket.settings()))]);
    furnish(&old);
    backs_up_to(&old, to, key, "");
    old.up().await;
    backed_up(&old).await;
    let waiting = old.starts(&["waits"]).await;
    let asks = json!({ "waiting": "approval" });
    let shown = ["runs", "show", &waiting];
    let waits = async || old.asks(&shown).await["status"] == asks;
    patience::until("the run waits for its approval", waits).await;
    sealed(&old, 1).await;
    // Of a store of secrets, and what a run has kept for people.
    fs::copy(key.file(), old.path("store/secrets.key")).unwrap();
    fs::create_dir_all(old.path("store/artifacts/ab")).unwrap();
    fs::write(old.path("store/artifacts/ab/abcd"), "chart").unwrap();
    let backup = backed_up(&old).await;
    old.stop().await;
    (old, waiting, backup)
}

/// The five lines that lead to the bucket, in a file of their own.
pub fn way_to(minio: toml::Table, home: &Home) -> String {
    let minio = toml::Table::from_iter([("minio".to_owned(), minio.into())]);
    let lines = toml::Table::from_iter([("systems".to_owned(), minio.into())]);
    home.write("s3.toml", &lines.to_string());
    home.path("s3.toml").display().to_string()
}

/// The new machine has what the old one had, and what is secret is for the owner only.
fn expect_the_files(old: &Home, new: &Home) {
    let files = [
        ("purser.toml", 0o644),
        ("workflows/waits.yaml", 0o644),
        ("workflows/fires.yaml", 0o644),
        ("commands/backup-purser.yaml", 0o644),
        ("commands/own/copy/now.yaml", 0o644),
        ("store/receipts.key", 0o600),
        ("store/secrets.key", 0o600),
        ("store/artifacts/ab/abcd", 0o600),
    ];
    let read = |home: &Home, file: &str| fs::read(home.path(file)).unwrap();
    let mode = |file: &str| fs::metadata(new.path(file)).unwrap().permissions().mode() & 0o777;
    for (file, wanted) in files {
        assert_eq!(read(new, file), read(old, file), "{file}");
        assert_eq!(mode(file), wanted, "{file}");
    }
    assert_eq!((mode("store"), mode("workflows")), (0o700, 0o755));
    assert_eq!(mode("commands/own/copy"), 0o755);
    assert_eq!(mode("store/purser.db"), 0o600);
    assert!(!new.path("store/recovering").exists());
}

/// Workflows and states of all runs, newest first.
async fn runs(home: &Home) -> Vec<(String, String)> {
    let runs = home.asks(&["runs", "list"]).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let runs = runs.as_array().unwrap().iter();
    runs.map(|run| (text(&run["workflow"]), text(&run["status"])))
        .collect()
}

#[tokio::test]
async fn from_an_object_store_an_empty_machine_gets_everything_and_nothing_goes_on() {
    let (bucket, key) = (Bucket::create().await, Key::new());
    let to = format!("s3://minio/{}/purser", bucket.name);
    let (old, waiting, backup) = old_machine(&bucket, &to, &key).await;
    assert_eq!(
        (&backup["proof"], &backup["receipts"]),
        (&json!("readable"), &json!(1))
    );
    assert_eq!(bucket.unfinished_uploads().await, 0);

    let mut new = empty_machine();
    let by_s3 = way_to(of_kind("s3", bucket.settings()), &new);
    let list = ["recover", "--from", &to, "--list", "--config", &by_s3];
    let listed = new.asks(&list).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let newest = listed[0]["name"].as_str().unwrap();
    assert_eq!(backup["backup"], format!("{to}/{newest}"));

    // The five lines are the way to it, and not what Purser is to go by.
    let without = recovers(&new, &to, &key, &["--config", &by_s3]).await;
    assert_eq!(without.code, 2, "{without:?}");
    assert!(without.err.contains("with --to FOLDER"), "{without:?}");
    assert!(!new.path("purser.toml").exists());

    let home = new.path("").display().to_string();
    let more = ["--to", &home, "--config", &by_s3, "--json"];
    let told = recovers(&new, &to, &key, &more).await.json();
    assert_eq!(told["backup"], newest);
    assert_eq!(
        (&told["ended_runs"], &told["receipt"]),
        (&json!(2), &json!(4))
    );
    let anchor = json!({ "seq": 1, "hash": backup["head"] });
    assert_eq!(told["anchor"], anchor);
    expect_the_files(&old, &new);

    new.up().await;
    let [own, waits, first] = [
        ("backup-purser", "stuck"),
        ("waits", "stuck"),
        ("backup-purser", "succeeded"),
    ]
    .map(|(workflow, state)| (workflow.to_owned(), state.to_owned()));
    assert_eq!(runs(&new).await, [own, waits, first]);
    let books = books(&new).await;
    assert_eq!(books.len(), 4, "{books:#?}");
    assert_eq!(books[3]["kind"], "recovered");
    assert_eq!(books[3]["anchor"], anchor);
    let late = new.types(&["approve", &waiting]).await;
    assert_ne!(late.code, 0, "{late:?}");
    // And the new machine backs itself up, behind the old backups.
    backed_up(&new).await;
    assert_eq!(bucket.keys().await.len(), 3);
    new.stop().await;
    bucket.remove().await;
}

#[tokio::test]
async fn of_a_folder_the_newest_is_taken_and_older_ones_are_deleted_once_it_is_proven() {
    let key = Key::new();
    let mut old = Home::new(&[]);
    let to = format!("file://{}", old.path("backups").display());
    backs_up_to(&old, &to, &key, ", keep: 2");
    old.up().await;
    let mut made = vec![];
    for _ in 0..3 {
        made.push(backed_up(&old).await);
    }
    let name = |backup: &Value| {
        backup["backup"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(made[2]["deleted"], json!([name(&made[0])]));
    let mut there: Vec<_> = fs::read_dir(old.path("backups"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    let mut kept = [name(&made[1]), name(&made[2])];
    kept.sort();
    assert_eq!(there, kept);
    old.stop().await;

    // By its path, an older one; by the folder, the newest.
    for (from, wanted) in [(format!("{to}/{}", name(&made[1])), 1), (to.clone(), 2)] {
        let new = empty_machine();
        let told = recovers(&new, &from, &key, &["--json"]).await.json();
        assert_eq!(told["backup"], name(&made[wanted]).as_str());
    }
}

#[tokio::test]
async fn the_key_can_be_typed_and_is_not_shown() {
    let key = Key::new();
    let mut old = Home::new(&[]);
    let to = format!("file://{}", old.path("backups").display());
    backs_up_to(&old, &to, &key, "");
    old.up().await;
    backed_up(&old).await;
    old.stop().await;

    let new = empty_machine();
    let (mut pty, pts) = pty_process::open().unwrap();
    let mut purser = pty_process::Command::new(program())
        .args(["recover", "--from", &to])
        .env("PURSER_CONFIG", new.path("purser.toml"))
        .kill_on_drop(true)
        .spawn(pts)
        .unwrap();
    let mut seen = String::new();
    let mut block = [0; 1024];
    let text = fs::read_to_string(key.file()).unwrap();
    let secret = text.lines().last().unwrap();
    // At its end a terminal fails to be read.
    while let Ok(read @ 1..) = pty.read(&mut block).await {
        seen += &String::from_utf8_lossy(&block[..read]);
        if seen.ends_with("not shown): ") {
            pty.write_all(format!("{secret}\n").as_bytes())
                .await
                .unwrap();
        }
    }
    assert!(purser.wait().await.unwrap().success(), "{seen}");
    assert!(
        seen.starts_with("secret key (AGE-SECRET-KEY-1…, not shown): "),
        "{seen}"
    );
    assert!(seen.contains("receipts: there were none"), "{seen}");
    assert!(!seen.contains(secret), "{seen}");
    assert!(new.path("store/purser.db").exists());
}

#[tokio::test]
async fn an_interrupt_at_the_question_for_the_key_leaves_the_terminal_as_it_was() {
    let new = empty_machine();
    fs::create_dir(new.path("backups")).unwrap();
    fs::write(new.path("backups/one.age"), "never read").unwrap();
    let (mut pty, pts) = pty_process::open().unwrap();
    let watched = pty.as_fd().try_clone_to_owned().unwrap();
    let mut purser = pty_process::Command::new(program())
        .args(["recover", "--from", "backups/one.age"])
        .env("PURSER_CONFIG", new.path("purser.toml"))
        .current_dir(new.path(""))
        .kill_on_drop(true)
        .spawn(pts)
        .unwrap();
    let mut seen = String::new();
    let mut block = [0; 1024];
    while let Ok(read @ 1..) = pty.read(&mut block).await {
        seen += &String::from_utf8_lossy(&block[..read]);
        if seen.ends_with("not shown): ") {
            pty.write_all(b"half a key\x03").await.unwrap();
        }
    }
    assert!(!purser.wait().await.unwrap().success(), "{seen}");
    let flags = tcgetattr(watched).unwrap().local_flags;
    assert!(
        flags.contains(LocalFlags::ECHO),
        "the terminal is left dark"
    );
    assert!(seen.contains("interrupted: nothing was changed"), "{seen}");
    assert!(!seen.contains("half"), "{seen}");
}

#[tokio::test]
async fn keys_of_the_object_store_that_are_in_the_backup_itself_are_named() {
    let key = Key::new();
    let new = empty_machine();
    let minio = toml::toml! {
        kind = "s3"
        endpoint = "http://127.0.0.1:9"
        access_key_secret = "MINIO_ACCESS"
        secret_key_secret = "MINIO_SECRET"
    };
    let by_s3 = way_to(minio, &new);
    let said = recovers(&new, "s3://minio/any", &key, &["--config", &by_s3]).await;
    assert_eq!(said.code, 2, "{said:?}");
    for part in [
        "access_key_secret and secret_key_secret",
        "in the backup itself",
        "access_key_file and secret_key_file",
    ] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
    assert!(!said.err.contains("purser secret set"), "{said:?}");
}

/// Each of two backups that were made while runs were being written is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_the_midst_of_much_writing_each_backup_is_whole() {
    let key = Key::new();
    let mut old = Home::new(&[]);
    let to = format!("file://{}", old.path("backups").display());
    backs_up_to(&old, &to, &key, "");
    old.up().await;
    let all = (0..24).map(|_| backed_up(&old));
    let mut made = futures_util::future::join_all(all).await;
    old.stop().await;
    made.sort_by_key(|backup| backup["receipts"].as_u64());
    for backup in [&made[0], &made[12], &made[23]] {
        let mut new = empty_machine();
        let from = backup["backup"].as_str().unwrap();
        let told = recovers(&new, from, &key, &["--json"]).await.json();
        assert_eq!(told["anchor"]["hash"], backup["head"]);
        new.up().await;
        let books = books(&new).await;
        let ended = told["ended_runs"].as_u64().unwrap();
        assert!(ended > 0, "its own run had not ended");
        let kinds: Vec<_> = books
            .iter()
            .map(|book| book["kind"].as_str().unwrap())
            .collect();
        assert_eq!(*kinds.last().unwrap(), "recovered");
        let stuck = books.iter().filter(|book| book["state"] == "stuck").count();
        assert_eq!(stuck as u64, ended);
        assert_eq!(
            new.asks(&["runs", "list", "--limit", "500"])
                .await
                .as_array()
                .unwrap()
                .len(),
            books.len() - 1
        );
        new.stop().await;
    }
}

/// What was killed at any moment leaves a store that is whole, or none and another try.
#[tokio::test]
async fn a_recovery_that_is_killed_leaves_nothing_half() {
    let key = Key::new();
    let mut old = Home::new(&[]);
    let to = format!("file://{}", old.path("backups").display());
    backs_up_to(&old, &to, &key, "");
    old.up().await;
    backed_up(&old).await;
    old.stop().await;

    let mut halves = 0;
    for pause in (0..12).map(|n| Duration::from_millis(n * 12)) {
        let mut new = empty_machine();
        let file = key.file().display().to_string();
        let asked = ["recover", "--from", &to, "--identity", &file];
        let mut first = new
            .command(Person::Ann, &asked)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        sleep(pause).await;
        first.kill().await.unwrap();
        if new.path("store/recovering").exists() {
            halves += 1;
            if new.path("purser.toml").exists() {
                let up = new.types(&["up"]).await;
                assert_eq!(up.code, 1, "{up:?}");
                assert!(up.err.contains("a recovery "), "{up:?}");
            }
        }
        let is_there = |name: &str| new.path("store").join(name).exists();
        if !is_there("purser.db") && !is_there("recovered") {
            let again = recovers(&new, &to, &key, &[]).await;
            assert_eq!(again.code, 0, "{pause:?}: {again:?}");
        }
        new.up().await;
        let kinds: Vec<_> = books(&new)
            .await
            .iter()
            .map(|book| book["kind"].clone())
            .collect();
        assert_eq!(kinds, ["run", "recovered"], "{pause:?}");
        new.stop().await;
    }
    assert!(halves > 0, "none was killed in its middle");
}

//! What a backup must hold to be one, and what it leaves out and says.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};

use tokio::io::AsyncWriteExt as _;

use super::recover::way_to;
use super::{Key, backed_up, backs_up_to, empty_machine, recovers};
use crate::support::gateway::{Gateway, Passage};
use crate::support::program::{Home, Person};
use crate::support::s3::Bucket;
use crate::support::systems::of_kind;

/// A server that backs itself up into a folder, and has a secret.
async fn home(key: &Key) -> Home {
    let mut home = Home::new(&[]);
    let to = format!("file://{}", home.path("backups").display());
    backs_up_to(&home, &to, key, "");
    home.up().await;
    let mut set = home
        .command(Person::Ann, &["secret", "set", "TOKEN"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = set.stdin.take().unwrap();
    stdin.write_all(b"a value").await.unwrap();
    drop(stdin);
    assert!(set.wait().await.unwrap().success());
    home
}

#[tokio::test]
async fn without_a_key_that_recovery_needs_nothing_is_uploaded_and_the_key_is_named() {
    let key = Key::new();
    let another = fs::read_to_string(Key::new().file()).unwrap();
    for (name, becomes) in [
        ("receipts.key", None),
        ("receipts.key", Some("no key")),
        ("secrets.key", None),
        ("secrets.key", Some("no key")),
        ("secrets.key", Some(&another)),
    ] {
        let mut home = home(&key).await;
        let path = home.path("store").join(name);
        fs::remove_file(&path).unwrap();
        if let Some(text) = becomes {
            fs::write(&path, text).unwrap();
        }
        for ask in ["plan", "run"] {
            let said = home.types(&[ask, "backup-purser"]).await;
            assert_eq!(said.code, 1, "{ask}: {said:?}");
            let told = format!("{}{}", said.out, said.err);
            let named = path.display().to_string();
            assert!(told.contains(&named), "{ask}, {becomes:?}: {told}");
        }
        assert!(!home.path("backups").exists(), "{name}, {becomes:?}");
        home.stop().await;
    }
}

#[tokio::test]
async fn of_the_catalog_only_its_yaml_files_are_taken_and_each_file_keeps_its_mode() {
    let key = Key::new();
    let mut old = home(&key).await;
    let elsewhere = old.path("elsewhere");
    fs::create_dir_all(old.path("workflows/.git/objects")).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("private.yaml"), "private").unwrap();
    fs::write(old.path("workflows/.git/config"), "git").unwrap();
    fs::write(old.path("workflows/notes.txt"), "notes").unwrap();
    symlink(&elsewhere, old.path("workflows/linked")).unwrap();
    // As files are mounted into containers: the catalog reads what it leads to.
    let text = fs::read_to_string(old.path("workflows/backup-purser.yaml")).unwrap();
    let text = text.replace("name: backup-purser", "name: mounted");
    fs::write(elsewhere.join("mounted"), &text).unwrap();
    symlink(
        elsewhere.join("mounted"),
        old.path("workflows/mounted.yaml"),
    )
    .unwrap();
    let set = |name: &str, mode| {
        fs::set_permissions(old.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("purser.toml", 0o640);
    set("workflows/backup-purser.yaml", 0o666);
    backed_up(&old).await;

    let new = empty_machine();
    let to = old.path("backups").display().to_string();
    let said = recovers(&new, &to, &key, &[]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let mut there: Vec<_> = fs::read_dir(new.path("workflows"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, ["backup-purser.yaml", "mounted.yaml"]);
    let mounted = fs::read_to_string(new.path("workflows/mounted.yaml")).unwrap();
    assert_eq!(mounted, text);
    let mode = |name: &str| fs::metadata(new.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("purser.toml"), 0o640);
    assert_eq!(
        mode("workflows/backup-purser.yaml"),
        0o644,
        "nobody else may write"
    );
    old.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_of_the_artifacts_is_said_to_be_left_out() {
    let key = Key::new();
    let mut home = home(&key).await;
    let folder = home.path("store/artifacts/ab");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("abcd"), "chart").unwrap();
    symlink("/nowhere", folder.join("abce")).unwrap();
    symlink("/etc/hostname", folder.join("abcf")).unwrap();
    let made = backed_up(&home).await;
    let left_out: Vec<_> = made["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|what| what.as_str().unwrap())
        .collect();
    for name in ["abce", "abcf"] {
        let path = folder.join(name).display().to_string();
        assert!(
            left_out.iter().any(|what| what.contains(&path)),
            "{name}: {left_out:?}"
        );
    }
    assert_eq!(left_out.len(), 2);
    home.stop().await;
}

#[tokio::test]
async fn an_artifact_that_is_swept_while_a_backup_is_made_is_not_in_it_and_all_else_is() {
    let (bucket, key) = (Bucket::create().await, Key::new());
    let swept: Arc<OnceLock<PathBuf>> = Arc::default();
    let to_sweep = Arc::clone(&swept);
    let gateway = Gateway::open(move |asked| {
        // The upload begins: what is in the backup is listed by now, and nothing of it is read.
        if asked.method == "POST" && asked.path.contains("?uploads") {
            fs::remove_file(to_sweep.get().unwrap()).unwrap();
        }
        Passage::Open
    })
    .await;
    let minio = of_kind("s3", gateway.settings(&bucket));
    let mut old = Home::new(&[("minio", minio.clone())]);
    let to = format!("s3://minio/{}", bucket.name);
    backs_up_to(&old, &to, &key, "");
    fs::create_dir_all(old.path("store/artifacts/ab")).unwrap();
    for name in ["abcd", "abce", "abcf"] {
        old.write(&format!("store/artifacts/ab/{name}"), name);
    }
    swept.set(old.path("store/artifacts/ab/abce")).unwrap();
    old.up().await;
    let made = backed_up(&old).await;
    assert!(!swept.get().unwrap().exists(), "it was swept");
    assert_eq!(made["left_out"], serde_json::json!([]));
    old.stop().await;

    let new = empty_machine();
    let by_s3 = way_to(minio, &new);
    let home = new.path("").display().to_string();
    let said = recovers(&new, &to, &key, &["--to", &home, "--config", &by_s3]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let is_there = |name: &str| new.path("store/artifacts/ab").join(name).exists();
    assert_eq!(["abcd", "abce", "abcf"].map(is_there), [true, false, true]);
    bucket.remove().await;
}

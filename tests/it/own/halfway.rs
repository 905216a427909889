//! Recoveries that fail on their way: it is said what could not be done and where, and everything is
//! as it was.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use xtask::disk::Disk;

use super::recover::way_to;
use super::{Key, backed_up, backs_up_to, empty_machine, recovers};
use crate::support::gateway::{Gateway, Passage};
use crate::support::program::{Home, Said};
use crate::support::s3::Bucket;
use crate::support::systems::of_kind;

/// A backup in a folder that an older machine has left.
async fn backup(key: &Key) -> (Home, String) {
    let mut old = Home::new(&[]);
    let to = format!("file://{}", old.path("backups").display());
    backs_up_to(&old, &to, key, "");
    old.write(
        "commands/backup-purser.yaml",
        "name: backup-purser\nsummary: Back up\nruns: backup-purser\n",
    );
    old.up().await;
    let made = backed_up(&old).await;
    old.stop().await;
    (old, made["backup"].as_str().unwrap().to_owned())
}

fn told(said: &Said) -> String {
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    said.err.trim().to_owned()
}

fn mode(path: &PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_was_put_there_before_it_failed_goes_again() {
    let key = Key::new();
    let (_old, from) = backup(&key).await;
    let new = empty_machine();
    // A folder where a file is to be put.
    let in_the_way = new.path("commands/backup-purser.yaml");
    fs::create_dir_all(&in_the_way).unwrap();
    fs::create_dir(new.path("store")).unwrap();
    fs::set_permissions(new.path("store"), fs::Permissions::from_mode(0o755)).unwrap();
    let said = told(&recovers(&new, &from, &key, &[]).await);
    let named = in_the_way.display().to_string();
    assert!(said.contains(&named), "{said}");
    let mut there: Vec<_> = fs::read_dir(new.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, ["commands", "store"]);
    assert_eq!(fs::read_dir(new.path("store")).unwrap().count(), 0);
    assert_eq!(mode(&new.path("store")), 0o755);
    fs::remove_dir(in_the_way).unwrap();
    let said = recovers(&new, &from, &key, &[]).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test]
async fn folders_that_were_made_on_the_way_to_the_store_go_again() {
    let key = Key::new();
    let (_old, from) = backup(&key).await;
    let new = empty_machine();
    new.write("purser.toml", "[store]\npath = 'var/lib/store'\n[people]\n");
    fs::create_dir_all(new.path("commands/backup-purser.yaml")).unwrap();
    told(&recovers(&new, &from, &key, &[]).await);
    assert!(!new.path("var").exists());
    assert!(!new.path("purser.recovered.toml").exists());
    assert!(!new.path("workflows").exists());
}

#[tokio::test]
async fn a_store_of_somebody_else_is_refused_before_anything_is_fetched() {
    let key = Key::new();
    let (_old, from) = backup(&key).await;
    let new = empty_machine();
    fs::create_dir(new.path("store")).unwrap();
    chown(new.path("store"), Some(65_534), Some(65_534)).unwrap();
    let said = recovers(&new, &from, &key, &[]).await;
    assert_eq!(said.code, 4, "{said:?}");
    let store = new.path("store").display().to_string();
    let me = nix::unistd::getuid();
    assert!(
        said.err.contains(&format!(
            "{store} belongs to uid 65534, not to yours, {me}: type this as that user, or `chown -R {me} \
             {store}`"
        )),
        "{said:?}"
    );
    assert_eq!(fs::read_dir(new.path("store")).unwrap().count(), 0);
    assert_eq!(fs::metadata(new.path("store")).unwrap().uid(), 65_534);
    assert!(!new.path("purser.toml").exists());
}

#[tokio::test]
async fn where_no_configuration_can_be_put_it_is_said_before_anything_is_fetched() {
    let key = Key::new();
    let (_old, from) = backup(&key).await;
    let new = empty_machine();
    let etc = new.path("etc");
    let _disk = Disk::read_only_on(&etc).unwrap();
    let to = etc.display().to_string();
    let said = told(&recovers(&new, &from, &key, &["--to", &to]).await);
    assert!(
        said.contains(&format!(
            "nothing can be written to {to} (Read-only file system)"
        )) && said.contains("--to FOLDER"),
        "{said}"
    );
    assert!(!new.path("store").exists());
}

#[tokio::test]
async fn a_disk_that_becomes_full_is_named_by_the_file_that_could_not_be_written() {
    let key = Key::new();
    let (_old, from) = backup(&key).await;
    let new = empty_machine();
    let disk = Disk::mounted_on(&new.path("disk"), 3).unwrap();
    new.write("purser.toml", "[store]\npath = 'disk/store'\n");
    disk.fill_but(64 * 1024).unwrap();
    let said = told(&recovers(&new, &from, &key, &[]).await);
    let file = new.path("disk/store/recovering/unpacked/store/purser.db");
    let wanted = format!("{} cannot be written: No space left", file.display());
    assert!(said.contains(&wanted), "{said}");
    disk.make_room().unwrap();
    let said = recovers(&new, &from, &key, &[]).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test]
async fn a_line_that_goes_dead_is_no_damage() {
    let (bucket, key) = (Bucket::create().await, Key::new());
    let dead = Arc::new(AtomicBool::new(false));
    let is_dead = Arc::clone(&dead);
    let gateway = Gateway::open(move |asked| {
        if asked.reads() && is_dead.load(Ordering::Relaxed) {
            Passage::CutAfter(200)
        } else {
            Passage::Open
        }
    })
    .await;
    let minio = of_kind("s3", gateway.settings(&bucket));
    let mut old = Home::new(&[("minio", minio.clone())]);
    let to = format!("s3://minio/{}", bucket.name);
    backs_up_to(&old, &to, &key, "");
    old.up().await;
    backed_up(&old).await;
    old.stop().await;

    let new = empty_machine();
    let by_s3 = way_to(minio, &new);
    let home = new.path("").display().to_string();
    let more = ["--to", &home, "--config", &by_s3];
    dead.store(true, Ordering::Relaxed);
    let said = told(&recovers(&new, &to, &key, &more).await);
    assert!(
        said.contains("broke off") && said.ends_with("nothing was changed: try again"),
        "{said}"
    );
    assert!(!said.contains("altered"), "{said}");
    assert!(!new.path("store").exists());
    dead.store(false, Ordering::Relaxed);
    let said = recovers(&new, &to, &key, &more).await;
    assert_eq!(said.code, 0, "{said:?}");
    bucket.remove().await;
}

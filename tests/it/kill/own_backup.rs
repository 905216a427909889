//! `purser.backup_store`, killed: there is one new backup in the end, it opens, and of the old ones
//! those are left that were to be kept.

use std::fs;

use serde_json::Value;

use super::{ASK, MOMENTS, each, effects, killed_at, points};
use crate::own::{Key, backs_up_to, empty_machine, recovers};
use crate::support::program::Home;

const ACTION: &str = "purser.backup_store";

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killed_at_every_failpoint_a_backup_of_its_own_is_made_once() {
    each(points(ACTION, &effects(ACTION), &MOMENTS), made_once).await;
}

async fn made_once(point: String) {
    let (mut home, key) = (Home::new(&[]), Key::new());
    let to = format!("file://{}", home.path("backups").display());
    backs_up_to(&home, &to, &key, ", keep: 2");
    let workflow = fs::read_to_string(home.path("workflows/backup-purser.yaml")).unwrap();
    home.write(
        "workflows/go.yaml",
        &workflow.replace("name: backup-purser", "name: go"),
    );
    let old = |day: u32| format!("purser-202601{day:02}T000000Z-0123456789ab.tar.zst.age");
    fs::create_dir(home.path("backups")).unwrap();
    for day in [1, 2, 3] {
        fs::write(home.path("backups").join(old(day)), "old").unwrap();
    }

    let run = killed_at(&point, &mut home).await;
    assert_eq!(run["status"], "succeeded", "{point}: {run:#}");
    let step = &run["run"]["steps"]["backup"];
    assert_eq!(
        (&step["attempt"], &step["output"]["proof"]),
        (&Value::from(1), &Value::from("readable"))
    );
    let ours = step["output"]["backup"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    let mut there: Vec<_> = fs::read_dir(home.path("backups"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, [old(3), ours.to_owned()], "{point}");
    let asked = home.asks(&["runs", "list"]).await;
    assert_eq!(asked.as_array().unwrap().len(), 1, "{ASK:?}");
    home.stop().await;
    let copies = fs::read_dir(home.path("store")).unwrap();
    let copies = copies.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("copy-")
    });
    assert_eq!(copies.count(), 0, "{point}: a copy in the clear is left");

    let new = empty_machine();
    let said = recovers(&new, &to, &key, &[]).await;
    assert_eq!(said.code, 0, "{point}: {said:?}");
}

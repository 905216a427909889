//! Backups to choose from while one types.

use purser::action::{ErrorKind, Order};
use purser::domain::time::Timestamp;
use purser::domain::words::size;
use serde_json::Value;

use super::{SHOP, Stand};
use crate::support::offers::offers;

/// Whether a list shows this of a backup that has just been made.
fn says(stand: &Stand, shown: &str, bytes: &Value) -> bool {
    let parts: Vec<_> = shown.split(", ").collect();
    let [database, ago, stored, at] = parts[..] else {
        return false;
    };
    let is_now = ago.ends_with(" s ago") || ago.ends_with(" min ago");
    let is_time = at.parse::<Timestamp>().is_ok();
    database == stand.database.name && is_now && is_time && stored == size(bytes.as_u64().unwrap())
}

#[tokio::test]
async fn the_backups_of_a_folder_are_offered_newest_first_with_size_and_age() {
    let stand = Stand::with(SHOP).await;
    let folder = stand.folder();
    let found = async |of: Option<&str>| offers(&stand.systems, "orders-db", "backups", of).await;
    assert_eq!(found(Some(&folder)).await.unwrap().all, []);

    let older = stand.backup().await;
    let newer = stand.backup().await;
    // What was never finished is no backup.
    let half = format!(
        "orders/{}-20990101T000000Z-0123456789ab/dump.zst",
        stand.database.name
    );
    let store = stand.bucket.store();
    object_store::ObjectStoreExt::put(&*store, &half.into(), "half".into())
        .await
        .unwrap();

    let offered = found(Some(&folder)).await.unwrap();
    assert_eq!(offered.order, Order::AsGiven);
    let values: Vec<_> = offered.all.iter().map(|one| one.value.as_str()).collect();
    let name = |url: &str| url.rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(values, [name(&newer), name(&older)]);
    let listed = stand.listed().await;
    for (offered, listed) in offered
        .all
        .iter()
        .zip(listed["backups"].as_array().unwrap())
    {
        let shown = offered.shown();
        assert!(says(&stand, shown, &listed["bytes"]), "{shown}");
        assert!(shown.chars().count() <= 100, "{shown}");
    }
    stand.remove().await;
}

#[tokio::test]
async fn a_folder_that_is_none_is_told_what_to_write() {
    let stand = Stand::with("").await;
    let said = async |of: Option<&str>| {
        let error = offers(&stand.systems, "orders-db", "backups", of).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Fatal);
        stand.plain(&error.message)
    };
    let wrong = [
        said(None).await,
        said(Some("backups/orders")).await,
        said(Some("s3://mino/backups")).await,
    ];
    insta::assert_snapshot!(wrong.join("\n"), @"
    backups are those of a folder: write postgres.backups(s3://SYSTEM/BUCKET/FOLDER), or postgres.backups(OPTION) with the option that names it
    `backups/orders` is not a place for objects: write s3://SYSTEM/BUCKET/FOLDER or file:///FOLDER
    in `s3://mino/backups`: unknown object store `mino`; did you mean `minio`?
    ");
    let error = offers(&stand.systems, "orders-db", "bakcups", None)
        .await
        .unwrap_err();
    insta::assert_snapshot!(error.message, @"unknown list of PostgreSQL names `bakcups`; did you mean `backups`?");
    stand.remove().await;
}

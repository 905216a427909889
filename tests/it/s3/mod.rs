//! Stories of an object store: what is listed, what is cleared, and what a wrong setting says.

use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStoreExt as _;
use purser::action::objects::ObjectUrl;
use purser::action::{Action as _, AnyAction, Connect, Systems};
use purser::domain::names::{RunId, SystemName};
use purser::domain::redact::Redactor;
use purser::domain::secret::Opened;
use purser::integrations::s3;
use serde_json::json;

use crate::support::journal::MemoryJournal;
use crate::support::offers;
use crate::support::s3::Bucket;
use crate::support::stack::variable;
use crate::support::systems::connect;

async fn list(systems: Systems, input: serde_json::Value) -> Result<serde_json::Value, String> {
    let run = RunId::new(uuid::Uuid::now_v7());
    let systems = Arc::new(systems);
    let journal = Arc::new(MemoryJournal::default());
    let ctx = journal.context(run, s3::ListObjects::SPEC, "minio", &systems);
    AnyAction::run(&s3::ListObjects, &ctx, input)
        .await
        .map_err(|error| error.message)
}

#[tokio::test]
async fn the_newest_objects_come_first_and_no_more_than_asked_for() {
    let bucket = Bucket::create().await;
    for name in ["one", "two", "three"] {
        let key = format!("folder/{name} ü+%");
        bucket
            .store()
            .put(&key.as_str().into(), name.into())
            .await
            .unwrap();
    }
    bucket
        .store()
        .put(&"elsewhere".into(), "x".into())
        .await
        .unwrap();

    let url = format!("s3://minio/{}/folder", bucket.name);
    let listed = list(bucket.systems(), json!({"url": url, "limit": 2}))
        .await
        .unwrap();
    assert_eq!(listed["total"], 3);
    assert_eq!(listed["total_bytes"], 11);
    let objects = listed["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 2);
    assert!(objects[0]["at"].as_str() >= objects[1]["at"].as_str());

    let listed = list(bucket.systems(), json!({"bucket": bucket.name}))
        .await
        .unwrap();
    assert_eq!(listed["total"], 4);
    bucket.remove().await;
}

#[tokio::test]
async fn an_upload_that_a_dead_process_left_is_ended_and_no_other() {
    let bucket = Bucket::create().await;
    let (left, other) = ("f/a b+/dump.zst", "f/other/dump.zst");
    for key in [left, other] {
        let mut upload = bucket.store().put_multipart(&key.into()).await.unwrap();
        upload.put_part("half".into()).await.unwrap();
        std::mem::forget(upload);
    }
    let folder: ObjectUrl = format!("s3://minio/{}/f", bucket.name).parse().unwrap();
    let folder = bucket.systems().objects(&folder).unwrap();
    assert_eq!(folder.abort_uploads("a b+/dump.zst").await.unwrap(), 1);
    assert_eq!(bucket.unfinished_uploads().await, 1);
    assert_eq!(folder.abort_uploads("a b+/dump.zst").await.unwrap(), 0);
    assert_eq!(folder.abort_uploads("other/dump.zst").await.unwrap(), 1);
    assert_eq!(bucket.unfinished_uploads().await, 0);
    bucket.remove().await;
}

#[tokio::test]
async fn a_bucket_that_is_not_there_names_the_one_that_was_meant() {
    let bucket = Bucket::create().await;
    let wrong = format!("{}-x", bucket.name);
    let error = list(bucket.systems(), json!({"bucket": wrong}))
        .await
        .unwrap_err();
    let error = error
        .replace(&wrong, "WRONG")
        .replace(&bucket.name, "RIGHT");
    insta::assert_snapshot!(error, @"could not list s3://minio/WRONG on minio: unknown bucket `WRONG`; did you mean `RIGHT`?");
    bucket.remove().await;
}

#[tokio::test]
async fn a_wrong_key_says_which_file_to_look_at() {
    let bucket = Bucket::create().await;
    for file in ["secret_key_file", "access_key_file"] {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("key").display().to_string();
        std::fs::write(&path, "not-the-right-one").unwrap();
        let mut settings = bucket.settings();
        settings.insert(file.to_owned(), path.clone().into());
        let mut systems = Systems::new();
        connect(&mut systems, &s3::integration(), "minio", settings);
        let error = list(systems, json!({"bucket": bucket.name}))
            .await
            .unwrap_err();
        let error = error
            .replace(&bucket.name, "BUCKET")
            .replace(&path, "KEY-FILE");
        match file {
            "secret_key_file" => {
                insta::assert_snapshot!(error, @"could not list s3://minio/BUCKET on minio: the secret key does not belong to the access key; put the right one into KEY-FILE (secret_key_file of [systems.minio]) and restart Purser");
            }
            _ => {
                insta::assert_snapshot!(error, @"could not list s3://minio/BUCKET on minio: it knows no such access key; put the right one into KEY-FILE (access_key_file of [systems.minio]) and restart Purser");
            }
        }
    }
    bucket.remove().await;
}

#[tokio::test]
async fn where_nothing_listens_the_address_is_named() {
    let bucket = Bucket::create().await;
    let mut settings = bucket.settings();
    settings.insert("endpoint".to_owned(), "http://127.0.0.1:9".into());
    let mut systems = Systems::new();
    connect(&mut systems, &s3::integration(), "minio", settings);
    let error = list(systems, json!({"bucket": bucket.name}))
        .await
        .unwrap_err();
    insta::assert_snapshot!(error.replace(&bucket.name, "BUCKET"), @"could not list s3://minio/BUCKET on minio: nothing answers at http://127.0.0.1:9 (Connection refused (os error 111)); see that it runs and that the endpoint in [systems.minio] is right");
    bucket.remove().await;
}

#[tokio::test]
async fn it_is_checked_and_its_buckets_are_suggested() {
    let bucket = Bucket::create().await;
    let systems = Arc::new(bucket.systems());
    let minio = systems.get("minio").unwrap();
    assert!(
        minio
            .system
            .check()
            .await
            .unwrap()
            .ends_with(&variable("PURSER_TEST_S3_ENDPOINT"))
    );
    let named = offers::values(&systems, "minio", "buckets", None).await;
    assert!(named.contains(&bucket.name), "{named:?}");
    bucket.remove().await;
}

#[test]
fn settings_that_do_not_do_say_what_to_write() {
    let complaint = |settings: &str| {
        let error = (s3::integration().connect)(&Connect {
            name: &SystemName::from("minio"),
            settings: settings.parse().unwrap(),
            redactor: &Arc::new(Redactor::new()),
            secrets: &Opened::default(),
            base: Path::new("/nowhere"),
        });
        error.err().unwrap().to_string()
    };
    let keys = "access_key_file = \"a\"\nsecret_key_file = \"s\"\n";
    insta::assert_snapshot!(complaint(&format!("{keys}endpoint = \"minio:9000\"")), @r#"[systems.minio]: endpoint = "minio:9000" is no address: write http://HOST:PORT or https://HOST"#);
    insta::assert_snapshot!(complaint(&format!("{keys}endpont = \"http://minio:9000\"")), @"[systems.minio]: unknown field `endpont`; did you mean `endpoint`?");
    insta::assert_snapshot!(complaint(&format!("{keys}endpoint = \"http://minio:9000\"")), @"[systems.minio]: the file /nowhere/a cannot be read: No such file or directory (os error 2)");
}

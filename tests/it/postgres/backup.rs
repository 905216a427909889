//! Backups that go well, and backups whose process dies.

use object_store::ObjectStoreExt as _;
use purser::action::{Action as _, ErrorKind, Undone};
use purser::integrations::postgres::{Backup, ListBackups};
use serde_json::json;

use super::{BIG, SHOP, Stand, Step, poll};
use crate::support::journal::MOMENTS;

#[tokio::test]
async fn a_database_is_dumped_into_a_bucket_and_listed() {
    let stand = Stand::with(SHOP).await;
    let step = Step::new(Backup);
    let output = step
        .run(&stand, json!({"to": stand.folder()}))
        .await
        .unwrap();
    let size = output["bytes"].as_u64().unwrap();
    assert!(size > 1000 && output["uncompressed_bytes"].as_u64().unwrap() > size);
    insta::assert_snapshot!(
        stand.plain(format!("{} {} {} {}",
            output["backup"], output["tables"], output["rows"], output["proof"])),
        @r#""s3://minio/BUCKET/orders/DATABASE-TIME-TOKEN" 3 5400 "stored""#);

    let keys = stand.bucket.keys().await;
    insta::assert_snapshot!(stand.plain(keys.join("\n")), @r"
orders/DATABASE-TIME-TOKEN/dump.zst
orders/DATABASE-TIME-TOKEN/manifest.json
");
    let stored = stand
        .bucket
        .store()
        .head(&keys[0].as_str().into())
        .await
        .unwrap();
    assert_eq!(stored.size, size);

    let listed = stand.listed().await;
    assert_eq!(listed["total"], 1);
    assert_eq!(listed["without_manifest"], 0);
    assert_eq!(listed["backups"][0]["url"], output["backup"]);
    assert_eq!(listed["backups"][0]["rows"], 5400);
    stand.remove().await;
}

#[tokio::test]
async fn a_local_folder_does_as_well() {
    let stand = Stand::with(SHOP).await;
    let temp = tempfile::tempdir().unwrap();
    let folder = format!("file://{}/backups", temp.path().display());
    let output = Step::new(Backup)
        .run(&stand, json!({"to": folder}))
        .await
        .unwrap();
    let listed = Step::new(ListBackups)
        .run(&stand, json!({"from": folder}))
        .await
        .unwrap();
    assert_eq!(listed["backups"][0]["url"], output["backup"]);
    let drilled = stand
        .drill(output["backup"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(drilled["proof"], "restored");
    stand.remove().await;
}

#[tokio::test]
async fn the_newest_backup_is_listed_first() {
    let stand = Stand::with(SHOP).await;
    let (first, second) = (stand.backup().await, stand.backup().await);
    let listed = stand.listed().await;
    assert_eq!(listed["total"], 2);
    assert_eq!(listed["backups"][0]["url"], second);
    assert_eq!(listed["backups"][1]["url"], first);
    stand.remove().await;
}

#[tokio::test]
async fn a_plan_says_what_it_would_do_and_changes_nothing() {
    let stand = Stand::with(SHOP).await;
    let step = Step::new(Backup);
    let plan = step
        .plan(&stand, json!({"to": stand.folder()}))
        .await
        .unwrap();
    let again = step
        .plan(&stand, json!({"to": stand.folder()}))
        .await
        .unwrap();
    assert_eq!(plan.digest(), again.digest());
    insta::assert_snapshot!(stand.plain(&plan.summary), @"back up `DATABASE` of orders-db to s3://minio/BUCKET/orders");
    insta::assert_snapshot!(
        stand.plain(serde_json::to_string_pretty(&plan.changes).unwrap()), @r#"
[
  {
    "subject": "a new folder in s3://minio/BUCKET/orders",
    "to": "a dump of the database `DATABASE` of orders-db with a hash of up to 1000 rows a table"
  }
]
"#);
    assert_eq!(stand.bucket.keys().await, Vec::<String>::new());
    stand.remove().await;
}

#[tokio::test]
async fn whenever_the_process_dies_there_is_one_backup_in_the_end() {
    let stand = Stand::with(SHOP).await;
    let mut expected = 0;
    for effect in Backup::SPEC.effects {
        for moment in MOMENTS {
            let step = Step::new(Backup);
            let input = json!({"to": stand.folder()});
            step.journal.die_at(effect.name, moment);
            step.run(&stand, input.clone()).await.unwrap_err();
            let output = step.run(&stand, input.clone()).await.unwrap();
            let again = step.run(&stand, input).await.unwrap();
            expected += 1;
            assert_eq!(output, again, "{} {moment:?}", effect.name);
            assert_eq!(
                stand.bucket.keys().await.len(),
                expected * 2,
                "{} {moment:?}",
                effect.name
            );
            assert_eq!(stand.bucket.unfinished_uploads().await, 0);
        }
    }
    assert_eq!(stand.listed().await["total"], expected);
    stand.remove().await;
}

#[tokio::test]
async fn what_a_killed_process_had_half_uploaded_is_cleared_first() {
    let stand = Stand::with(SHOP).await;
    let step = Step::new(Backup);
    let input = json!({"to": stand.folder()});
    step.journal
        .die_at("upload_dump", crate::support::journal::Moment::Acted);
    step.run(&stand, input.clone()).await.unwrap_err();
    let dump = stand.bucket.keys().await.remove(0);
    let mut half = object_store::ObjectStore::put_multipart_opts(
        &*stand.bucket.store(),
        &dump.as_str().into(),
        object_store::PutMultipartOptions::default(),
    )
    .await
    .unwrap();
    half.put_part("half".into()).await.unwrap();
    std::mem::forget(half);
    assert_eq!(stand.bucket.unfinished_uploads().await, 1);
    step.run(&stand, input).await.unwrap();
    assert_eq!(stand.bucket.keys().await.len(), 2);
    stand.remove().await;
}

#[tokio::test]
async fn undone_there_is_nothing_left_whenever_the_process_died() {
    let stand = Stand::with(SHOP).await;
    let input = json!({"to": stand.folder()});
    for effect in Backup::SPEC.effects {
        for moment in MOMENTS {
            let step = Step::new(Backup);
            step.journal.die_at(effect.name, moment);
            step.run(&stand, input.clone()).await.unwrap_err();
            assert_eq!(
                step.undo(&stand, input.clone()).await.unwrap(),
                Undone::Fully
            );
            assert_eq!(
                step.undo(&stand, input.clone()).await.unwrap(),
                Undone::Fully
            );
            assert_eq!(
                stand.bucket.keys().await,
                Vec::<String>::new(),
                "{} {moment:?}",
                effect.name
            );
            step.run(&stand, input.clone()).await.unwrap();
            step.undo(&stand, input.clone()).await.unwrap();
        }
    }
    assert_eq!(stand.listed().await["total"], 0);
    stand.remove().await;
}

#[tokio::test]
async fn a_database_that_is_written_to_is_backed_up_as_it_was_at_one_instant() {
    let stand = Stand::with(SHOP).await;
    let mut writer = stand.database.connect().await;
    let writing = tokio::spawn(async move {
        loop {
            let insert = "INSERT INTO visits SELECT '/n', now() FROM generate_series(1, 50)";
            if sqlx::query(insert).execute(&mut writer).await.is_err() {
                return;
            }
        }
    });
    let backup = stand.backup().await;
    let drilled = stand.drill(&backup).await;
    writing.abort();
    assert_eq!(drilled.unwrap()["proof"], "restored");
    stand.remove().await;
}

#[tokio::test]
async fn a_database_that_goes_away_in_mid_dump_leaves_no_backup() {
    let stand = Stand::with(BIG).await;
    let step = Step::new(Backup);
    let input = json!({"to": stand.folder()});
    let (error, terminated) =
        tokio::join!(step.run(&stand, input.clone()), terminate_pg_dump(&stand));
    assert!(terminated, "pg_dump was never seen at work");
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Retryable, "{error}");
    insta::assert_snapshot!(stand.plain(&error).split_once("): ").unwrap().0, @"pg_dump of `DATABASE` on orders-db failed (exit status: 1");
    assert!(error.message.ends_with("nothing of it was kept"), "{error}");
    assert_eq!(stand.bucket.keys().await, Vec::<String>::new());
    assert_eq!(stand.bucket.unfinished_uploads().await, 0);
    assert_eq!(stand.listed().await["total"], 0);

    step.run(&stand, input).await.unwrap();
    assert_eq!(stand.listed().await["total"], 1);
    stand.remove().await;
}

#[tokio::test]
async fn a_cancelled_backup_stops_pg_dump_and_leaves_nothing() {
    let stand = Stand::with(BIG).await;
    let step = Step::new(Backup);
    let ctx = step.context(&stand);
    let cancel = async {
        wait_for_pg_dump(&stand).await;
        ctx.cancel.cancel();
    };
    let input = json!({"to": stand.folder()});
    let (stopped, ()) = tokio::join!(purser::action::AnyAction::run(&Backup, &ctx, input), cancel);
    let error = stopped.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
    assert_eq!(stand.bucket.keys().await, Vec::<String>::new());
    let mut connection = stand.database.connect().await;
    poll(async || dumping(&mut connection, &stand).await.is_none()).await;
    stand.remove().await;
}

/// Ends the connection of `pg_dump` as soon as it copies rows.
async fn terminate_pg_dump(stand: &Stand) -> bool {
    let pid = wait_for_pg_dump(stand).await;
    sqlx::query_scalar("SELECT pg_terminate_backend($1)")
        .bind(pid)
        .fetch_one(&mut stand.database.connect().await)
        .await
        .unwrap()
}

async fn wait_for_pg_dump(stand: &Stand) -> i32 {
    let mut connection = stand.database.connect().await;
    let mut seen = None;
    poll(async || {
        seen = dumping(&mut connection, stand).await;
        seen.is_some()
    })
    .await;
    seen.unwrap()
}

async fn dumping(connection: &mut sqlx::PgConnection, stand: &Stand) -> Option<i32> {
    sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'COPY %' \
         AND state = 'active'",
    )
    .bind(&stand.database.name)
    .fetch_optional(connection)
    .await
    .unwrap()
}

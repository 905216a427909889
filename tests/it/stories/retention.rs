//! What people see of a run that ended long ago.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Story, prometheus};

const DAY: Duration = Duration::from_hours(24);

async fn database(story: &Story) -> SqliteConnection {
    let file = story.home.path("store/purser.db");
    let options = SqliteConnectOptions::new().filename(file);
    options.connect().await.unwrap()
}

/// Stops the server once everybody was told of everything, lets days go by, and starts it again.
pub(super) async fn days_go_by(story: &mut Story, days: u32) {
    let mut store = database(story).await;
    let begun = Instant::now();
    let untold =
        "SELECT COUNT(*) FROM receipts WHERE seq IS NULL OR seq > (SELECT receipt FROM telling)";
    while sqlx::query_scalar::<_, i64>(untold)
        .fetch_one(&mut store)
        .await
        .unwrap()
        > 0
    {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "not told in time"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(story.home.stop().await.success());
    let micros = i64::try_from((DAY * days).as_micros()).unwrap();
    sqlx::query("UPDATE runs SET updated_at = updated_at - $1")
        .bind(micros)
        .execute(&mut store)
        .await
        .unwrap();
    store.close().await.unwrap();
    if let Ok(parts) = fs::read_dir(story.home.path("store/artifacts")) {
        for file in parts.flat_map(|part| fs::read_dir(part.unwrap().path()).unwrap()) {
            let file = fs::File::options()
                .append(true)
                .open(file.unwrap().path())
                .unwrap();
            file.set_modified(SystemTime::now() - DAY * days).unwrap();
        }
    }
    story.home.up().await;
}

/// What is seen once it begins like this.
pub(super) async fn sees_in_time(story: &Story, line: &str, part: &str) -> String {
    let begun = Instant::now();
    loop {
        let seen = story.sees(line).await;
        if seen.contains(part) {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{seen}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_run_loses_first_what_it_has_kept_and_then_its_log_and_never_its_receipt() {
    let mut story = prometheus::open().await;
    let orders = "last_over_time(shop_orders_total[10y])";
    story
        .sees(&format!("run graph -i range=5m -i query={orders}"))
        .await;
    let run = story.last_run().await;

    days_go_by(&mut story, 31).await;
    let shown = sees_in_time(&story, &format!("runs show {run}"), "kept no more").await;
    assert!(
        shown.contains("\nkept no more: chart.png (image/png, "),
        "{shown}"
    );
    let listed = story.home.asks(&["runs", "artifacts", &run]).await;
    assert_eq!(listed[0]["kept"], false);
    let picture = story.sees(&format!("runs artifact {run} chart.png")).await;
    assert!(
        picture.contains(") are kept no more: they go some time after their run"),
        "{picture}"
    );

    days_go_by(&mut story, 60).await;
    let shown = sees_in_time(&story, &format!("runs show {run}"), "purser:").await;
    insta::assert_snapshot!(shown, @"
    purser: the log of run RUN is kept no more since TIME; what it did is in its receipt: `purser receipts show RUN`
    exit code 1
    ");
    let lines = story.sees(&format!("runs lines {run} graph")).await;
    assert_eq!(lines, shown, "whatever of it is asked for");
    assert_eq!(story.sees("runs list").await, "no runs yet\nexit code 0");
    let receipt = story
        .sees(&format!("receipts show {}", &run[run.len() - 8..]))
        .await;
    assert!(
        receipt.ends_with("exit code 0") && receipt.contains("graph"),
        "{receipt}"
    );
    let verified = story.sees("receipts verify").await;
    assert!(verified.ends_with("exit code 0"), "{verified}");
}

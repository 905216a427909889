//! A store whose file something has damaged: nobody works on it, and nobody makes it worse.

use std::fs;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::program::Home;

const PAGE: usize = 4096;

/// The database of a server that has worked, all of it in one file.
async fn worked() -> (Home, Vec<u8>) {
    let mut home = Home::new(&[]);
    home.workflow("pause", "steps: [{ id: pause, wait: { for: 1ms } }]\n");
    home.up().await;
    for _ in 0..20 {
        let run = home.starts(&["pause"]).await;
        home.ends(&run).await;
    }
    assert!(home.stop().await.success());
    let file = home.path("store/purser.db");
    let options = SqliteConnectOptions::new().filename(&file);
    // The last connection writes the WAL back into the file.
    let mut store = options.connect().await.unwrap();
    store.execute("PRAGMA user_version").await.unwrap();
    store.close().await.unwrap();
    let bytes = fs::read(&file).unwrap();
    assert!(
        bytes.len() > 10 * PAGE,
        "all of it is in {} bytes",
        bytes.len()
    );
    (home, bytes)
}

#[tokio::test]
async fn it_is_refused_by_name_and_left_byte_for_byte_as_it_is() {
    let (mut home, whole) = worked().await;
    let file = home.path("store/purser.db");
    let overwritten = |pages: std::ops::Range<usize>| {
        let mut bytes = whole.clone();
        bytes[pages.start * PAGE..pages.end * PAGE].fill(0xAA);
        bytes
    };
    let no_database = overwritten(0..1);
    let pages = whole.len() / PAGE;
    let in_the_middle = overwritten(pages / 4..pages / 2);
    let cut_short = whole[..pages / 2 * PAGE].to_vec();
    for damaged in [no_database, in_the_middle, cut_short] {
        fs::write(&file, &damaged).unwrap();
        home.start(&[]);
        assert_eq!(home.has_ended().await.code(), Some(1));
        let log = home.log();
        let folder = home.path("store");
        let next = format!(
            "), and nothing was written to it: move {} aside and keep it, then: purser recover \
             --from BACKUP",
            folder.display()
        );
        let named = format!("{} is damaged (", file.display());
        assert!(log.contains(&named) && log.contains(&next), "{log}");
        assert!(fs::read(&file).unwrap() == damaged, "it was written to");
    }
    fs::write(&file, &whole).unwrap();
    home.up().await;
    let runs = home.asks(&["runs", "list"]).await;
    assert_eq!(runs.as_array().unwrap().len(), 20);
}

//! Backups that are made while runs are being written: each is a store as it was at one instant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use purser::domain::receipt::Chain;
use purser::store::sqlite::{SqliteStore, damage};
use purser::store::{Receipts as _, Runs as _};

use crate::support::toy::Toy;
use crate::support::world::{World, key};

const STEPS: &str = "  - { id: one, uses: toy.make, with: { system: box } }\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// However much is being written, a copy is whole, its receipts hold up to the one that it
    /// names, and each of its runs has a log that its row is true of.
    #[test]
    fn a_copy_in_the_midst_of_writing_is_consistent(writers in 1..5_usize, yields in 0..400_u32) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(copied_twice(writers, yields));
    }
}

async fn copied_twice(writers: usize, yields: u32) {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::open(folder.path(), Arc::new(Toy::default())).await);
    let over = Arc::new(AtomicBool::new(false));
    let mut writing = tokio::task::JoinSet::new();
    for _ in 0..writers {
        let (world, over) = (Arc::clone(&world), Arc::clone(&over));
        writing.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let run = world.ask(STEPS, vec![]).await;
                world.end(run).await;
            }
        });
    }
    let first = world.ask(STEPS, vec![]).await;
    world.end(first).await;
    for n in 0..2 {
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        let path = world.store.copy_path(&format!("test-{n}"));
        let facts = world.store.copy_to(&path).await.unwrap();
        let place = tempfile::tempdir().unwrap();
        std::fs::rename(&path, place.path().join("purser.db")).unwrap();
        assert_eq!(damage(&place.path().join("purser.db")).await.unwrap(), None);

        let copy = SqliteStore::open(place.path(), Arc::default())
            .await
            .unwrap();
        let mut chain = Chain::default();
        for receipt in copy.receipts_after(0, 10_000).await.unwrap() {
            chain.next(&receipt, &key().verifying_key()).unwrap();
        }
        let head = facts.head.map(|head| (head.seq, head.hash));
        assert_eq!(chain.head(), head.as_ref());
        for row in copy.list(10_000).await.unwrap() {
            let log = copy.log(row.id, 0).await.unwrap();
            let state = purser::domain::run::RunState::replay(&log).unwrap();
            assert_eq!(state.status(), row.status);
        }
        copy.close().await;
    }
    over.store(true, Ordering::Relaxed);
    while let Some(written) = writing.join_next().await {
        written.unwrap();
    }
    Arc::into_inner(world).unwrap().close().await;
}

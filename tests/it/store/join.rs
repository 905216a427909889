//! The join: two branches end at the same instant, and exactly one of them sees that both have.

use std::sync::Arc;

use purser::domain::event::Event;
use purser::domain::names::RunId;
use purser::store::{Store, StoreError};
use tokio::sync::Barrier;

use super::on_both;
use super::place::{Place, append, new_run, recorded};

/// So many joins, or as many as `PURSER_TEST_JOINS` says.
const JOINS: usize = 100;

/// So many of them at the same time.
const AT_ONCE: usize = 25;

/// Appends the end of a branch behind everything that is known; says whether the other's was.
async fn end(store: &dyn Store, run: RunId, branch: &str, start: &Barrier) -> bool {
    let mut known = store.log(run, 0).await.unwrap();
    start.wait().await;
    loop {
        let after = known.last().unwrap().seq;
        match store.append(append(run, after, recorded(branch))).await {
            Ok(_) => {
                let is_end = |event: &Event| matches!(event, Event::Recorded { .. });
                return known.iter().any(|logged| is_end(&logged.event));
            }
            Err(StoreError::Conflict) => known = store.log(run, 0).await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
}

async fn join(store: Arc<dyn Store>) {
    let run = store.create(new_run()).await.unwrap();
    let start = Barrier::new(2);
    let (left, right) = tokio::join!(
        end(&*store, run, "left", &start),
        end(&*store, run, "right", &start)
    );
    assert!(
        left ^ right,
        "of {run} the join was seen by {left} and {right}"
    );
}

async fn each_join_is_seen_by_one_of_its_two_branches(place: &Place) {
    let store = place.open().await;
    let wanted = std::env::var("PURSER_TEST_JOINS");
    let wanted = wanted.map_or(JOINS, |text| text.parse().unwrap());
    for begun in (0..wanted).step_by(AT_ONCE) {
        let joins = (begun..wanted.min(begun + AT_ONCE)).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(join(store))
        });
        for joined in futures_util::future::join_all(joins).await {
            joined.unwrap();
        }
    }
}

on_both![each_join_is_seen_by_one_of_its_two_branches];

//! A store that came back from a backup: no run goes on, and none is taken back.

use std::sync::Arc;

use purser::domain::ending::FinalState;
use purser::domain::run::RunStatus;
use purser::domain::time::Timestamp;
use purser::engine::Recovered;
use purser::store::sqlite::SqliteStore;
use purser::store::{Runs as _, Store};

use super::{ONE, TWO};
use crate::support::journal::WallClock;
use crate::support::toy::Toy;
use crate::support::world::{Dice, World};

pub fn recovered(store: &Arc<SqliteStore>) -> Recovered {
    Recovered {
        store: Arc::clone(store) as Arc<dyn Store>,
        clock: Arc::new(WallClock),
        entropy: Arc::new(Dice),
        backup: "purser-1.tar.zst.age".to_owned(),
        made_at: Timestamp::from_micros(0),
    }
}

#[tokio::test]
async fn what_was_under_way_is_stuck_and_neither_goes_on_nor_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Arc::new(Toy::default());
    let world = World::open(folder.path(), Arc::clone(&toy)).await;
    toy.hang(true);
    let run = world.ask(&format!("{ONE}{TWO}"), vec![]).await;
    world.until(run, |_| toy.calls() == 1).await;
    let queued = world
        .ask_as(ONE, vec![], Some("as the other".to_owned()))
        .await;
    world.close().await;
    let (calls, things) = (toy.calls(), toy.things());

    let store = Arc::new(
        SqliteStore::open(folder.path(), Arc::default())
            .await
            .unwrap(),
    );
    assert_eq!(recovered(&store).end_runs().await.unwrap(), 2);
    assert_eq!(store.unfinished().await.unwrap(), []);
    Arc::into_inner(store).unwrap().close().await;

    toy.hang(false);
    let world = World::open(folder.path(), Arc::clone(&toy)).await;
    for run in [run, queued] {
        let state = world.end(run).await;
        assert_eq!(state.status(), RunStatus::Ended(FinalState::Stuck));
        assert_eq!(
            state.ended.unwrap().summary.to_string(),
            "the store was recovered from purser-1.tar.zst.age, and this run had not ended when that \
             was made. What it did since 1970-01-01T00:00:00Z is not known, and nothing was undone or \
             done again: look at the systems that it acts on, then start it anew if it is still wanted."
        );
    }
    let another = world.ask(ONE, vec![]).await;
    world.end(another).await;
    assert_eq!(toy.calls(), calls + 1, "only the new one has done anything");
    assert_eq!(toy.things().len(), things.len() + 1);
}

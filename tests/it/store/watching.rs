//! What systems have told is kept once, and so is when they were listened to.

use purser::domain::change::{Act, Change, Gap, Item, Watched, gaps};
use purser::domain::event::Event;
use purser::store::{Heard, Store};

use super::on_both;
use super::place::{Place, append, at, finish, new_run};

/// A container that was started in this second.
pub fn change(second: i64, name: &str) -> Change {
    Change {
        at: at(second),
        key: format!("{second}/start/{name}"),
        item: Item {
            id: format!("id of {name}"),
            name: name.to_owned(),
            ..Item::default()
        },
        act: Act::Started,
    }
}

/// What was heard of `shop`.
pub fn heard(anew: Option<i64>, until: i64, changes: Vec<Change>) -> Heard {
    Heard {
        system: "shop".into(),
        anew: anew.map(at),
        until: at(until),
        goes_on: true,
        changes,
    }
}

async fn kept(store: &dyn Store) -> Vec<String> {
    let changes = store.changes_on(&"shop".into(), at(0), 999).await.unwrap();
    changes.into_iter().map(|change| change.item.name).collect()
}

async fn what_is_told_twice_is_kept_once(place: &Place) {
    let store = place.open().await;
    let (one, two, three) = (change(11, "one"), change(12, "two"), change(12, "three"));
    let first = heard(Some(10), 12, vec![two.clone(), one.clone()]);
    store.hear(first).await.unwrap();
    let store = place.reopen(store).await;
    let again = heard(None, 20, vec![one.clone(), two.clone(), three.clone()]);
    store.hear(again).await.unwrap();
    let mut other = heard(Some(0), 30, vec![change(1, "other")]);
    other.system = "shed".into();
    store.hear(other).await.unwrap();
    let all = store.changes_on(&"shop".into(), at(0), 999).await.unwrap();
    assert_eq!(all, [one, three.clone(), two.clone()]);
    let last = store.changes_on(&"shop".into(), at(0), 2).await.unwrap();
    assert_eq!(last, [three, two], "the last of them, oldest first");
    let watched = store.watched(&"shop".into()).await.unwrap();
    let whole = Watched {
        from: at(10),
        until: at(20),
        goes_on: true,
    };
    assert_eq!(watched, [whole]);
}

async fn a_time_that_was_missed_stays_between_two_that_were_not(place: &Place) {
    let store = place.open().await;
    store.hear(heard(Some(10), 20, vec![])).await.unwrap();
    store.hear(heard(Some(30), 40, vec![])).await.unwrap();
    let mut deaf = heard(None, 35, vec![]);
    deaf.goes_on = false;
    store.hear(deaf).await.unwrap();
    let watched = store.watched(&"shop".into()).await.unwrap();
    let gaps = gaps(&watched, at(10), at(50));
    let expected = [(20, 30), (40, 50)].map(|(from, until)| Gap {
        from: at(from),
        until: at(until),
    });
    assert_eq!(gaps, expected, "{watched:?}");
}

async fn what_is_forgotten_counts_as_missed(place: &Place) {
    let store = place.open().await;
    let changes = (10..20).map(|second| change(second, &second.to_string()));
    store.hear(heard(Some(0), 5, vec![])).await.unwrap();
    store
        .hear(heard(Some(8), 20, changes.collect()))
        .await
        .unwrap();
    assert!(!store.forget_changes(at(12), 99).await.unwrap());
    assert_eq!(kept(&*store).await.len(), 8);
    let since = async || store.watched(&"shop".into()).await.unwrap()[0].from;
    assert_eq!(since().await, at(12));
    assert!(!store.forget_changes(at(0), 3).await.unwrap());
    assert_eq!(kept(&*store).await, ["17", "18", "19"]);
    assert!(at(16) < since().await && since().await <= at(17));
    assert_eq!(store.watched(&"shop".into()).await.unwrap().len(), 1);
}

async fn runs_that_may_have_been_at_work_are_found(place: &Place) {
    let store = place.open().await;
    let mut runs = vec![];
    for ended in [Some(100), Some(300), None] {
        let run = store.create(new_run()).await.unwrap();
        store.append(append(run, 1, Event::Started)).await.unwrap();
        if let Some(ended) = ended {
            let mut last = finish(run, 2, "done");
            last.at = at(ended);
            store.append(last).await.unwrap();
        }
        runs.push(run);
    }
    let found = async |since, most| store.runs_since(at(since), most).await.unwrap();
    assert_eq!(found(200, 9).await, [runs[2], runs[1]]);
    assert_eq!(found(50, 9).await, [runs[2], runs[1], runs[0]]);
    assert_eq!(found(50, 2).await, [runs[2], runs[1]]);
}

on_both![
    what_is_told_twice_is_kept_once,
    a_time_that_was_missed_stays_between_two_that_were_not,
    what_is_forgotten_counts_as_missed,
    runs_that_may_have_been_at_work_are_found,
];

//! What people are still to be told.

use purser::domain::names::PlaceName;
use purser::domain::notice::{Kind, Notice, NoticeId};
use purser::domain::run::{RunStatus, WaitingFor};
use purser::engine::seal_waiting;
use purser::store::{Append, Backlog, Reached, Settled, Store, Telling};

use super::on_both;
use super::place::{Place, append, at, draft, new_run, recorded};
use crate::support::world::key;

fn notice(id: &str) -> Notice {
    Notice::test(NoticeId::new(id), at(0), "ann")
}

fn question(id: &str) -> Notice {
    Notice {
        kind: Kind::RunWaiting,
        ..notice(id)
    }
}

fn place_named(name: &str) -> PlaceName {
    PlaceName::from(name)
}

async fn tell(store: &dyn Store, to: &str, notices: Vec<Notice>, when: i64) {
    let reached = store.begin_telling().await.unwrap();
    let to = place_named(to);
    let telling = Telling {
        notices: notices.into_iter().map(|one| (to.clone(), one)).collect(),
        reached,
        at: at(when),
    };
    store.tell(telling).await.unwrap();
}

async fn waiting(store: &dyn Store, to: &str) -> Vec<(i64, String)> {
    let waiting = store.waiting_notices(&place_named(to), 99).await.unwrap();
    let id = |notice: &Notice| notice.id.as_str().to_owned();
    waiting
        .iter()
        .map(|one| (one.row, id(&one.notice)))
        .collect()
}

fn ids(rows: &[(i64, String)]) -> Vec<&str> {
    rows.iter().map(|(_, id)| id.as_str()).collect()
}

async fn what_has_a_receipt_before_the_first_start_is_not_told(place: &Place) {
    let store = place.open().await;
    store.add_receipt(draft("one")).await.unwrap();
    seal_waiting(&*store, &key()).await.unwrap();
    store.add_receipt(draft("two, unsealed")).await.unwrap();
    let first = Reached {
        receipt: 2,
        digest_at: None,
        digest_receipt: 2,
    };
    assert_eq!(store.begin_telling().await, Ok(first));
    store.add_receipt(draft("three")).await.unwrap();
    assert_eq!(store.begin_telling().await, Ok(first), "it begins once");
    let reached = Reached {
        receipt: 3,
        digest_at: Some(at(5)),
        digest_receipt: 2,
    };
    let telling = Telling {
        notices: vec![],
        reached,
        at: at(5),
    };
    store.tell(telling).await.unwrap();
    let store = place.reopen(store).await;
    assert_eq!(store.begin_telling().await, Ok(reached));
}

async fn notices_wait_in_order_and_each_once(place: &Place) {
    let store = place.open().await;
    tell(
        &*store,
        "ops",
        vec![notice("b"), notice("a"), notice("b")],
        0,
    )
    .await;
    tell(&*store, "ops", vec![notice("a"), notice("c")], 1).await;
    tell(&*store, "dev", vec![notice("a")], 2).await;
    let ops = waiting(&*store, "ops").await;
    assert_eq!(ids(&ops), ["b", "a", "c"]);
    store.settle_notice(ops[0].0, Settled::Over).await.unwrap();
    let again = Settled::Again {
        at: at(9),
        why: "no\0answer".to_owned(),
    };
    store.settle_notice(ops[1].0, again).await.unwrap();
    let store = place.reopen(store).await;
    let rows = store.waiting_notices(&place_named("ops"), 1).await.unwrap();
    assert_eq!(rows.len(), 1, "as many as are asked for");
    assert_eq!(
        (rows[0].attempts, rows[0].next_at, rows[0].put_at),
        (1, at(9), at(0))
    );
    let backlog = store.backlog().await.unwrap();
    let dev = Backlog {
        place: place_named("dev"),
        waiting: 1,
        oldest: at(2),
        problem: None,
    };
    assert_eq!(backlog[0], dev, "by name");
    assert_eq!((backlog[1].waiting, backlog[1].oldest), (2, at(0)));
    let problem = backlog[1].problem.clone().unwrap();
    assert_eq!(problem.replace('\u{2400}', "\0"), "no\0answer");
}

async fn a_row_is_never_used_twice(place: &Place) {
    let store = place.open().await;
    tell(&*store, "ops", vec![notice("a")], 0).await;
    let first = waiting(&*store, "ops").await[0].0;
    store.settle_notice(first, Settled::Over).await.unwrap();
    let store = place.reopen(store).await;
    tell(&*store, "ops", vec![notice("b")], 1).await;
    assert!(waiting(&*store, "ops").await[0].0 > first);
}

async fn many_become_one_at_the_place_of_the_first(place: &Place) {
    let store = place.open().await;
    let all = ["a", "b", "c", "d"].map(notice).to_vec();
    tell(&*store, "ops", all, 0).await;
    let rows: Vec<_> = waiting(&*store, "ops").await;
    let folded = vec![rows[1].0, rows[2].0];
    store.fold_notices(folded, notice("b and c")).await.unwrap();
    store.fold_notices(vec![], notice("nothing")).await.unwrap();
    let left = waiting(&*store, "ops").await;
    assert_eq!(ids(&left), ["a", "b and c", "d"]);
    assert_eq!(left[1].0, rows[1].0);
}

async fn another_place_gets_what_one_does_not_take(place: &Place) {
    let store = place.open().await;
    tell(&*store, "ops", vec![notice("old")], 0).await;
    tell(&*store, "ops", vec![notice("refused")], 50).await;
    tell(&*store, "ops", vec![notice("new")], 60).await;
    let refused = waiting(&*store, "ops").await[1].0;
    let elsewhere = Settled::Elsewhere {
        to: place_named("mail"),
        why: "it is gone".to_owned(),
        older: at(10),
        at: at(70),
    };
    store.settle_notice(refused, elsewhere).await.unwrap();
    assert_eq!(ids(&waiting(&*store, "ops").await), ["new"]);
    let mail = store
        .waiting_notices(&place_named("mail"), 9)
        .await
        .unwrap();
    let why = |n: usize| mail[n].notice.instead_of.as_ref().unwrap().why.as_str();
    assert_eq!(
        (mail.len(), why(0), why(1)),
        (2, "it is gone", "it is gone")
    );
    assert_eq!(mail[0].put_at, at(70));
}

async fn a_question_that_was_told_is_not_told_again_while_it_asks(place: &Place) {
    let store = place.open().await;
    tell(&*store, "ops", vec![question("q1"), question("q2")], 0).await;
    for (row, _) in waiting(&*store, "ops").await {
        store.settle_notice(row, Settled::Over).await.unwrap();
    }
    tell(&*store, "ops", vec![question("q1"), notice("n")], 1).await;
    assert_eq!(ids(&waiting(&*store, "ops").await), ["n"]);
    store
        .forget_answered(vec![NoticeId::new("q2")])
        .await
        .unwrap();
    tell(&*store, "ops", vec![question("q1"), question("q2")], 2).await;
    assert_eq!(ids(&waiting(&*store, "ops").await), ["n", "q1"]);
    store.forget_answered(vec![]).await.unwrap();
    assert_eq!(
        ids(&waiting(&*store, "ops").await),
        ["n"],
        "only questions are answered"
    );
}

async fn the_runs_that_wait_for_people_are_known(place: &Place) {
    let store = place.open().await;
    let mut asking = vec![];
    for waits_for in [
        WaitingFor::Approval,
        WaitingFor::Timer,
        WaitingFor::Decision,
    ] {
        let run = store.create(new_run()).await.unwrap();
        let waits = Append {
            status: RunStatus::Waiting(waits_for),
            ..append(run, 1, recorded("waits"))
        };
        store.append(waits).await.unwrap();
        if waits_for != WaitingFor::Timer {
            asking.push((run, 2));
        }
    }
    assert_eq!(store.asking_runs().await.unwrap(), asking);
}

on_both![
    what_has_a_receipt_before_the_first_start_is_not_told,
    notices_wait_in_order_and_each_once,
    a_row_is_never_used_twice,
    many_become_one_at_the_place_of_the_first,
    another_place_gets_what_one_does_not_take,
    a_question_that_was_told_is_not_told_again_while_it_asks,
    the_runs_that_wait_for_people_are_known,
];

//! Receipts: unsealed in the order of their commits, then a chain.

use purser::domain::receipt::Chain;
use purser::engine::seal_waiting;
use purser::store::Store;

use super::on_both;
use super::place::{Place, draft, finish, new_run};
use crate::support::world::key;

async fn waiting(store: &dyn Store) -> Vec<String> {
    let drafts = store.unsealed_receipts().await.unwrap();
    let text =
        |draft: &purser::domain::receipt::Draft| draft.texts.values().next().unwrap().text.clone();
    drafts.iter().map(|(_, draft)| text(draft)).collect()
}

async fn receipts_wait_in_the_order_of_their_commits(place: &Place) {
    let store = place.open().await;
    store.add_receipt(draft("one")).await.unwrap();
    let run = store.create(new_run()).await.unwrap();
    store.append(finish(run, 1, "two")).await.unwrap();
    assert!(store.append(finish(run, 1, "refused")).await.is_err());
    store.add_receipt(draft("three")).await.unwrap();
    assert_eq!(waiting(&*store).await, ["one", "two", "three"]);
    assert_eq!(
        store.receipt_of(run).await.unwrap(),
        None,
        "it is not sealed yet"
    );
    let store = place.reopen(store).await;
    seal_waiting(&*store, &key()).await.unwrap();
    assert_eq!(store.receipt_of(run).await.unwrap().unwrap().seq, 2);
    assert_eq!(waiting(&*store).await, [""; 0]);
}

async fn sealed_ones_are_a_chain_that_can_be_read_from_both_ends(place: &Place) {
    let store = place.open().await;
    assert_eq!(store.last_receipt().await.unwrap(), None);
    for name in ["one", "two", "three", "four"] {
        store.add_receipt(draft(name)).await.unwrap();
    }
    seal_waiting(&*store, &key()).await.unwrap();
    let all = store.receipts_after(0, 99).await.unwrap();
    let mut chain = Chain::default();
    for receipt in &all {
        chain.next(receipt, &key().verifying_key()).unwrap();
    }
    let last = all.last().unwrap();
    assert_eq!(
        store.last_receipt().await.unwrap(),
        Some((4, last.hash.clone()))
    );
    let places = |receipts: Vec<purser::domain::receipt::Receipt>| {
        receipts
            .iter()
            .map(|receipt| receipt.seq)
            .collect::<Vec<_>>()
    };
    assert_eq!(places(store.receipts_after(1, 2).await.unwrap()), [2, 3]);
    assert_eq!(places(store.latest_receipts(2).await.unwrap()), [4, 3]);
    assert_eq!(store.receipt_at(3).await.unwrap().as_ref(), Some(&all[2]));
    assert_eq!(store.receipt_at(9).await.unwrap(), None);
}

async fn a_receipt_has_one_place_and_a_place_one_receipt(place: &Place) {
    let store = place.open().await;
    store.add_receipt(draft("one")).await.unwrap();
    store.add_receipt(draft("two")).await.unwrap();
    let drafts = store.unsealed_receipts().await.unwrap();
    let seal = |n: usize| purser::domain::receipt::Receipt::seal(drafts[n].1.clone(), None, &key());
    store.seal_receipt(drafts[0].0, seal(0)).await.unwrap();
    assert!(
        store.seal_receipt(drafts[1].0, seal(1)).await.is_err(),
        "the place is taken"
    );
    let sealed = store.receipt_at(1).await.unwrap();
    store.seal_receipt(drafts[0].0, seal(1)).await.unwrap();
    assert_eq!(
        store.receipt_at(1).await.unwrap(),
        sealed,
        "a seal is not broken"
    );
    assert_eq!(waiting(&*store).await, ["two"]);
}

on_both![
    receipts_wait_in_the_order_of_their_commits,
    sealed_ones_are_a_chain_that_can_be_read_from_both_ends,
    a_receipt_has_one_place_and_a_place_one_receipt,
];

//! What persons have to themselves, as it is kept.

use purser::domain::hold::Lock;

use super::on_both;
use super::place::{Place, at, draft};

/// A lock of an hour.
pub fn lock(target: &str, owner: &str) -> Lock {
    Lock {
        target: target.parse().unwrap(),
        owner: owner.into(),
        reason: "the disk is being changed".to_owned(),
        since: at(0),
        until: at(3600),
    }
}

async fn each_change_of_a_lock_has_its_receipt(place: &Place) {
    let store = place.open().await;
    let renewed = Lock {
        until: at(7200),
        ..lock("shop/web", "ann")
    };
    for (lock, why) in [
        (lock("shop/web", "ann"), "locked"),
        (lock("orders-db", "bo"), "locked too"),
        (renewed.clone(), "renewed"),
    ] {
        store.set_lock(lock, draft(why)).await.unwrap();
    }
    let store = place.reopen(store).await;
    assert_eq!(
        store.locks().await.unwrap(),
        [lock("orders-db", "bo"), renewed.clone()]
    );
    store
        .remove_lock("orders-db".parse().unwrap(), draft("released"))
        .await
        .unwrap();
    assert_eq!(store.locks().await.unwrap(), [renewed]);
    assert_eq!(store.unsealed_receipts().await.unwrap().len(), 4);
}

on_both![each_change_of_a_lock_has_its_receipt];

//! Which identities of chats belong to whom, as it is kept.

use purser::domain::link::{Identity, Link};

use super::on_both;
use super::place::{Place, at, draft};

pub fn identity(id: &str) -> Identity {
    Identity {
        platform: "discord".to_owned(),
        id: id.to_owned(),
    }
}

/// An identity that was linked in this second.
pub fn link(id: &str, person: &str, second: i64) -> Link {
    Link {
        identity: identity(id),
        person: person.into(),
        linked_at: at(second),
    }
}

async fn each_change_of_an_identity_has_its_receipt(place: &Place) {
    let store = place.open().await;
    for (link, why) in [
        (link("22", "bo", 1), "linked"),
        (link("11", "ann", 2), "linked too"),
        (link("22", "cy", 3), "whose it was before is forgotten"),
    ] {
        store.link_identity(link, draft(why)).await.unwrap();
    }
    let store = place.reopen(store).await;
    assert_eq!(
        store.identities().await.unwrap(),
        [link("11", "ann", 2), link("22", "cy", 3)]
    );
    let unlinked = store.unlink_identity(identity("11"), draft("unlinked"));
    unlinked.await.unwrap();
    assert_eq!(store.identities().await.unwrap(), [link("22", "cy", 3)]);
    assert_eq!(store.unsealed_receipts().await.unwrap().len(), 4);
}

async fn identities_are_seen_from_outside_too(place: &Place) {
    assert_eq!(place.peek().await, [], "there is no store yet");
    let store = place.open().await;
    let linked = store.link_identity(link("11", "ann", 2), draft("linked"));
    linked.await.unwrap();
    assert_eq!(place.peek().await, [link("11", "ann", 2)]);
    store.let_go().await;
}

on_both![
    each_change_of_an_identity_has_its_receipt,
    identities_are_seen_from_outside_too,
];

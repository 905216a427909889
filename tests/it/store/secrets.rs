//! Secrets, as sealed as they come.

use purser::domain::names::SecretName;
use purser::store::SecretRow;

use super::on_both;
use super::place::{Place, at, draft};

fn row(name: &str, sealed: &[u8]) -> SecretRow {
    SecretRow {
        name: name.parse().unwrap(),
        sealed: sealed.to_vec(),
        set_at: at(3),
        set_by: "ann".into(),
    }
}

async fn each_change_of_a_secret_has_its_receipt(place: &Place) {
    let store = place.open().await;
    let bytes = [0, 255, 10, 0, 39];
    store
        .set_secret(row("b", b"old"), draft("set b"))
        .await
        .unwrap();
    store
        .set_secret(row("B", &bytes), draft("set B"))
        .await
        .unwrap();
    store
        .set_secret(row("b", b"new"), draft("set b again"))
        .await
        .unwrap();
    let store = place.reopen(store).await;
    assert_eq!(
        store.secrets().await.unwrap(),
        [row("B", &bytes), row("b", b"new")]
    );
    let b: SecretName = "b".parse().unwrap();
    let resealed = vec![(b.clone(), b"sealed anew".to_vec())];
    store
        .reseal_secrets(resealed, vec![], draft("rekeyed"))
        .await
        .unwrap();
    assert_eq!(
        store.secret(&b).await.unwrap(),
        Some(row("b", b"sealed anew"))
    );
    store
        .remove_secret(b.clone(), draft("removed"))
        .await
        .unwrap();
    assert_eq!(store.secret(&b).await.unwrap(), None);
    assert_eq!(store.unsealed_receipts().await.unwrap().len(), 5);
}

on_both![each_change_of_a_secret_has_its_receipt];

//! Secrets, as sealed as they come.

use purser::domain::names::{RunId, SecretName};
use purser::store::{GivenSecret, NewRun, SecretRow};

use super::on_both;
use super::place::{Place, at, draft, finish, new_run};
use super::retention::tell_all;

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

fn given(run: RunId, input: &str, sealed: &[u8]) -> GivenSecret {
    GivenSecret {
        run,
        input: input.to_owned(),
        sealed: sealed.to_vec(),
    }
}

async fn what_a_run_is_given_comes_and_goes_with_it(place: &Place) {
    let store = place.open().await;
    let with = |secrets: &[(&str, &[u8])]| {
        let mut run = new_run();
        let secret = |(input, sealed): &(&str, &[u8])| ((*input).to_owned(), sealed.to_vec());
        run.secrets = secrets.iter().map(secret).collect();
        run
    };
    let live = with(&[("password", b"one"), ("token", &[0, 255, 10])]);
    let live = store.create(live).await.unwrap();
    let over = store.create(with(&[("password", b"two")])).await.unwrap();
    store.append(finish(over, 1, "done")).await.unwrap();
    let mut keyed = with(&[("password", b"three")]);
    keyed.idempotency_key = Some("k".to_owned());
    let first = store.create(keyed.clone()).await.unwrap();
    let again = NewRun {
        id: new_run().id,
        secrets: vec![("password".to_owned(), b"other".to_vec())],
        ..keyed
    };
    assert_eq!(store.create(again).await, Ok(first));
    let store = place.reopen(store).await;
    let (one, token) = (
        given(live, "password", b"one"),
        given(live, "token", &[0, 255, 10]),
    );
    let (two, three) = (
        given(over, "password", b"two"),
        given(first, "password", b"three"),
    );
    let of_live = [one.clone(), token.clone(), three.clone()];
    assert_eq!(store.live_given_secrets().await.unwrap(), of_live);
    let all = [one.clone(), token, two.clone(), three];
    assert_eq!(store.given_secrets().await.unwrap(), all);
    assert_eq!(
        store.given_secret(live, "password").await.unwrap(),
        Some(one)
    );
    assert_eq!(store.given_secret(live, "pin").await.unwrap(), None);
    let anew = given(over, "password", b"sealed anew");
    store
        .reseal_secrets(vec![], vec![anew.clone()], draft("rekeyed"))
        .await
        .unwrap();
    assert_eq!(
        store.given_secret(over, "password").await.unwrap(),
        Some(anew)
    );

    tell_all(&*store).await;
    let forgotten = store.forget_runs(at(9), at(9)).await.unwrap();
    assert_eq!(forgotten.runs, [over]);
    assert_eq!(store.given_secrets().await.unwrap(), of_live);
}

on_both![
    each_change_of_a_secret_has_its_receipt,
    what_a_run_is_given_comes_and_goes_with_it,
];

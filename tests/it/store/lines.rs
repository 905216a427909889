//! What steps say.

use purser::domain::names::StepId;

use super::on_both;
use super::place::{Place, SECRET, new_run};

fn lines(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

async fn lines_stay_in_order_and_the_last_are_told(place: &Place) {
    let store = place.open().await;
    let run = store.create(new_run()).await.unwrap();
    let (one, two) = (StepId::from("one"), StepId::from("two"));
    store
        .add_lines(run, one.clone(), lines(&["a", "b"]))
        .await
        .unwrap();
    store
        .add_lines(run, two.clone(), lines(&["other"]))
        .await
        .unwrap();
    store.add_lines(run, one.clone(), vec![]).await.unwrap();
    let store = place.reopen(store).await;
    store
        .add_lines(run, one.clone(), lines(&["c", ""]))
        .await
        .unwrap();
    assert_eq!(
        store.last_lines(run, &one, 9).await.unwrap(),
        ["a", "b", "c", ""]
    );
    assert_eq!(store.last_lines(run, &one, 2).await.unwrap(), ["c", ""]);
    assert_eq!(store.last_lines(run, &two, 9).await.unwrap(), ["other"]);
    store
        .replace_lines(run, one.clone(), lines(&["anew"]))
        .await
        .unwrap();
    store
        .add_lines(run, one.clone(), lines(&["and on"]))
        .await
        .unwrap();
    assert_eq!(
        store.last_lines(run, &one, 9).await.unwrap(),
        ["anew", "and on"]
    );
}

async fn a_line_may_hold_anything_but_a_secret(place: &Place) {
    let store = place.open().await;
    let run = store.create(new_run()).await.unwrap();
    let step = StepId::from("one");
    let said = lines(&["\0 \u{7} [\"json\"] {} \\u0000", &format!("key={SECRET}")]);
    store
        .add_lines(run, step.clone(), said.clone())
        .await
        .unwrap();
    let kept = store.last_lines(run, &step, 9).await.unwrap();
    assert_eq!(kept[0].replace('\u{2400}', "\0"), said[0]);
    assert!(
        kept[1].starts_with("key=") && !kept[1].contains(SECRET),
        "{kept:?}"
    );
}

async fn lines_that_are_added_at_the_same_time_are_all_kept(place: &Place) {
    let store = place.open().await;
    let run = store.create(new_run()).await.unwrap();
    let step = StepId::from("one");
    let adds = (0..40).map(|n| {
        let pair = vec![format!("{n} first"), format!("{n} second")];
        store.add_lines(run, step.clone(), pair)
    });
    for added in futures_util::future::join_all(adds).await {
        added.unwrap();
    }
    let kept = store.last_lines(run, &step, 999).await.unwrap();
    assert_eq!(kept.len(), 80);
    for pair in kept.chunks(2) {
        let (n, _) = pair[0].split_once(' ').unwrap();
        assert_eq!(pair[1], format!("{n} second"), "a pair stays together");
    }
}

on_both![
    lines_stay_in_order_and_the_last_are_told,
    a_line_may_hold_anything_but_a_secret,
    lines_that_are_added_at_the_same_time_are_all_kept,
];

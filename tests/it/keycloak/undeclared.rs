//! Somebody logs in by the secret whom nobody has declared.

use super::orders::{CLIENT, Different, Orders};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_not_declared_is_in_the_plan_and_has_all_go_back_when_he_is_turned_away() {
    let mut orders = Orders::with(Different::only("invoices")).await;
    let every = ("LOGIN_EVERY_MS", "200");
    let secret = ("LOGIN_SECRET", orders.old.as_str());
    let stranger = orders.project.consumer("stranger", &[secret, every]);
    stranger.logs_in(1).await;
    orders.home.up().await;
    let known = stranger.address.to_string();
    let plan = orders
        .says(&["plan", "go"])
        .await
        .replace(&known, "(the stranger)");
    let note = plan.lines().find(|line| line.contains("(the stranger)"));
    insta::assert_snapshot!(note.unwrap().trim(), @"· somebody at (the stranger) logs in by it, and is no consumer that is declared: if that is one, the rotation will be taken back when it is turned away");
    let run = orders.rotate(&[]).await;
    insta::assert_snapshot!(orders.summary(&run).replace(&known, "(the stranger)"), @"rolled_back: step `rotate` failed: (the stranger) is no longer let in to the client orders of `sso` (invalid_client_credentials): a consumer that is not declared still uses the old secret, or one that is uses another than it was given Everything that it had done was taken back.");
    orders.all_use(&orders.old).await;
    let before = stranger.logins().await.failed;
    assert!(before > 0);
    assert_eq!(stranger.logs_in(2).await.failed, before);
    assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
    orders.close().await;
}

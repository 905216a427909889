//! `keycloak.rotate_client_secret`, with services that log in all the while.

use serde_json::{Value, json};

use super::orders::{CLIENT, Different, Orders};
use crate::support::patience;

#[tokio::test(flavor = "multi_thread")]
async fn each_service_gets_the_new_secret_and_nobody_is_turned_away() {
    let mut orders = Orders::new().await;
    orders.home.up().await;
    let before = orders.made_at("orders");
    let plan = orders.says(&["plan", "go"]).await;
    insta::assert_snapshot!(plan, @"");
    let run = orders.rotate(&[]).await;
    assert_eq!(run["run"]["ended"]["state"], "succeeded", "{run:#}");
    let new = orders.realm.secret(CLIENT).await;
    assert_ne!(new, orders.old);
    orders.all_use(&new).await;
    assert!(!orders.realm.logs_in(CLIENT, &orders.old).await);
    assert_eq!(orders.turned_away().await, [0; 3]);
    assert_ne!(
        orders.made_at("orders"),
        before,
        "its environment is another one"
    );
    insta::assert_debug_snapshot!(orders.containers(), @"");
    insta::assert_snapshot!(orders.plain(&run["run"]["steps"]["rotate"]["output"]), @"");
    orders.nothing_is_kept_of([&orders.old, &new]).await;
    orders.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_one_secret_counts_it_is_refused_or_done_with_a_gap() {
    let mut orders = Orders::with(Different {
        one: true,
        ..Different::default()
    })
    .await;
    orders.home.up().await;
    let run = orders.rotate(&[]).await;
    insta::assert_snapshot!(orders.summary(&run), @"");
    orders.all_use(&orders.old).await;
    assert_eq!(orders.turned_away().await, [0; 3]);

    let run = orders.rotate(&["--input", "gap=true"]).await;
    assert_eq!(run["run"]["ended"]["state"], "succeeded", "{run:#}");
    let new = orders.realm.secret(CLIENT).await;
    orders.all_use(&new).await;
    let output = &run["run"]["steps"]["rotate"]["output"];
    let gap = output["gap_seconds"].as_f64().unwrap();
    assert!(gap > 0.0 && gap < 60.0, "{output}");
    orders.close().await;
}

/// It says that it has the new secret, and logs in by the old one; that shows only once that is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_goes_on_with_the_old_secret_has_all_go_back() {
    for (what, environment) in [("lies", ("LIE", "1")), ("is not told", ("STUCK", "1"))] {
        let mut orders = Orders::with(Different {
            invoices: vec![environment],
            ..Different::default()
        })
        .await;
        orders.home.up().await;
        let run = orders.rotate(&[]).await;
        assert_eq!(
            run["run"]["ended"]["state"], "rolled_back",
            "{what}: {run:#}"
        );
        let summary = orders.summary(&run);
        assert!(summary.contains("invoices was turned away"), "{summary}");
        assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
        orders.all_use(&orders.old).await;
        assert_eq!(orders.turned_away_of("orders").await, 0);
        orders.nothing_is_kept_of([&orders.old]).await;
        orders.close().await;
    }
}

/// The process dies when the new secret is with the first service, and a person has Keycloak draw another
/// one before it is back: the new one counts beside that, and nobody is helped by going back.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_rotates_meanwhile_is_noticed_and_a_person_says_whose_counts() {
    for goes_on in [true, false] {
        let mut orders = Orders::new().await;
        let run = orders.dies_at("write_secret/done").await;
        let theirs = orders.realm.rotate(CLIENT).await;
        orders.home.up().await;
        let asked = orders.waits(&run).await;
        let known = asked["run"]["steps"]["rotate"]["question"]["known"]
            .as_str()
            .unwrap();
        insta::allow_duplicates! { insta::assert_snapshot!(known, @""); }
        let ours = orders.held("invoices");
        assert!(orders.realm.logs_in(CLIENT, &ours).await);
        if goes_on {
            orders.says(&["decide", &run, "go-on"]).await;
            let ended = orders.home.ends(&run).await;
            assert_eq!(ended["run"]["ended"]["state"], "succeeded", "{ended:#}");
            assert!(!orders.realm.logs_in(CLIENT, &theirs).await);
            orders.all_use(&ours).await;
        } else {
            orders.says(&["cancel", &run]).await;
            let ended = orders.home.ends(&run).await;
            insta::assert_snapshot!(orders.summary(&ended), @"");
            assert_eq!(orders.realm.secret(CLIENT).await, theirs);
            for service in orders.services() {
                service.uses(&ours).await;
                service.logs_in(2).await;
            }
        }
        orders.close().await;
    }
}

/// With all that the page showed before: the secret of before counts beside theirs, and the new one no more.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_sets_a_secret_that_ends_the_new_one_has_the_services_go_back_to_what_counts()
{
    let mut orders = Orders::new().await;
    let run = orders.dies_at("write_secret/done").await;
    orders.realm.set_secret(CLIENT, "set-by-a-person-0").await;
    orders.home.up().await;
    let ended = orders.home.ends(&run).await;
    insta::assert_snapshot!(orders.summary(&ended), @"");
    assert_eq!(orders.realm.secret(CLIENT).await, "set-by-a-person-0");
    for service in orders.services() {
        service.uses(&orders.old).await;
        service.logs_in(2).await;
    }
    orders.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_rotated_is_refused_with_what_to_do() {
    let mut orders = Orders::new().await;
    let realm = &orders.realm;
    realm.public_client("page").await;
    realm.bearer_only_client("api").await;
    realm.client("alone").await;
    let steps = "inputs: { client: { type: string, required: true } }
steps:
  - { id: rotate, uses: keycloak.rotate_client_secret, with: { client: \"{{ inputs.client }}\" } }
";
    orders.home.workflow("any", steps);
    orders.home.up().await;
    let mut told = Vec::new();
    for client in ["page", "api", "alone", "order", "purser"] {
        let run = orders
            .home
            .starts(&["any", "--input", &format!("client={client}")])
            .await;
        let run = orders.home.ends(&run).await;
        told.push(orders.summary(&run));
    }
    // Another secret than Keycloak's lies with one of them.
    orders.project.write("invoices", "another-secret");
    told.push(orders.summary(&orders.rotate(&[]).await));
    orders.project.write("invoices", &orders.old);
    // One of before still counts.
    let theirs = orders.realm.rotate(CLIENT).await;
    told.push(orders.summary(&orders.rotate(&[]).await));
    orders.realm.revoke_rotated(CLIENT).await;
    orders.realm.set_secret(CLIENT, &orders.old).await;
    insta::assert_snapshot!(told.join("\n"), @"");
    let all: Value = json!([
        orders.turned_away().await,
        orders.realm.secret(CLIENT).await == theirs
    ]);
    assert_eq!(all[1], false);
    patience::until("all is as it was", async || {
        orders.realm.logs_in(CLIENT, &orders.old).await
    })
    .await;
    orders.close().await;
}

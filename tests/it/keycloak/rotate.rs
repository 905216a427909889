//! `keycloak.rotate_client_secret`, with services that log in all the while.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::orders::{CLIENT, Different, Orders};
use crate::support::keycloak::seen_from_here;
use crate::support::patience;

#[tokio::test(flavor = "multi_thread")]
async fn each_service_gets_the_new_secret_and_nobody_is_turned_away() {
    let mut orders = Orders::new().await;
    orders.home.up().await;
    let before = orders.made_at("orders");
    let plan = orders.says(&["plan", "go"]).await;
    insta::assert_snapshot!(plan, @"
    rotate: keycloak.rotate_client_secret on sso
        rotate the secret of the client orders in the realm shop, for 3 consumers
          ~ the secret of orders: the old one → a new one
          ~ orders: the old one in LOGIN_SECRET in /srv/x/orders.env → the new one; x/orders is made anew
          ~ invoices: the old one in /srv/x/invoices → the new one; x/invoices is sent SIGHUP
          ~ reports: the old one in http://store/secret → the new one; x/reports reads it again within 1s
          · the old secret counts until each consumer has logged in by the new one; then it is revoked, and each has to log in once more
          · Keycloak refuses the new secret too from TIME on (30days), unless it is rotated before
    plan HEX
    ");
    let run = orders.rotate(&[]).await;
    orders.expect(&run, "succeeded").await;
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
    insta::assert_debug_snapshot!(orders.containers(), @r#"
    [
        "x-invoices-1",
        "x-orders-1",
        "x-reports-1",
        "x-store-1",
    ]
    "#);
    insta::assert_snapshot!(orders.plain(&run["run"]["steps"]["rotate"]["output"]), @r#"
    {
      "client": "orders",
      "consumers": [
        {
          "consumer": "orders",
          "place": "LOGIN_SECRET in /srv/x/orders.env",
          "proof": "logged_in"
        },
        {
          "consumer": "invoices",
          "place": "/srv/x/invoices",
          "proof": "logged_in"
        },
        {
          "consumer": "reports",
          "place": "http://store/secret",
          "proof": "logged_in"
        }
      ],
      "gap_seconds": 0.0,
      "old_refused": true,
      "locked_out_at": "TIME",
      "message": "orders has a new secret, proven by orders (logged in), invoices (logged in), reports (logged in): the old one is refused, nobody was seen to be turned away"
    }
    "#);
    orders.nothing_is_kept_of(&[&orders.old, &new]).await;
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
    insta::assert_snapshot!(orders.summary(&run), @"failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: no policy has Keycloak keep two secrets of it: set that up (`keycloak.set_up_rotation`), or rotate with a gap, in which nobody is let in (`allow_gap: true`) Nothing was changed.");
    orders.all_use(&orders.old).await;
    assert_eq!(orders.turned_away().await, [0; 3]);

    let run = orders.rotate(&["--input", "gap=true"]).await;
    orders.expect(&run, "succeeded").await;
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
    for environment in [("LIE", "1"), ("STUCK", "1")] {
        let mut orders = Orders::with(Different {
            invoices: vec![environment],
            ..Different::default()
        })
        .await;
        orders.home.up().await;
        let run = orders.rotate(&[]).await;
        orders.expect(&run, "rolled_back").await;
        orders.expect_reason(&run, "invoices was turned away").await;
        assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
        orders.all_use(&orders.old).await;
        assert_eq!(orders.turned_away_of("orders").await, 0);
        orders.nothing_is_kept_of(&[&orders.old]).await;
        orders.close().await;
    }
}

/// It ends as soon as it is restarted; what is wrong is set right while its old secret is given back.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_come_up_again_gets_its_old_secret_and_is_started() {
    let mut orders = Orders::with(Different {
        invoices: vec![("CRASH_IF", "/secrets/hurt")],
        reload: Some(json!({ "restart": true, "within": "5s" })),
        ..Different::only("invoices")
    })
    .await;
    orders.home.up().await;
    orders.project.write("hurt", "");
    let run = orders.home.starts(&["go"]).await;
    orders.has_failed(&run).await;
    std::fs::remove_file(orders.project.file("hurt")).unwrap();
    let ended = orders.home.ends(&run).await;
    orders.expect(&ended, "rolled_back").await;
    insta::assert_snapshot!(orders.summary(&ended), @"rolled_back: step `rotate` failed: x-invoices-1 (purser-test/web:v1) on `shop`: it ended with exit code 3 Everything that it had done was taken back.");
    orders.all_use(&orders.old).await;
    orders.close().await;
}

/// It is restarted, and reads what nobody has written to.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_comes_up_with_the_old_secret_has_all_go_back() {
    let mut orders = Orders::with(Different {
        invoices: vec![("LOGIN_SECRET_FILE", "/secrets/another")],
        reload: Some(json!({ "restart": true, "within": "10s" })),
        ..Different::only("invoices")
    })
    .await;
    orders.project.write("another", &orders.old);
    let service = orders.service("invoices");
    service.hang_up();
    service.uses(&orders.old).await;
    orders.home.up().await;
    let run = orders.rotate(&[]).await;
    orders.expect(&run, "rolled_back").await;
    insta::assert_snapshot!(orders.summary(&run), @"rolled_back: step `rotate` failed: invoices was turned away by the client orders of `sso` after it had been given its secret: invalid_client_credentials Everything that it had done was taken back.");
    orders.all_use(&orders.old).await;
    orders.close().await;
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
        insta::allow_duplicates! { insta::assert_snapshot!(known, @"somebody else has set another secret of the client orders of `sso` since this run has issued its own. Every consumer has this run's, which still counts beside it. Go on, and this run's secret counts alone; cancel, and the other one stays"); }
        let ours = orders.held("invoices");
        assert!(orders.realm.logs_in(CLIENT, &ours).await);
        if goes_on {
            orders.says(&["decide", &run, "go-on"]).await;
            let ended = orders.home.ends(&run).await;
            orders.expect(&ended, "succeeded").await;
            assert!(!orders.realm.logs_in(CLIENT, &theirs).await);
            orders.all_use(&ours).await;
        } else {
            orders.says(&["cancel", &run]).await;
            let ended = orders.home.ends(&run).await;
            insta::assert_snapshot!(orders.summary(&ended), @"cancelled: cancelled by ann Left as it is: `rotate`: the client orders of `sso` keeps the secret that somebody else has set meanwhile; reports keeps this run's secret, which counts until the other one is rotated; invoices keeps this run's secret, which counts until the other one is rotated; orders keeps this run's secret, which counts until the other one is rotated.");
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
    insta::assert_snapshot!(orders.summary(&ended), @"failed: step `rotate` failed: somebody else has set another secret of the client orders of `sso` in the middle of this rotation, and the one that was issued does not count any more: see who did (its events of administrators), give the consumers what is to count, and rotate again Left as it is: `rotate`: the client orders of `sso` keeps the secret that somebody else has set meanwhile.");
    assert_eq!(orders.realm.secret(CLIENT).await, "set-by-a-person-0");
    for service in orders.services() {
        service.uses(&orders.old).await;
        service.logs_in(2).await;
    }
    orders.close().await;
}

/// A user's code that has run out is no matter of the secret; a stranger who logs users in by the old one is.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_refused_for_its_secret_counts_and_that_in_every_way_of_logging_in() {
    let mut orders = Orders::with(Different::only("invoices")).await;
    orders.home.up().await;
    let realm = &orders.realm;
    let asks = async |secret: Option<&str>, grant: &str| {
        loop {
            let current = realm.secret(CLIENT).await;
            let secret = secret.unwrap_or(&current);
            realm.asks_for_a_token(CLIENT, secret, grant).await;
            sleep(Duration::from_millis(100)).await;
        }
    };
    let run = tokio::select! {
        run = orders.rotate(&[]) => run,
        () = asks(None, "authorization_code&code=old&redirect_uri=http%3A%2F%2Fx") => unreachable!(),
    };
    orders.expect(&run, "succeeded").await;
    let refused = realm.events(CLIENT, "CODE_TO_TOKEN_ERROR").await;
    assert!(refused.iter().any(|event| event["error"] == "invalid_code"));

    let old = realm.secret(CLIENT).await;
    let run = tokio::select! {
        run = orders.rotate(&[]) => run,
        () = asks(Some(&old), "password&username=u&password=p") => unreachable!(),
    };
    orders.expect(&run, "rolled_back").await;
    let summary = orders.summary(&run).replace(&seen_from_here(), "(here)");
    insta::assert_snapshot!(summary, @"rolled_back: step `rotate` failed: (here) is no longer let in to the client orders of `sso` (invalid_client_credentials): a consumer that is not declared still uses the old secret, or one that is uses another than it was given Everything that it had done was taken back.");
    orders.all_use(&old).await;
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
    insta::assert_snapshot!(told.join("\n"), @r#"
    failed: step `rotate` failed: sso: the secret of the client `page` is not rotated: it is public, so it has no secret Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `api` is not rotated: it is bearer-only, so it never logs in Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `alone` is not rotated: nobody is known to use it. Declare each who does in [[systems.sso.clients."alone".consumers]] Nothing was changed.
    failed: step `rotate` failed: sso: in the realm `shop`: unknown client `order`; did you mean `orders`? Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `purser` is not rotated: Purser itself logs in by it. Set another one in the admin console, then put it where Purser reads it Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: invoices has another one in /srv/x/invoices, or in the environment of its containers, than Keycloak has. Set that right first Nothing was changed.
    failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: a second secret of it counts until TIME, from a rotation that has not ended, and a third one would end it. See that nobody uses it, and invalidate the rotated secret in the admin console, or wait Nothing was changed.
    "#);
    let all: Value = json!([
        orders.turned_away().await,
        orders.realm.secret(CLIENT).await == theirs
    ]);
    assert_eq!(all[1], false);
    patience::until("all is as it was", async || {
        orders.realm.logs_in(CLIENT, &orders.old).await
    })
    .await;
    // Who may was asked for staging; the services run where nobody has said that it is not production.
    let config = std::fs::read_to_string(orders.home.path("purser.toml")).unwrap();
    let config = config.replace(
        "[systems.sso]\n",
        "[systems.sso]\nenvironment = 'staging'\n",
    );
    orders.home.kill().await;
    orders.home.write("purser.toml", &config);
    let go = std::fs::read_to_string(orders.home.path("workflows/go.yaml")).unwrap();
    let go = go.replace("who: { production:", "who: { staging:");
    orders.home.write("workflows/go.yaml", &go);
    orders.home.up().await;
    let run = orders.rotate(&[]).await;
    insta::assert_snapshot!(orders.summary(&run), @"failed: step `rotate` failed: sso: the secret of the client `orders` is not rotated: orders runs on `shop`, which stands in production, and who may rotate was asked for staging, where `sso` stands: give both the same `environment`, or configure the realm once more as a system that stands in production Nothing was changed.");
    orders.close().await;
}

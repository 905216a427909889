//! Asking.

use axum::Json;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use purser::action::{AnyAction, ErrorKind};
use purser::integrations::http::Get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Billing, systems};
use crate::support::journal::MemoryJournal;

#[tokio::test]
async fn text_is_text_and_the_status_is_told() {
    let billing = Billing::new();
    let health = billing.gets(json!({ "path": "/health" })).await.unwrap();
    assert_eq!(health, json!({ "status": 200, "body": "well" }));
}

#[tokio::test]
async fn a_status_that_is_not_expected_fails_and_says_what_came() {
    let billing = Billing::new();
    let missing = json!({ "path": "/nowhere" });
    let error = billing.gets(missing).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(billing.told(&error.message), @"billing: GET http://billing/nowhere was answered with 404 Not Found: {}");

    let expected = json!({ "path": "/nowhere", "expect": [200, 404] });
    let found = billing.gets(expected).await.unwrap();
    assert_eq!(found, json!({ "status": 404, "body": {} }));

    let other = json!({ "path": "/health", "expect": [204] });
    let error = billing.gets(other).await.unwrap_err();
    insta::assert_snapshot!(billing.told(&error.message), @"billing: GET http://billing/health was answered with 200 OK: well, and 204 was expected");
}

#[tokio::test]
async fn nothing_leads_away_from_the_service() {
    let billing = Billing::new();
    let sent_on = billing.gets(json!({ "path": "/elsewhere" })).await;
    insta::assert_snapshot!(billing.told(&sent_on.unwrap_err().message), @"billing: GET http://billing/elsewhere sends on to /health, and Purser does not follow (302 Found)");

    let below = format!("{}/api", billing.server.url());
    let systems = systems(toml::toml! { url = below }).into();
    let ctx = crate::support::journal::read_context("billing", &systems);
    for path in [
        "health",
        "/../health",
        "/%2e%2e/health",
        "/a#b",
        "@elsewhere/x",
    ] {
        let error = AnyAction::plan(&Get, &ctx, json!({ "path": path })).await;
        let error = error.unwrap_err().message;
        assert!(error.contains("nothing was sent"), "{path}: {error}");
    }
    let plan = AnyAction::plan(&Get, &ctx, json!({ "path": "//elsewhere/x" })).await;
    insta::assert_snapshot!(billing.told(&plan.unwrap().summary), @"GET http://billing/api//elsewhere/x");
}

#[tokio::test]
async fn where_nothing_answers_another_attempt_may_succeed() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let systems = systems(toml::toml! { url = (format!("http://{address}")) }).into();
    let (journal, run) = (
        std::sync::Arc::<MemoryJournal>::default(),
        uuid::Uuid::now_v7(),
    );
    let spec = <Get as purser::action::Action>::SPEC;
    let ctx = journal.context(
        purser::domain::names::RunId::new(run),
        spec,
        "billing",
        &systems,
    );
    let error = AnyAction::run(&Get, &ctx, json!({ "path": "/" }))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Retryable);
    let told = error.message.replace(&address.to_string(), "billing");
    insta::assert_snapshot!(told, @"billing: nothing answers at http://billing (Connection refused (os error 111)); see that it runs and that the `url` in [systems.billing] is right");
}

/// Says what it was asked with.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let told = async |headers: HeaderMap, RawQuery(query): RawQuery| {
        let of = |name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        Json(
            json!({ "login": of("authorization"), "api": of("x-api-key"),
                     "shop": of("x-shop"), "query": query }),
        )
    };
    let odd = async || ([(header::CONTENT_TYPE, "application/json")], "{ no").into_response();
    let long = async || (StatusCode::OK, "x".repeat(300_000));
    let app = axum::Router::new()
        .route("/api/me", get(told))
        .route("/api/odd", get(odd))
        .route("/api/long", get(long));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("{url}/api/")
}

async fn asked(settings: toml::Table, input: Value) -> Result<Value, String> {
    let journal = std::sync::Arc::<MemoryJournal>::default();
    let run = purser::domain::names::RunId::new(uuid::Uuid::now_v7());
    let spec = <Get as purser::action::Action>::SPEC;
    let ctx = journal.context(run, spec, "billing", &systems(settings).into());
    let done = AnyAction::run(&Get, &ctx, input).await;
    done.map_err(|error| error.message)
}

#[tokio::test]
async fn the_token_goes_with_every_request_in_the_header_that_the_service_wants() {
    let url = echo().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret-of-billing\n").unwrap();
    let token = file.path().display().to_string();
    let input = json!({ "path": "/me?a=1", "headers": { "X-Shop": "north" } });

    let bearer = toml::toml! { url = (url.clone()) token_file = (token.clone()) };
    let told = asked(bearer, input.clone()).await.unwrap();
    let expected = json!({ "login": "Bearer s3cret-of-billing", "api": null, "shop": "north",
                           "query": "a=1" });
    assert_eq!(told["body"], expected);

    let own = toml::toml! { url = url token_file = token token_header = "X-API-Key" };
    let told = asked(own, input).await.unwrap();
    assert_eq!(told["body"]["api"], "s3cret-of-billing");
    assert_eq!(told["body"]["login"], Value::Null);
}

#[tokio::test]
async fn what_is_no_json_or_too_long_is_not_taken_for_an_answer() {
    let settings = toml::toml! { url = (echo().await) };
    let odd = asked(settings.clone(), json!({ "path": "/odd" })).await;
    assert!(odd.unwrap_err().contains("calls itself JSON and is none"));
    let long = asked(settings, json!({ "path": "/long" })).await;
    assert!(
        long.unwrap_err()
            .contains("more than 262144 bytes: ask for less")
    );
}

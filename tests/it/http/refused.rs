//! What is definitely not done, and what is wrong before anything is sent.

use std::sync::Arc;

use purser::action::{Connect, ErrorKind};
use purser::domain::names::SystemName;
use purser::domain::redact::Redactor;
use purser::domain::secret::Opened;
use purser::integrations::http;
use serde_json::json;
use xtask::effect_server::{Mood, Reply};

use super::Billing;

#[tokio::test]
async fn a_definite_no_is_one() {
    let billing = Billing::new();
    let error = billing
        .sends(&json!({ "path": "/refuse" }))
        .await
        .unwrap_err();
    assert_eq!(
        (&error.kind, error.may_have_landed),
        (&ErrorKind::Fatal, false)
    );
    insta::assert_snapshot!(billing.told(&error.message), @r#"billing: POST http://billing/refuse was answered with 422 Unprocessable Entity: {"error":"never"}. It did not happen"#);
}

#[tokio::test]
async fn one_that_is_busy_may_be_asked_later() {
    let billing = Billing::new();
    billing.server.is(Mood::not_done(Reply::Status(429)));
    let input = json!({ "path": "/once/charges" });
    let error = billing.sends(&input).await.unwrap_err();
    assert_eq!(
        (&error.kind, error.may_have_landed),
        (&ErrorKind::Retryable, false)
    );
    billing.server.is(Mood::CALM);
    billing.sends(&input).await.unwrap();
    assert_eq!(billing.server.books().done(&billing.key("send_once")), 1);
}

#[tokio::test]
async fn what_cannot_be_right_is_said_before_anything_is_sent() {
    let billing = Billing::new();
    let mut said = vec![];
    for wrong in [
        json!({ "path": "/a", "keyed": true, "ask": "/b?{key}" }),
        json!({ "path": "/a", "ask": "/b" }),
        json!({ "path": "a" }),
        json!({ "path": "/a", "undo": { "path": "/a#{key}" } }),
        json!({ "path": "/a", "headers": { "idempotency-key": "x" } }),
        json!({ "path": "/a", "headers": { "two words": "x" } }),
        json!({ "path": "/a", "body": "x".repeat(300_000) }),
        json!({ "path": "/a", "metod": "PUT" }),
    ] {
        let planned = billing.plans(&wrong).await.unwrap_err();
        let sent = billing.sends(&wrong).await.unwrap_err();
        assert_eq!(planned.message, sent.message);
        said.push(sent.message);
    }
    insta::assert_snapshot!(said.join("\n"), @"
    billing: there is `keyed: true` and `ask`: keep one of them; nothing was sent
    billing: `ask` must hold `{key}`: else it cannot be asked about this one; nothing was sent
    billing: the path `a` must begin with a slash; nothing was sent
    billing: the path `/a#{key}` must end before any `#`; nothing was sent
    billing: `idempotency-key` is a header that Purser sets itself; nothing was sent
    billing: `two words` cannot name a header; nothing was sent
    billing: the body has 300002 bytes, and no more than 262144 are sent; nothing was sent
    the inputs of http.send do not fit: unknown field `metod`; did you mean `method`?
    ");
    assert!(billing.server.books().history.is_empty());
}

#[test]
fn settings_that_do_not_do_are_named() {
    let mut said = vec![];
    for wrong in [
        toml::toml! { url = "billing:80" },
        toml::toml! { url = "http://me:pw@billing" },
        toml::toml! { url = "http://billing/?a" },
        toml::toml! { url = "http://billing" timeout = "1m" },
        toml::toml! { url = "http://billing" token_header = "X-Key" },
        toml::toml! { url = "http://billing" health = "well" },
        toml::toml! { url = "http://billing" tokn_file = "x" },
    ] {
        let connected = (http::integration().connect)(&Connect {
            name: &SystemName::from("billing"),
            settings: wrong,
            redactor: &Arc::new(Redactor::new()),
            secrets: &Opened::default(),
            base: std::path::Path::new("/"),
        });
        said.push(connected.err().unwrap().to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    [systems.billing]: url = "billing:80" is no address: write http://HOST:PORT or https://HOST/PATH
    [systems.billing]: the `url` holds a login: write `token_file = "…"`
    [systems.billing]: the `url` must end before any `?` or `#`
    [systems.billing]: `timeout` is 1m, and must be from 1s to 15s
    [systems.billing]: there is `token_header` and no token: add `token_file` or `token_secret`
    [systems.billing]: `health`: the path `well` must begin with a slash
    [systems.billing]: unknown field `tokn_file`; did you mean `token_file`?
    "#);
}

//! The system itself: its settings, its login, and what it completes.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::post;
use purser::action::Connect;
use purser::domain::names::SystemName;
use purser::domain::redact::Redactor;
use purser::domain::secret::Opened;
use purser::integrations::prometheus;
use serde_json::json;

use super::{query_with, settings, systems};
use crate::support::offers;
use crate::support::stack::variable;

#[tokio::test]
async fn it_is_checked_and_its_names_are_suggested() {
    let mut settings = settings();
    let graphs = toml::toml! { orders = "up" };
    settings.insert("graphs".to_owned(), graphs.into());
    let systems = Arc::new(systems(settings));
    let entry = systems.get("prometheus").unwrap();
    let url = variable("PURSER_TEST_PROMETHEUS_URL");
    let checked = entry.system.check().await.unwrap();
    assert!(
        checked.starts_with("Prometheus 2.") && checked.ends_with(&url),
        "{checked}"
    );
    let metrics = offers::offers(&systems, "prometheus", "metrics", None).await;
    let metrics = metrics.unwrap().matching("shop_").into_iter();
    assert_eq!(
        metrics.map(|one| one.value).collect::<Vec<_>>(),
        ["shop_crowd", "shop_memory_bytes", "shop_orders_total"]
    );
    let graphs = offers::values(&systems, "prometheus", "graphs", None).await;
    assert_eq!(graphs, ["orders"]);
    let error = offers::offers(&systems, "prometheus", "metric", None).await;
    let error = error.unwrap_err();
    insta::assert_snapshot!(error, @"unknown list of Prometheus names `metric`; did you mean `metrics`?");
}

/// A server that wants a login, and sends on whoever asks elsewhere. Its address.
async fn guarded(wanted: &'static str) -> String {
    let answer = move |headers: HeaderMap| async move {
        let given = headers.get(header::AUTHORIZATION);
        if given.is_some_and(|given| given == wanted) {
            let data = json!({ "resultType": "scalar", "result": [1.0, "7"] });
            return axum::Json(json!({ "status": "success", "data": data })).into_response();
        }
        StatusCode::UNAUTHORIZED.into_response()
    };
    let away = || async { (StatusCode::FOUND, [(header::LOCATION, "http://192.0.2.1/")]) };
    let app = Router::new()
        .route("/in/api/v1/query", post(answer))
        .route("/away/api/v1/query", post(away));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

async fn asked(settings: toml::Table) -> String {
    match query_with(settings, json!({ "query": "7" })).await {
        Ok(output) => output["value"].to_string(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_login_is_read_from_its_file() {
    let _ = super::settings();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret").display().to_string();
    std::fs::write(&file, "s3cret\n").unwrap();
    let server = guarded("Bearer s3cret").await;
    let url = format!("{server}/in/");
    let bearer = toml::toml! { url = (url.clone()) bearer_file = (file.clone()) };
    assert_eq!(asked(bearer).await, "7.0");
    let none = asked(toml::toml! { url = (url.clone()) }).await;
    insta::assert_snapshot!(none, @"prometheus: the login was refused (401): set `bearer_file` or `basic_auth` in [systems.prometheus]");
    let basic = toml::toml! {
        url = (url) basic_auth = { username = "ann", password_file = (file.clone()) }
    };
    let refused = asked(basic.clone()).await.replace(&file, "FILE");
    insta::assert_snapshot!(refused, @"prometheus: the login was refused (401): look at `username` and at FILE");
    let server = guarded("Basic YW5uOnMzY3JldA==").await;
    let mut basic = basic;
    basic.insert("url".to_owned(), format!("{server}/in").into());
    assert_eq!(asked(basic).await, "7.0");
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let server = guarded("nothing").await;
    let elsewhere = asked(toml::toml! { url = (format!("{server}/away")) }).await;
    insta::assert_snapshot!(elsewhere.replace(&server, "SERVER"), @"prometheus: SERVER/away sends on to http://192.0.2.1/, and Purser does not follow; put the right address into `url` in [systems.prometheus]");
    let wrong_path = asked(toml::toml! { url = (format!("{server}/nowhere")) }).await;
    insta::assert_snapshot!(wrong_path.replace(&server, "SERVER"), @"prometheus: SERVER/nowhere does not answer as Prometheus does (404 Not Found); see that the `url` in [systems.prometheus] is right, with the path if it has one");
    insta::assert_snapshot!(asked(toml::toml! { url = "http://127.0.0.1:9" }).await, @"prometheus: nothing answers at http://127.0.0.1:9 (Connection refused (os error 111)); see that it runs and that the `url` in [systems.prometheus] is right");
}

#[test]
fn settings_that_do_not_do_say_what_to_write() {
    let complaint = |settings: &str| {
        let error = (prometheus::integration().connect)(&Connect {
            name: &SystemName::from("prometheus"),
            settings: settings.parse().unwrap(),
            redactor: &Arc::new(Redactor::new()),
            secrets: &Opened::default(),
            base: Path::new("/nowhere"),
        });
        error.err().unwrap().to_string()
    };
    let url = "url = \"http://prometheus:9090\"\n";
    insta::assert_snapshot!(complaint("url = \"prometheus:9090\""), @r#"[systems.prometheus]: url = "prometheus:9090" is no address: write http://HOST:PORT or https://HOST/PATH"#);
    insta::assert_snapshot!(complaint("url = \"http://ann:pw@prometheus\""), @r#"[systems.prometheus]: the `url` holds a login: write `basic_auth = { username = "…", password_file = "…" }`"#);
    insta::assert_snapshot!(complaint("ulr = \"http://prometheus:9090\""), @"[systems.prometheus]: unknown field `ulr`, expected one of `url`, `bearer_file`, `bearer_secret`, `basic_auth`, `timeout`, `most_series`, `timezone`, `graphs`");
    insta::assert_snapshot!(complaint(&format!("{url}timezone = \"Europe/Istambul\"")), @"
    [systems.prometheus]: in `timezone`: unknown time zone `Europe/Istambul`; did you mean `Europe/Istanbul`?
    ");
    insta::assert_snapshot!(complaint(&format!("{url}most_series = 0")), @"[systems.prometheus]: `most_series` is 0, and must be from 1 to 200");
    insta::assert_snapshot!(complaint(&format!("{url}bearer_file = \"token\"")), @"[systems.prometheus]: the file /nowhere/token cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(complaint(&format!("{url}[graphs]\na = {{ query = \"up\", unit = \"byte\" }}")), @"
    [systems.prometheus]: in `graphs.a.unit`: unknown variant `byte`; did you mean `bytes`?
    ");
}

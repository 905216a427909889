//! What the real one does not do when it is asked to: refuse a token in mid-run, answer late or with
//! something else, and have five thousand clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::hands::Sso;

const CLIENTS: usize = 5000;

/// What it counts.
#[derive(Default)]
struct Counts {
    tokens: AtomicUsize,
    pages: AtomicUsize,
}

/// A server whose every token is good for three requests.
async fn token(State(counts): State<Arc<Counts>>) -> Response {
    let number = counts.tokens.fetch_add(1, Ordering::SeqCst);
    let token = format!("{number}");
    axum::Json(json!({ "access_token": token, "expires_in": 60 })).into_response()
}

#[derive(Deserialize)]
struct Page {
    first: usize,
    max: usize,
}

async fn clients(
    State(counts): State<Arc<Counts>>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Response {
    let token = counts.tokens.load(Ordering::SeqCst) - 1;
    let given = headers[header::AUTHORIZATION].to_str().unwrap();
    let asked = counts.pages.fetch_add(1, Ordering::SeqCst);
    // Three pages, then the token is refused, which counts as a request of its own.
    if given != format!("Bearer {token}") || asked % 4 == 3 {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let to = (page.first + page.max).min(CLIENTS);
    let clients = (page.first..to).map(|number| {
        json!({ "id": format!("{number}"), "clientId": format!("client-{number:04}"), "enabled": true,
            "secret": format!("a secret of {number}"), "attributes": {} })
    });
    axum::Json(clients.collect::<Vec<Value>>()).into_response()
}

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

const TOKEN: &str = "/realms/shop/protocol/openid-connect/token";
const ADMIN: &str = "/admin/realms/shop/clients";

#[tokio::test]
async fn five_thousand_clients_are_read_page_by_page_through_tokens_that_die() {
    let counts = Arc::new(Counts::default());
    let app = Router::new()
        .route(TOKEN, post(token))
        .route(ADMIN, get(clients))
        .with_state(Arc::clone(&counts));
    let sso = Sso::at(&serve(app).await, "shop", "purser", "its secret", "");
    let output = sso.run("keycloak.check_secrets", json!({})).await.unwrap();
    assert_eq!(output["clients"], CLIENTS);
    // 26 pages, the last one empty, and eight that were asked for again with another token.
    assert_eq!(counts.pages.load(Ordering::SeqCst), 34);
    assert_eq!(counts.tokens.load(Ordering::SeqCst), 9);
}

/// What is said of a server whose admin API answers so.
async fn said(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> String {
    let counts = Arc::new(Counts::default());
    let app = Router::new()
        .route(TOKEN, post(token))
        .route(ADMIN, get(move || std::future::ready(answer())))
        .with_state(counts);
    let url = serve(app).await;
    let sso = Sso::at(&url, "shop", "purser", "its secret", "timeout = '1s'");
    sso.checked().await.replace(&url, "URL")
}

#[tokio::test]
async fn other_answers_are_explained_and_never_quoted_where_they_may_hold_a_secret() {
    let mut all = vec![
        said(|| StatusCode::UNAUTHORIZED.into_response()).await,
        said(|| (StatusCode::SERVICE_UNAVAILABLE, "later").into_response()).await,
        said(|| (StatusCode::FOUND, [(header::LOCATION, "http://192.0.2.1/")]).into_response())
            .await,
        said(|| "<html>a page</html>".into_response()).await,
        said(|| axum::Json(json!([{ "id": 1, "clientId": ["hunter2 hunter2"] }])).into_response())
            .await,
        said(|| axum::body::Body::from(vec![b'['; 9 << 20]).into_response()).await,
    ];
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let sso = |url: &str| Sso::at(url, "shop", "purser", "its secret", "timeout = '1s'");
    all.push(sso(&url).checked().await.replace(&url, "URL"));
    drop(silent);
    all.push(sso(&url).checked().await.replace(&url, "URL"));
    let plain = serve(Router::new()).await.replace("http://", "https://");
    all.push(sso(&plain).checked().await.replace(&plain, "URL"));
    let nothing = serve(Router::new()).await;
    all.push(sso(&nothing).checked().await.replace(&nothing, "URL"));
    insta::assert_snapshot!(all.join("\n"), @"
    sso: cannot read its clients: it refuses the token that it has just given (status 401); see that the `url` and the realms in [systems.sso] are right
    sso: cannot read its clients: it cannot answer at present (status 503); see its log, and try again
    sso: cannot read its clients: URL sends on to http://192.0.2.1/, and Purser does not follow; correct the `url` in [systems.sso]
    sso: cannot read its clients: URL does not answer as Keycloak does (not the JSON that was expected, at 1:1); see that the `url` in [systems.sso] is right, with the path if it has one
    sso: cannot read its clients: URL does not answer as Keycloak does (not the JSON that was expected, at 1:8); see that the `url` in [systems.sso] is right, with the path if it has one
    sso: cannot read its clients: URL does not answer as Keycloak does (its answer is too long); see that the `url` in [systems.sso] is right, with the path if it has one
    sso: cannot read its clients: no answer within 1s; see its log, or raise `timeout` in [systems.sso]
    sso: cannot read its clients: nothing answers at URL (Connection refused (os error 111)); see that it runs and that the `url` in [systems.sso] is right
    sso: cannot read its clients: no safe connection to URL can be made (received corrupt message of type InvalidContentType); see to its certificate and that the `url` in [systems.sso] is right
    sso: cannot read its clients: URL does not answer as Keycloak does (status 404); see that the `url` in [systems.sso] is right, with the path if it has one
    ");
}

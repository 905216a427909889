//! What everybody may reach over TCP: hooks, and whether Purser lives. Behind a proxy that speaks
//! TLS; nothing here trusts what that proxy says.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::LONGEST_BODY;
use super::caller::unknown_path;
use super::posts;
use super::problem::Problem;
use super::types::{Accepted, SignalTaken};
use crate::action::SignedPosts;
use crate::service::{Delivery, Service};

/// So many connections are open at the same time; more wait to be taken.
const CONNECTIONS: usize = 256;

/// A sender has so long for the head of a request, and once more for its body.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon a listener that failed is asked again.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Answers until `shutdown`, then lets open requests come to their end.
pub async fn serve_public(
    listener: TcpListener,
    service: Arc<Service>,
    discord: Option<Arc<dyn SignedPosts>>,
    shutdown: CancellationToken,
) {
    let mut app = routes(service);
    if let Some(discord) = discord {
        app = app.merge(posts::route("/discord/interactions", discord));
    }
    serve_over_tcp(listener, app, shutdown).await;
}

/// Lets no connection hold a place for longer than its peer has something to say.
pub(super) async fn serve_over_tcp(
    listener: TcpListener,
    app: Router,
    shutdown: CancellationToken,
) {
    let app = TowerToHyperService::new(app);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    loop {
        let next = async {
            (
                Arc::clone(&room).acquire_owned().await,
                listener.accept().await,
            )
        };
        let (stream, place) = tokio::select! {
            () = shutdown.cancelled() => break,
            (place, accepted) = next => match accepted {
                Ok((stream, _)) => (stream, place),
                Err(error) => {
                    // Files that are used up, say: at once it would be no better.
                    tracing::warn!(%error, "a connection cannot be taken; trying again");
                    tokio::time::sleep(TRY_AGAIN).await;
                    continue;
                }
            },
        };
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        let connection = http.serve_connection(TokioIo::new(stream), app.clone());
        let connection = open.watch(connection);
        tokio::spawn(async move {
            // A peer that breaks off has nobody to be told.
            let _ = connection.await;
            drop(place);
        });
    }
    let _ = timeout(PATIENCE, open.shutdown()).await;
}

fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/hooks/{name}", post(deliver))
        .route("/hooks/{name}/signal", post(signal))
        .fallback(unknown_path)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(service)
}

async fn ready(State(service): State<Arc<Service>>) -> Result<&'static str, Problem> {
    service.ready().await?;
    Ok("ok\n")
}

async fn deliver(
    State(service): State<Arc<Service>>,
    Path(hook): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let taken = take(&service, &hook, request).await;
    if let Err(problem) = &taken {
        tracing::warn!(%hook, why = problem.detail(), "a webhook was not taken; nothing was started");
    }
    taken
}

async fn signal(
    State(service): State<Arc<Service>>,
    Path(hook): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<SignalTaken>), Problem> {
    let taken = async {
        let message = Message::read(request).await?;
        Ok(service.signal(&message.to(&hook)).await?)
    };
    match taken.await {
        Ok((run, step)) => Ok((StatusCode::ACCEPTED, Json(SignalTaken { run, step }))),
        Err(problem) => {
            let problem: Problem = problem;
            tracing::warn!(%hook, why = problem.detail(), "a signal was not taken; nothing goes on");
            Err(problem)
        }
    }
}

async fn take(
    service: &Service,
    hook: &str,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let message = Message::read(request).await?;
    let run = service.deliver(&message.to(hook)).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { run })))
}

/// A message with the whole of its body.
struct Message {
    headers: HeaderMap,
    body: Bytes,
}

impl Message {
    async fn read(request: Request) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let body = whole_body(request).await?;
        Ok(Self { headers, body })
    }

    fn to<'m>(&'m self, hook: &'m str) -> Delivery<'m> {
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        Delivery {
            hook,
            id: text("webhook-id"),
            timestamp: text("webhook-timestamp"),
            signatures: text("webhook-signature"),
            token: bearer(&self.headers),
            body: &self.body,
        }
    }
}

pub(super) async fn whole_body(request: Request) -> Result<Bytes, Problem> {
    match timeout(PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) => {
            let status = rejection.status();
            let why = match status {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    format!("the body is longer than {} KiB", LONGEST_BODY / 1024)
                }
                _ => rejection.body_text(),
            };
            Err(Problem::body(status, why))
        }
        Err(_) => {
            let late = "the body did not come in time";
            Err(Problem::body(StatusCode::REQUEST_TIMEOUT, late))
        }
    }
}

/// What stands behind `Bearer`, a word that may be written in any case (RFC 9110, 11.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

//! What a process answers that waits to become active: it lives, it is not ready, and for whom it
//! waits. Nothing else is to be had from it.

use std::os::unix::net::UnixStream;
use std::path::Path;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::problem::Problem;
use super::public::serve_over_tcp;
use super::{SocketError, listen};

/// For whom it waits, in words, as that changes.
type WaitsFor = watch::Receiver<String>;

/// Answers over TCP until `over`.
pub async fn serve_standby(listener: TcpListener, waits_for: WaitsFor, over: CancellationToken) {
    serve_over_tcp(listener, routes(waits_for), over).await;
}

/// Answers on the socket until `over`.
///
/// # Errors
/// The listener fails.
pub async fn serve_standby_here(
    listener: UnixListener,
    waits_for: WaitsFor,
    over: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, routes(waits_for))
        .with_graceful_shutdown(async move { over.cancelled().await })
        .await
}

/// As [`listen`]; `None` where another server answers at this path, perhaps the active one.
///
/// # Errors
/// As those of [`listen`].
pub fn listen_beside(
    path: &Path,
    group: Option<&str>,
) -> Result<Option<UnixListener>, SocketError> {
    if UnixStream::connect(path).is_ok() {
        return Ok(None);
    }
    listen(path, group).map(Some)
}

fn routes(waits_for: WaitsFor) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .fallback(stands_by)
        .with_state(waits_for)
}

async fn stands_by(State(waits_for): State<WaitsFor>) -> Problem {
    let holding = waits_for.borrow().clone();
    Problem::standby(format!(
        "this Purser is a standby: {holding}. It takes over when that one stops or is lost; until \
         then, ask that one"
    ))
}

impl Problem {
    fn standby(detail: String) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "standby",
            detail,
        }
    }
}

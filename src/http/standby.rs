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
use super::{SocketError, listen, no_longer};

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
    let served = axum::serve(listener, routes(waits_for))
        .with_graceful_shutdown(over.clone().cancelled_owned())
        .into_future();
    no_longer(served, over).await
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn half_a_request_keeps_no_standby_from_taking_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let (_waits_for, words) = watch::channel("web-1 is active".to_owned());
        let over = CancellationToken::new();
        let answers = tokio::spawn(serve_standby_here(listener, words, over.clone()));
        let mut peer = UnixStream::connect(&path).unwrap();
        peer.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
        over.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), answers).await;
        ended.expect("it ends").unwrap().unwrap();
    }
}

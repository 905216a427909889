//! The port that everything is served on: API, gateway, files, page.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{any, get};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower_service::Service as _;

use crate::gateway::socket;
use crate::hub::Hub;
use crate::ids::{AttachmentId, ChannelId};
use crate::page;
use crate::rest::serve::{self, Cut};

/// Serves until the task is stopped; its connections stop with it.
pub(crate) async fn run(listener: TcpListener, hub: Arc<Hub>) {
    let router = router(hub);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, router.clone()));
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    // Small answers go out at once; where that cannot be set, they go out a little later.
    let _slower = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(router.clone(), request));
    let mut server = hyper::server::conn::http1::Builder::new();
    let serving = server
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // The other side has gone, or was cut off on purpose.
    let _ended = serving.await;
}

/// An error ends the connection without a word to the other side.
async fn answer(
    mut router: Router,
    request: hyper::Request<Incoming>,
) -> io::Result<Response<Body>> {
    let answered: Result<Response<Body>, Infallible> = router.call(request.map(Body::new)).await;
    match answered {
        Ok(response) if response.extensions().get::<Cut>().is_some() => {
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        }
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/api/{*path}", any(api))
        .route("/gateway", any(gateway))
        .route("/attachments/{channel}/{attachment}/{name}", get(file))
        .merge(page::routes())
        .with_state(hub)
}

async fn api(State(hub): State<Arc<Hub>>, request: Request) -> Response<Body> {
    serve::serve(hub, request).await
}

async fn gateway(State(hub): State<Arc<Hub>>, upgrade: WebSocketUpgrade) -> Response<Body> {
    if hub.read(|state| state.gateway.refuses) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade.on_upgrade(move |opened| socket::serve(hub, opened))
}

/// A file, as whoever has its address may read it.
async fn file(
    State(hub): State<Arc<Hub>>,
    Path((channel, attachment, _name)): Path<(u64, u64, String)>,
) -> Response<Body> {
    let (channel, attachment) = (ChannelId(channel), AttachmentId(attachment));
    let found = hub.read(|state| state.file(channel, attachment));
    let Some(file) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Response::new(Body::from(file.bytes));
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    response
}

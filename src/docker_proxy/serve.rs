//! From the socket in front to the one behind: a request of our own for each that is good.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::create;
use super::front::Front;
use super::login;
use super::route::{self, Route, route};
use super::rules::{Facts, Judge, Refusal, Rules, quoted};
use crate::domain::idle_image;

/// So many connections are open at the same time; more wait to be taken.
const CONNECTIONS: usize = 128;

/// A client has so long for the head of a request, and once more for its body; and the engine
/// for what the proxy itself asks it.
const PATIENCE: Duration = Duration::from_secs(10);

/// No request's body is longer, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// How soon a listener that failed is asked again.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Passes on what the rules let through to the engine behind `docker`, until `shutdown`.
/// The socket in front goes with that.
pub async fn serve(front: Front, docker: PathBuf, rules: Rules, shutdown: CancellationToken) {
    let proxy = Arc::new(Proxy { docker, rules });
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, front.listener.accept().await)
        };
        let (stream, place) = tokio::select! {
            () = shutdown.cancelled() => break,
            (place, accepted) = next => match accepted {
                Ok((stream, _)) => (stream, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be taken; trying again");
                    tokio::time::sleep(TRY_AGAIN).await;
                    continue;
                }
            },
        };
        let proxy = Arc::clone(&proxy);
        let answer = service_fn(move |request| {
            let proxy = Arc::clone(&proxy);
            async move { proxy.answer(request).await }
        });
        let mut http = server::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), answer));
        tokio::spawn(async move {
            // A client that breaks off has nobody to be told.
            let _ = connection.await;
            drop(place);
        });
    }
    let _ = timeout(PATIENCE, open.shutdown()).await;
}

struct Proxy {
    docker: PathBuf,
    rules: Rules,
}

/// Why there is no answer of the engine's.
enum Failure {
    /// It is not asked.
    Refused(Refusal),
    /// It cannot be asked: nothing has happened.
    Unreachable(String),
    /// It was asked, and nobody knows what came of it.
    Lost(String),
}

/// Ends the connection without an answer. Any answer of our own would sound as if the engine had
/// said no, and a caller who hears nothing knows that the call may have landed.
#[derive(Debug, thiserror::Error)]
#[error("the engine broke off")]
struct BrokeOff;

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Failure {
    fn why(self) -> String {
        match self {
            Self::Refused(refusal) => refusal.to_string(),
            Self::Unreachable(why) | Self::Lost(why) => why,
        }
    }
}

impl Proxy {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, BrokeOff> {
        let call = format!("{} {}", request.method(), request.uri().path());
        let (call, docker) = (quoted(&call), self.docker.display());
        match self.pass_on(request).await {
            Ok(response) => Ok(response),
            Err(Failure::Refused(refusal)) => {
                tracing::warn!(%call, why = %refusal, "refused");
                let text = format!("refused by purser docker-proxy: {refusal}");
                Ok(problem(StatusCode::FORBIDDEN, &text))
            }
            Err(Failure::Unreachable(why)) => {
                tracing::error!(%call, %docker, why, "the engine cannot be asked");
                let text = format!("purser docker-proxy cannot ask {docker}: {why}");
                Ok(problem(StatusCode::SERVICE_UNAVAILABLE, &text))
            }
            Err(Failure::Lost(why)) => {
                tracing::error!(%call, %docker, why, "the engine broke off");
                Err(BrokeOff)
            }
        }
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        is_framed_plainly(&request)?;
        let uri = request.uri();
        let route = route(request.method().as_str(), uri.path(), uri.query())?;
        let method = request.method().clone();
        let login = self.login(&route, request.headers())?;
        let body = self
            .judged(&route, read(request.into_body()).await?)
            .await?;
        let mut forwarded = Request::builder()
            .method(method)
            .uri(route.target)
            .header(header::HOST, "docker");
        if !body.is_empty() {
            forwarded = forwarded.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(login) = login {
            forwarded = forwarded.header(login::HEADER, login);
        }
        let forwarded = forwarded.body(Body::from(body)).map_err(Refusal::garbled)?;
        let answer = self.send(forwarded).await?;
        Ok(outward(answer))
    }

    /// The login to forward. Where none is taken it is left out, as all headers are.
    fn login(&self, route: &Route, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
        let mut given = headers.get_all(login::HEADER).iter();
        match (given.next().filter(|_| route.login), given.next()) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(Refusal::garbled("it has two logins")),
            (Some(one), None) => login::admit_login(one, &self.rules).map(Some),
        }
    }

    /// The body to forward.
    async fn judged(&self, route: &Route, body: Bytes) -> Result<Bytes, Failure> {
        if route.body == route::Body::Empty {
            return if body.is_empty() {
                Ok(body)
            } else {
                Err(Refusal::flat("it has a body, and the call takes none").into())
            };
        }
        if route.body == route::Body::IdleImage {
            return if idle_image::is_archive(&body) {
                Ok(body)
            } else {
                Err(Refusal::flat("it is another image than the one that Purser makes").into())
            };
        }
        // Questions only: when they fail, nothing has happened.
        let facts = self.facts().await.map_err(Failure::Unreachable)?;
        let judge = Judge {
            rules: &self.rules,
            facts: &facts,
        };
        if let Some(network) = &route.network {
            create::network(network, "the network to join", &judge)?;
        }
        let judged = match route.body {
            route::Body::Container => create::container(&body, &judge),
            route::Body::Disconnection => create::disconnection(&body, &judge),
            _ => create::connection(&body, &judge),
        };
        Ok(judged?.into())
    }

    /// What the engine is like. Asked each time: it may be another one by now.
    async fn facts(&self) -> Result<Facts, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let host = self.ask("/networks/host").await?;
        let info = self.ask("/info").await?;
        let facts = Facts {
            host_network: text(&host["Id"]),
            cgroup_v1: info["CgroupVersion"] == "1",
            default_runtime: text(&info["DefaultRuntime"]),
        };
        if facts.host_network.is_empty() {
            return Err("it does not say which network is the host's".to_owned());
        }
        Ok(facts)
    }

    async fn ask(&self, path: &str) -> Result<Value, String> {
        let request = Request::get(path)
            .header(header::HOST, "docker")
            .body(Body::empty())
            .map_err(|error| error.to_string())?;
        let answer = async {
            let answer = self.send(request).await.map_err(Failure::why)?;
            let body = to_bytes(Body::new(answer.into_body()), LONGEST_BODY).await;
            body.map_err(|error| error.to_string())
        };
        let body = timeout(PATIENCE, answer)
            .await
            .map_err(|_| format!("{path} was not answered in time"))??;
        serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))
    }

    /// One request on a connection of its own, which ends with the answer's body.
    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let stream = UnixStream::connect(&self.docker)
            .await
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        let (mut sender, connection) = client::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        tokio::spawn(async move {
            // Whoever reads the answer learns of its end.
            let _ = connection.await;
        });
        sender
            .send_request(request)
            .await
            .map_err(|error| Failure::Lost(error.to_string()))
    }
}

/// Refuses requests whose end, or whose address, two readers could see in two places.
fn is_framed_plainly<B>(request: &Request<B>) -> Result<(), Refusal> {
    let uri = request.uri();
    if uri.scheme().is_some() || uri.authority().is_some() {
        return Err(Refusal::flat("its address names a host"));
    }
    for name in [
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::EXPECT,
        header::TRAILER,
    ] {
        if request.headers().contains_key(&name) {
            return Err(Refusal::flat(format!("it has the header {name}")));
        }
    }
    if request
        .headers()
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .count()
        > 1
    {
        return Err(Refusal::flat("it has two lengths"));
    }
    Ok(())
}

async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    match timeout(PATIENCE, to_bytes(Body::new(body), LONGEST_BODY)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(Refusal::flat(format!(
            "its body is cut short or longer than {} KiB",
            LONGEST_BODY / 1024
        ))),
        Err(_) => Err(Refusal::garbled("its body did not come in time")),
    }
}

/// The engine's answer, as it comes: logs and pulls are streams.
fn outward(answer: Response<Incoming>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        head.headers.remove(name);
    }
    Response::from_parts(head, Body::new(body))
}

/// In the engine's own form, so that its clients show the text.
fn problem(status: StatusCode, text: &str) -> Response<Body> {
    let body = json!({ "message": text }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

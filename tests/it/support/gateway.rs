//! A way to a server, the object store as a rule, on which a story decides what becomes of each request: let through,
//! refused, or broken off in the middle.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, StatusCode};
use axum::{Router, body};
use futures_util::{StreamExt as _, stream};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::s3::Bucket;
use super::stack::variable;

/// What a request asks for.
pub struct Asked {
    /// `GET`, `PUT`, ….
    pub method: String,
    /// What follows the host: `/BUCKET/KEY?…`.
    pub path: String,
    /// What is sent along, as text.
    pub body: String,
}

impl Asked {
    /// It reads an object, rather than listing some.
    pub fn reads(&self) -> bool {
        self.method == "GET" && !self.path.contains('?')
    }

    /// It removes this object.
    pub fn removes(&self, name: &str) -> bool {
        let all =
            self.method == "POST" && self.path.contains("?delete") && self.body.contains(name);
        all || (self.method == "DELETE" && self.path.ends_with(name))
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Passage {
    /// It goes through.
    Open,
    /// It never comes there: the key may not do this.
    Refused,
    /// It never comes there: there is no such object.
    Missing,
    /// It goes through, and its answer breaks off after so many bytes.
    CutAfter(usize),
    /// It never comes there: nobody is there at present.
    Away,
    /// It never comes there: whoever asks is not known any more.
    Unknown,
    /// It goes through, and its answer is lost on the way.
    Lost,
}

type Rule = dyn Fn(&Asked) -> Passage + Send + Sync;

/// The way, for as long as it is kept.
pub struct Gateway {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
    running: AbortHandle,
}

impl Gateway {
    /// Opens a way to the object store on which this is the rule.
    pub async fn open(rule: impl Fn(&Asked) -> Passage + Send + Sync + 'static) -> Self {
        Self::to(&variable("PURSER_TEST_S3_ENDPOINT"), rule).await
    }

    /// Opens a way to the server at this URL.
    pub async fn to(
        server: &str,
        rule: impl Fn(&Asked) -> Passage + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::default();
        let way = Way {
            server: server.to_owned(),
            rule: Arc::new(rule),
            seen: Arc::clone(&seen),
            http: reqwest::Client::new(),
        };
        let router = Router::new().fallback(move |request| way.clone().goes(request));
        let running = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            seen,
            running: running.abort_handle(),
        }
    }

    /// Where the way begins.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The table of `[systems.minio]` that leads to the bucket by this way.
    pub fn settings(&self, bucket: &Bucket) -> toml::Table {
        let mut settings = bucket.settings();
        settings.insert("endpoint".to_owned(), self.address.clone().into());
        settings
    }

    /// What was asked for: `PUT /BUCKET/KEY?uploadId=…`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[derive(Clone)]
struct Way {
    server: String,
    rule: Arc<Rule>,
    seen: Arc<Mutex<Vec<String>>>,
    http: reqwest::Client,
}

impl Way {
    async fn goes(self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 64 << 20).await.unwrap();
        let asked = Asked {
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().unwrap().to_string(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        let line = format!("{} {}", asked.method, asked.path);
        self.seen.lock().unwrap().push(line);
        let passage = (self.rule)(&asked);
        match passage {
            Passage::Refused => return answer(StatusCode::FORBIDDEN, "AccessDenied"),
            Passage::Missing => return answer(StatusCode::NOT_FOUND, "NoSuchKey"),
            Passage::Away => return answer(StatusCode::SERVICE_UNAVAILABLE, "Away"),
            Passage::Unknown => return answer(StatusCode::UNAUTHORIZED, "Unknown"),
            Passage::Open | Passage::CutAfter(_) | Passage::Lost => {}
        }
        // The signature is of the headers as they came, the host among them.
        let url = format!("{}{}", self.server, asked.path);
        let there = self.http.request(parts.method, url);
        let there = there.headers(parts.headers).body(body).send().await;
        let there = there.unwrap();
        let (status, headers) = (there.status(), there.headers().clone());
        let whole = there.bytes().await.unwrap();
        let body = match passage {
            Passage::CutAfter(bytes) => cut(&whole, bytes),
            Passage::Lost => return answer(StatusCode::GATEWAY_TIMEOUT, "Lost"),
            _ => Body::from(whole),
        };
        let mut back = Response::new(body);
        *back.status_mut() = status;
        *back.headers_mut() = headers;
        back.headers_mut().remove("transfer-encoding");
        back
    }
}

fn answer(status: StatusCode, code: &str) -> Response<Body> {
    let text = format!("<Error><Code>{code}</Code><Message>by the gateway</Message></Error>");
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer
}

/// A body that ends its connection.
fn cut(whole: &Bytes, after: usize) -> body::Body {
    let begin = whole.slice(..after.min(whole.len()));
    let broken = async {
        // What came before is sent while this is not ready.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("the line went dead"))
    };
    Body::from_stream(stream::iter([Ok(begin)]).chain(stream::once(broken)))
}

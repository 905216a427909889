//! A place: a small HTTP server that keeps what it was sent, and answers as it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// With this status.
    Answers(u16),
    /// Not at all.
    Hangs,
    /// By sending elsewhere.
    Redirects,
    /// Not before it is in another mood, and then as that says.
    Waits,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Sent {
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// The status that it got; 0 while there is none.
    pub status: u16,
}

impl Sent {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Of a place for people.
    pub fn text(&self) -> String {
        let body = self.json();
        let keys: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["text"]);
        body["text"].as_str().unwrap().to_owned()
    }
}

impl Mood {
    /// The status of its answer; 0 when there is none.
    fn status(self) -> u16 {
        match self {
            Self::Answers(status) => status,
            Self::Redirects => 302,
            Self::Hangs | Self::Waits => 0,
        }
    }
}

struct Inner {
    mood: Mutex<Mood>,
    sent: Mutex<Vec<Sent>>,
    came: Notify,
    changed: Notify,
}

impl Inner {
    /// How it answers, once it knows.
    async fn made_up(&self) -> Mood {
        loop {
            let changed = self.changed.notified();
            let mood = *self.mood.lock().unwrap();
            if mood != Mood::Waits {
                return mood;
            }
            changed.await;
        }
    }
}

pub struct Receiver {
    address: String,
    inner: Arc<Inner>,
    server: Mutex<AbortHandle>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        let inner = Arc::new(Inner {
            mood: Mutex::new(Mood::Answers(200)),
            sent: Mutex::default(),
            came: Notify::new(),
            changed: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Mutex::new(serve(listener, &inner));
        Self {
            address,
            inner,
            server,
        }
    }

    pub fn url(&self) -> String {
        self.url_of("/here")
    }

    /// The address of this path, where nothing is: it says so, and names the path.
    pub fn url_of(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn is(&self, mood: Mood) {
        *self.inner.mood.lock().unwrap() = mood;
        self.inner.changed.notify_waiters();
    }

    /// Nothing listens at its address any more.
    pub fn goes(&self) {
        self.server.lock().unwrap().abort();
    }

    pub async fn returns(&self) {
        let listener = TcpListener::bind(&self.address).await.unwrap();
        *self.server.lock().unwrap() = serve(listener, &self.inner);
    }

    /// Everything that it was sent, whatever it answered.
    pub fn sent(&self) -> Vec<Sent> {
        self.inner.sent.lock().unwrap().clone()
    }

    /// What it has taken.
    pub fn taken(&self) -> Vec<Sent> {
        let mut sent = self.sent();
        sent.retain(|sent| (200..300).contains(&sent.status));
        sent
    }

    /// Waits until it was sent so many, whatever it answered.
    pub async fn is_sent(&self, count: usize) -> Vec<Sent> {
        self.until(|all| (all.len() >= count).then(|| all.to_vec()))
            .await
    }

    /// Waits until it has taken so many.
    pub async fn takes(&self, count: usize) -> Vec<Sent> {
        let taken = |all: &[Sent]| {
            let taken: Vec<_> = all
                .iter()
                .filter(|one| one.status == 200)
                .cloned()
                .collect();
            (taken.len() >= count).then_some(taken)
        };
        self.until(taken).await
    }

    pub async fn until<T>(&self, wanted: impl Fn(&[Sent]) -> Option<T>) -> T {
        let look = async {
            loop {
                let came = self.inner.came.notified();
                if let Some(found) = wanted(&self.sent()) {
                    return found;
                }
                came.await;
            }
        };
        let Ok(found) = timeout(PATIENCE, look).await else {
            panic!("it does not come: {:#?}", self.sent());
        };
        found
    }
}

fn serve(listener: TcpListener, inner: &Arc<Inner>) -> AbortHandle {
    let app = Router::new()
        .route("/here", post(receive))
        .route("/elsewhere", post(async || -> () { panic!("redirected") }))
        .fallback(async |uri: Uri| (StatusCode::NOT_FOUND, format!("there is no {uri} here")))
        .with_state(Arc::clone(inner));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }).abort_handle()
}

async fn receive(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers: BTreeMap<_, _> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    assert_eq!(headers["content-type"], "application/json");
    let place = {
        let mut sent = inner.sent.lock().unwrap();
        sent.push(Sent {
            headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
            status: inner.mood.lock().unwrap().status(),
        });
        sent.len() - 1
    };
    inner.came.notify_waiters();
    let mood = inner.made_up().await;
    inner.sent.lock().unwrap()[place].status = mood.status();
    inner.came.notify_waiters();
    match mood {
        Mood::Hangs | Mood::Waits => std::future::pending().await,
        Mood::Redirects => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        Mood::Answers(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, "said the place\nand more").into_response()
        }
    }
}

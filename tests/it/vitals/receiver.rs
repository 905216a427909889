//! Somebody who takes beats.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a beat may take: more than anybody would wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps what came, and answers as it is told.
#[derive(Default)]
pub(super) struct Receiver {
    came: Mutex<Vec<String>>,
    answers: Mutex<VecDeque<StatusCode>>,
    more: Notify,
}

impl Receiver {
    /// Listens on a port that is free: the address, and who listens there.
    pub(super) async fn listen() -> (String, Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Arc::new(Self::default());
        let app = Router::new()
            .fallback(take)
            .with_state(Arc::clone(&receiver));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (address, receiver)
    }

    /// The next requests are answered with these, all others with 200.
    pub(super) fn answer(&self, statuses: &[StatusCode]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    /// What has come so far: method, path and body.
    pub(super) fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub(super) async fn comes(&self, count: usize) -> Vec<String> {
        let coming = async {
            loop {
                let more = self.more.notified();
                if self.came().len() >= count {
                    break;
                }
                more.await;
            }
        };
        let in_time = timeout(PATIENCE, coming).await.is_ok();
        assert!(in_time, "{count} beats do not come: {:?}", self.came());
        self.came()
    }
}

async fn take(State(receiver): State<Arc<Receiver>>, request: Request) -> StatusCode {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 4096).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let line = format!("{} {} {body}", head.method, head.uri);
    receiver
        .came
        .lock()
        .unwrap()
        .push(line.trim_end().to_owned());
    receiver.more.notify_one();
    let answer = receiver.answers.lock().unwrap().pop_front();
    answer.unwrap_or(StatusCode::OK)
}

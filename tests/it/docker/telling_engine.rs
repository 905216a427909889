//! An engine that only tells events, and forgets them as a story wants it.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// As many as the real one remembers.
const REMEMBERED: usize = 256;

/// It has containers only in its events.
pub(crate) struct TellingEngine {
    folder: TempDir,
    events: watch::Sender<Vec<Value>>,
    serving: JoinSet<()>,
}

impl TellingEngine {
    pub(crate) fn new() -> Self {
        let mut engine = Self {
            folder: tempfile::tempdir().unwrap(),
            events: watch::Sender::new(vec![]),
            serving: JoinSet::new(),
        };
        engine.starts();
        engine
    }

    pub(crate) fn host(&self) -> String {
        let socket = self.folder.path().join("docker.sock");
        format!("unix://{}", socket.display())
    }

    /// Something happens to the container `NAME` of the service `shop/NAME` at this microsecond.
    pub(crate) fn happens(&self, micros: i64, action: &str, name: &str, more: &Value) {
        let mut about = json!({
            "name": format!("shop-{name}-1"),
            "image": "web:v1",
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": name,
        });
        for (key, value) in more.as_object().unwrap() {
            about[key] = value.clone();
        }
        let event = json!({
            "Type": "container",
            "Action": action,
            "Actor": { "ID": format!("id-of-{name}"), "Attributes": about },
            "scope": "local",
            "time": micros / 1_000_000,
            "timeNano": micros * 1000,
        });
        self.events.send_modify(|events| {
            events.push(event);
            let forgotten = events.len().saturating_sub(REMEMBERED);
            events.drain(..forgotten);
        });
    }

    /// It is gone, and all that it remembered.
    pub(crate) fn ends(&mut self) {
        self.serving = JoinSet::new();
        std::fs::remove_file(self.folder.path().join("docker.sock")).unwrap();
        self.events.send_replace(vec![]);
    }

    /// It takes calls.
    pub(crate) fn starts(&mut self) {
        let listener = UnixListener::bind(self.folder.path().join("docker.sock")).unwrap();
        let events = self.events.clone();
        self.serving.spawn(async move {
            let mut answering = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let events = events.subscribe();
                answering.spawn(async move {
                    // Whoever has heard enough hangs up.
                    let _ = answer(stream, events).await;
                });
            }
        });
    }
}

async fn answer(
    mut stream: UnixStream,
    mut events: watch::Receiver<Vec<Value>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let begins = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    if target.contains("/version") {
        let version = json!({ "ApiVersion": "1.41", "MinAPIVersion": "1.12" });
        stream.write_all(begins.as_bytes()).await?;
        return stream.write_all(version.to_string().as_bytes()).await;
    }
    if !target.contains("/events") {
        return stream
            .write_all(b"HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\n{}")
            .await;
    }
    stream.write_all(begins.as_bytes()).await?;
    let (since, until) = (instant(&target, "since="), instant(&target, "until="));
    // What it has told stays told, though it is forgotten meanwhile.
    let mut told = vec![];
    loop {
        let new: Vec<Value> = events
            .borrow_and_update()
            .iter()
            .filter(|event| is_within(event, since, until) && !told.contains(*event))
            .cloned()
            .collect();
        for event in new {
            stream.write_all(format!("{event}\n").as_bytes()).await?;
            told.push(event);
        }
        let left = until - now();
        let Ok(left) = u64::try_from(left) else {
            return stream.shutdown().await;
        };
        let over = tokio::time::sleep(Duration::from_micros(left));
        tokio::select! {
            () = over => {}
            changed = events.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

fn now() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

fn is_within(event: &Value, since: i64, until: i64) -> bool {
    let at = event["timeNano"].as_i64().unwrap() / 1000;
    since <= at && at <= until
}

/// In microseconds.
fn instant(target: &str, name: &str) -> i64 {
    let (_, rest) = target.split_once(name).unwrap_or_default();
    let text = rest.split('&').next().unwrap_or_default();
    let (seconds, micros) = text.split_once('.').unwrap_or((text, "0"));
    let number = |text: &str| text.parse::<i64>().unwrap_or(0);
    number(seconds) * 1_000_000 + number(micros)
}

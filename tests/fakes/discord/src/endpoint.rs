//! Interactions over HTTP: posted to the application's endpoint, signed with Ed25519.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Request, Uri};
use bytes::Bytes;
use ed25519_dalek::{Signature, Signer as _, SigningKey};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::hub::{Hub, random};
use crate::ids::{AppId, InteractionId};
use crate::rest::call::read;

/// For so long Discord waits for an endpoint.
const PATIENCE: Duration = Duration::from_secs(3);

/// An interaction on its way.
#[derive(Debug)]
pub(crate) struct Post {
    app: AppId,
    endpoint: String,
    interaction: InteractionId,
    payload: Value,
}

/// Where interactions are handed over to be posted.
#[derive(Clone, Debug)]
pub(crate) struct Posts(UnboundedSender<Post>);

impl Posts {
    pub(crate) fn new() -> (Self, UnboundedReceiver<Post>) {
        let (to, from) = unbounded_channel();
        (Self(to), from)
    }

    pub(crate) fn send(
        &self,
        app: AppId,
        endpoint: String,
        interaction: InteractionId,
        payload: Value,
    ) {
        // When nobody takes it any more, this Discord is being stopped.
        let _stopping = self.0.send(Post {
            app,
            endpoint,
            interaction,
            payload,
        });
    }
}

/// Posts what is handed over, each at once.
pub(crate) async fn run(mut posts: UnboundedReceiver<Post>, hub: Arc<Hub>) {
    let mut going = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            post = posts.recv() => match post {
                Some(post) => {
                    going.spawn(deliver(post, Arc::clone(&hub)));
                }
                None => return,
            },
            Some(_ended) = going.join_next() => {}
        }
    }
}

/// What the endpoint answers is the answer to the interaction. If it answers nothing good, or too
/// late, the person sees that the application did not respond.
async fn deliver(post: Post, hub: Arc<Hub>) {
    let Some(key) = hub.read(|state| state.apps.get(&post.app).map(|app| app.key.clone())) else {
        return;
    };
    let now = hub.read(crate::state::State::now_ms) / 1000;
    let token = post.payload["token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let body = Bytes::from(post.payload.to_string());
    let signature = sign(&key, now, &body);
    let sent = send(&post.endpoint, now, &signature, body);
    let Ok(Some(answered)) = tokio::time::timeout(PATIENCE, sent).await else {
        return;
    };
    if answered.status == 200
        && let Ok((body, files)) = read(&answered.headers, answered.body).await
    {
        hub.write(|state| {
            // What came of it is noted with the interaction.
            let _noted = state.acknowledge(post.interaction, &token, &body, &files);
        });
    }
}

/// Whether an endpoint is one: it answers a PING, and refuses one that is not signed well.
pub(crate) async fn check(
    endpoint: &str,
    app: AppId,
    key: &SigningKey,
    now_s: u64,
) -> Result<(), String> {
    let body = Bytes::from(
        json!({ "id": "1", "application_id": app, "type": 1, "version": 1 }).to_string(),
    );
    let good = sign(key, now_s, &body);
    let forged = sign(&SigningKey::from_bytes(&random()), now_s, &body);
    let ask = async |signature: &Signature| {
        let sent = send(endpoint, now_s, signature, body.clone());
        let answered = tokio::time::timeout(PATIENCE, sent).await.ok().flatten();
        answered.ok_or_else(|| format!("{endpoint} did not answer a PING within 3 s"))
    };
    let answered = ask(&good).await?;
    let pong = serde_json::from_slice::<Value>(&answered.body).is_ok_and(|body| body["type"] == 1);
    if answered.status != 200 || !pong {
        return Err(format!(
            "{endpoint} answered a PING with {} and no PONG",
            answered.status
        ));
    }
    let answered = ask(&forged).await?;
    if answered.status != 401 {
        return Err(format!(
            "{endpoint} answered a forged signature with {}, not 401",
            answered.status
        ));
    }
    Ok(())
}

/// Over the timestamp and the body, one after the other.
fn sign(key: &SigningKey, at_s: u64, body: &[u8]) -> Signature {
    key.sign(&[at_s.to_string().as_bytes(), body].concat())
}

/// What an endpoint answered.
struct Answered {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

async fn send(endpoint: &str, at_s: u64, signature: &Signature, body: Bytes) -> Option<Answered> {
    let uri: Uri = endpoint.parse().ok()?;
    let authority = uri.authority()?.clone();
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80)))
        .await
        .ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let talking = tokio::spawn(connection);
    let request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, body.len())
        .header(
            "user-agent",
            "Discord-Interactions/1.0 (+https://discord.com)",
        )
        .header("x-signature-ed25519", hex::encode(signature.to_bytes()))
        .header("x-signature-timestamp", at_s.to_string())
        .body(axum::body::Body::from(body))
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(axum::body::Body::new(body), usize::MAX)
        .await
        .ok()?;
    talking.abort();
    Some(Answered {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

//! The page on which a person tries it out: looks like a chat, and is one.
//!
//! `GET /page/scene` tells who and what there is, `GET /page/channel/ID` a channel as one member sees
//! it, `POST /page/act` does what the member does. What changes is waited for, not asked for again
//! and again: `after` is the version that is shown already.

mod act;
mod show;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::hub::Hub;
use crate::ids::{ChannelId, InteractionId, UserId};
use act::Act;

/// For so long a request waits for news.
const NEWS: Duration = Duration::from_secs(20);

pub(crate) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/", get(page))
        .route("/page/scene", get(scene))
        .route("/page/channel/{id}", get(channel))
        .route("/page/act", post(act))
}

async fn page() -> Html<&'static str> {
    Html(include_str!("index.html"))
}

async fn scene(State(hub): State<Arc<Hub>>) -> Json<Value> {
    Json(hub.read(show::scene))
}

#[derive(Deserialize)]
struct Looking {
    /// The member who looks.
    r#as: u64,
    /// The version that they see already.
    #[serde(default)]
    after: u64,
}

async fn channel(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<u64>,
    Query(looking): Query<Looking>,
) -> Json<Value> {
    let version = hub.newer_than(looking.after, NEWS).await;
    let shown = hub.read(|state| show::channel(state, UserId(looking.r#as), ChannelId(id)));
    Json(json!({ "version": version, "channel": shown }))
}

/// Does something, and waits until it is answered or has failed.
async fn act(State(hub): State<Arc<Hub>>, Json(act): Json<Act>) -> Response {
    let who = act.who();
    match hub.write(|state| act.carry_out(state)) {
        Ok(Some(interaction)) => Json(answer(&hub, who, interaction).await).into_response(),
        Ok(None) => Json(json!({})).into_response(),
        Err(error) => {
            let body = json!({ "error": error.to_string() });
            (StatusCode::CONFLICT, Json(body)).into_response()
        }
    }
}

async fn answer(hub: &Hub, who: UserId, id: InteractionId) -> Value {
    let answered = hub.until(NEWS, |state| {
        let it = state.interactions.get(&id)?;
        if it.has_failed(state.now_ms()) {
            return Some(
                json!({ "error": format!("{}: the application did not respond", state.name(who)) }),
            );
        }
        it.acknowledged?;
        Some(json!({ "interaction": id, "choices": it.choices, "modal": it.modal }))
    });
    answered
        .await
        .unwrap_or_else(|| json!({ "error": "no answer" }))
}

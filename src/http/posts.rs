//! What a chat posts to us of what its people do, signed by it.

use std::sync::Arc;

use super::LONGEST_BODY;
use super::problem::Problem;
use super::public::whole_body;
use crate::action::{Posted, SignedPosts};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};

pub(super) fn route(path: &str, posts: Arc<dyn SignedPosts>) -> Router {
    Router::new()
        .route(path, post(take))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(posts)
}

async fn take(
    State(posts): State<Arc<dyn SignedPosts>>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let body = whole_body(request).await?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (signature, timestamp) = (
        header("x-signature-ed25519"),
        header("x-signature-timestamp"),
    );
    Ok(match posts.take(signature, timestamp, &body) {
        Posted::Answered(answer) => Json(answer).into_response(),
        Posted::Taken => StatusCode::ACCEPTED.into_response(),
        Posted::Forged => {
            tracing::warn!("what was posted as Discord's is not signed by it; nothing was done");
            StatusCode::UNAUTHORIZED.into_response()
        }
        Posted::Unreadable(why) => {
            tracing::warn!(%why, "Discord posted what Purser does not understand; nothing was done");
            StatusCode::BAD_REQUEST.into_response()
        }
        Posted::NotThere => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    })
}

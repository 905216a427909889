//! The handlers for who somebody is in a chat.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::Shared;
use super::api::Body;
use super::caller::Caller;
use super::problem::Problem;
use super::types::{CodeView, IdentityView, UnlinkBody};

type Answer<T> = Result<Json<T>, Problem>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/me/link", post(code))
        .route("/api/v1/identities", get(list))
        .route("/api/v1/identities/unlink", post(unlink))
}

async fn code(State(shared): State<Shared>, Caller(by): Caller) -> Answer<CodeView> {
    Ok(Json(shared.service.link_code(&by).await?))
}

async fn list(State(shared): State<Shared>, Caller(by): Caller) -> Answer<Vec<IdentityView>> {
    Ok(Json(shared.service.identities(&by).await?))
}

async fn unlink(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Body(body): Body<UnlinkBody>,
) -> Answer<IdentityView> {
    let id = body.id.as_deref();
    Ok(Json(shared.service.unlink(&by, id).await?))
}

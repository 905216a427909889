//! The handlers for secrets. A value comes in with one of them and goes out with none.

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::Shared;
use super::api::Body;
use super::caller::Caller;
use super::problem::Problem;
use super::types::{RekeyedView, RemoveSecretBody, SecretView, SetSecretBody};
use crate::domain::secret::LONGEST;

type Answer<T> = Result<Json<T>, Problem>;

/// A byte of a value takes up to six in JSON, and the rest of the body is short.
const LONGEST_BODY: usize = 6 * LONGEST + 1024;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/secrets", get(list))
        .route("/api/v1/secrets/rekey", post(rekey))
        .route("/api/v1/secrets/{name}/set", post(set))
        .route("/api/v1/secrets/{name}/remove", post(remove))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
}

async fn list(State(shared): State<Shared>, Caller(by): Caller) -> Answer<Vec<SecretView>> {
    Ok(Json(shared.service.secrets(&by).await?))
}

async fn set(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(name): Path<String>,
    Body(body): Body<SetSecretBody>,
) -> Answer<SecretView> {
    let service = &shared.service;
    Ok(Json(service.set_secret(&by, &name, &body.value).await?))
}

async fn remove(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(name): Path<String>,
    Body(body): Body<RemoveSecretBody>,
) -> Answer<SecretView> {
    let service = &shared.service;
    Ok(Json(service.remove_secret(&by, &name, body.force).await?))
}

async fn rekey(State(shared): State<Shared>, Caller(by): Caller) -> Answer<RekeyedView> {
    let secrets = shared.service.rekey_secrets(&by).await?;
    Ok(Json(RekeyedView { secrets }))
}

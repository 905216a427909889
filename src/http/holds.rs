//! The handlers for locks.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::Shared;
use super::api::Body;
use super::caller::Caller;
use super::problem::Problem;
use super::types::{HoldsView, Lock, LockBody};

type Answer<T> = Result<Json<T>, Problem>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/locks", get(list).post(take))
        .route("/api/v1/locks/{target}/release", post(release))
}

async fn list(State(shared): State<Shared>, Caller(by): Caller) -> Answer<HoldsView> {
    Ok(Json(shared.service.holds(&by).await?))
}

async fn take(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Body(body): Body<LockBody>,
) -> Answer<Lock> {
    let service = &shared.service;
    let lock = service
        .lock(&by, &body.target, &body.reason, body.lasts)
        .await?;
    Ok(Json(lock))
}

async fn release(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(target): Path<String>,
) -> Answer<Lock> {
    Ok(Json(shared.service.unlock(&by, &target).await?))
}

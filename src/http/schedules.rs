//! The handlers for schedules.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::Shared;
use super::caller::Caller;
use super::problem::Problem;
use super::types::{Accepted, ScheduleView};
use crate::domain::schedule::Fire;
use crate::service::ServiceError;

type Answer<T> = Result<Json<T>, Problem>;

/// Fires that a preview shows unless it is asked for more.
const SOME: u32 = 5;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/schedules", get(list))
        .route("/api/v1/schedules/{schedule}/preview", get(preview))
        .route("/api/v1/schedules/{schedule}/pause", post(pause))
        .route("/api/v1/schedules/{schedule}/resume", post(resume))
        .route("/api/v1/schedules/{schedule}/run", post(run))
}

#[derive(Deserialize)]
struct From {
    from: Option<String>,
    count: Option<u32>,
}

async fn list(State(shared): State<Shared>, Caller(by): Caller) -> Answer<Vec<ScheduleView>> {
    Ok(Json(shared.service.schedules(&by).await?))
}

async fn preview(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(schedule): Path<String>,
    Query(query): Query<From>,
) -> Answer<Vec<Fire>> {
    let from = query.from.map(|from| from.parse()).transpose();
    let from = from.map_err(|error: crate::domain::time::NoInstant| {
        ServiceError::Invalid(format!("`from`: {error}"))
    })?;
    let count = query.count.unwrap_or(SOME);
    Ok(Json(
        shared.service.preview(&by, &schedule, from, count).await?,
    ))
}

async fn pause(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(schedule): Path<String>,
) -> Answer<ScheduleView> {
    Ok(Json(shared.service.pause(&by, &schedule).await?))
}

async fn resume(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(schedule): Path<String>,
) -> Answer<ScheduleView> {
    Ok(Json(shared.service.resume(&by, &schedule).await?))
}

async fn run(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(schedule): Path<String>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let run = shared.service.run_schedule(&by, &schedule).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { run })))
}

//! The handler that completes what people type.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use super::Shared;
use super::api::Body;
use super::caller::Caller;
use super::problem::Problem;
use super::types::{Suggestion, Wanted};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/suggest", post(suggest))
}

async fn suggest(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Vec<Suggestion>>, Problem> {
    Ok(Json(shared.service.suggest(&by, &wanted).await?))
}

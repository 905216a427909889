//! The handlers for places.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::Shared;
use super::caller::Caller;
use super::problem::Problem;
use super::types::{PlaceAnswer, PlaceView};
use crate::service::ServiceError;

type Answer<T> = Result<Json<T>, Problem>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/places", get(list))
        .route("/api/v1/places/{place}/test", post(test))
}

async fn list(State(shared): State<Shared>, Caller(by): Caller) -> Answer<Vec<PlaceView>> {
    Ok(Json(shared.service.places(&by).await?))
}

async fn test(
    State(shared): State<Shared>,
    Caller(by): Caller,
    Path(place): Path<String>,
) -> Answer<PlaceAnswer> {
    // Whoever asked may go before the place has answered: the receipt is left all the same.
    let service = Arc::clone(&shared.service);
    let sent = tokio::spawn(async move { service.test_place(&by, &place).await });
    let answer = sent.await.map_err(|error| {
        let why = format!("the test message's sender ended badly: {error}");
        ServiceError::Unavailable(why)
    })?;
    Ok(Json(answer?))
}

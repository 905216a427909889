//! `/metrics`, at an address of its own: what it tells is not for everybody who may post to hooks.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::caller::unknown_path;
use super::problem::Problem;
use super::public::{bearer, serve_over_tcp};
use crate::domain::webhook::BearerToken;
use crate::service::ServiceError;
use crate::vitals::{Parts, Vitals};

/// `OpenMetrics` 1.0, which every Prometheus since 2.5 reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is served, and to whom.
pub struct Scrape {
    /// The figures.
    pub vitals: Arc<Vitals>,
    /// What they are made from.
    pub parts: Parts,
    /// What whoever asks must have; `None`: nothing.
    pub token: Option<BearerToken>,
}

/// Answers until `shutdown`.
pub async fn serve_metrics(listener: TcpListener, scrape: Scrape, shutdown: CancellationToken) {
    let app = Router::new()
        .route("/metrics", get(metrics))
        .fallback(unknown_path)
        .with_state(Arc::new(scrape));
    serve_over_tcp(listener, app, shutdown).await;
}

async fn metrics(
    State(scrape): State<Arc<Scrape>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    if let Some(token) = &scrape.token
        && !bearer(&headers).is_some_and(|given| token.is(given))
    {
        let why = "the figures are for whoever has the token of [metrics]".to_owned();
        return Err(ServiceError::Unproven(why).into());
    }
    let text = scrape
        .vitals
        .text(&scrape.parts)
        .await
        .map_err(ServiceError::from)?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}

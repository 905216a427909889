//! The page on which a person tries it out.

use std::sync::Arc;

use axum::Router;

use crate::hub::Hub;

pub(crate) fn routes() -> Router<Arc<Hub>> {
    Router::new()
}

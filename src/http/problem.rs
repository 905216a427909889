//! Errors as RFC 9457 problem details.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::types::ProblemDetails;
use crate::service::ServiceError;

/// An error on its way to the caller.
pub(super) struct Problem(ServiceError);

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title) = match &self.0 {
            ServiceError::Refused(_) => (StatusCode::FORBIDDEN, "refused"),
            ServiceError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            ServiceError::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            ServiceError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        let details = ProblemDetails {
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.0.to_string(),
        };
        let body = serde_json::json!(details).to_string();
        (
            status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response()
    }
}

//! Errors as RFC 9457 problem details.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::types::ProblemDetails;
use crate::service::ServiceError;

/// An error on its way to the caller.
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) detail: String,
}

impl Problem {
    /// The body is longer than anybody may send, or did not come in time.
    pub(super) fn body(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            title: "invalid",
            detail: detail.into(),
        }
    }

    /// The sentence for people.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let (status, title) = match &error {
            ServiceError::Refused(_) => (StatusCode::FORBIDDEN, "refused"),
            ServiceError::Unproven(_) => (StatusCode::UNAUTHORIZED, "unproven"),
            ServiceError::Missing(_) => (StatusCode::NOT_FOUND, "missing"),
            ServiceError::Gone(_) => (StatusCode::GONE, "gone"),
            ServiceError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            ServiceError::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            ServiceError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        Self {
            status,
            title,
            detail: error.to_string(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let details = ProblemDetails {
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let body = serde_json::json!(details).to_string();
        (
            self.status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response()
    }
}

//! How an action fails: a sentence for people, a cause for the log, and what may be done about it.

use std::fmt;

use crate::domain::effect::Question;

/// What an action returns.
pub type Result<T, E = ActionError> = std::result::Result<T, E>;

/// A failure, with what the engine may do about it.
#[derive(Debug)]
pub struct ActionError {
    /// What may be done about it.
    pub kind: ErrorKind,
    /// One sentence for people: what failed, on which system, what was left in which state, and
    /// what to do next.
    pub message: String,
    /// For the log.
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// Of an effect: the request may have been carried out although no answer came.
    pub may_have_landed: bool,
}

/// What may be done about a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Another attempt may succeed.
    Retryable,
    /// Another attempt would fail in the same way.
    Fatal,
    /// The run was cancelled or its time was over; the action stopped where it could.
    Cancelled,
    /// Only a person can say how it goes on.
    Waiting(Question),
}

impl ActionError {
    /// Another attempt would fail in the same way.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Fatal, message)
    }

    /// Another attempt may succeed.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Retryable, message)
    }

    /// The run was cancelled or its time was over.
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Cancelled, message)
    }

    /// Any kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            cause: None,
            may_have_landed: false,
        }
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The request may have been carried out although no answer came: the journal leaves the
    /// effect open, and the next attempt asks.
    #[must_use]
    pub fn may_have_landed(mut self) -> Self {
        self.may_have_landed = true;
        self
    }

    /// What it had begun is still there, because of `left`: the next attempt clears it.
    #[must_use]
    pub fn with_remnants(self, left: &Self) -> Self {
        let message = format!(
            "{}; its remnants could not be cleared yet: {left}",
            self.message
        );
        Self::new(self.kind, message).may_have_landed()
    }
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ActionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

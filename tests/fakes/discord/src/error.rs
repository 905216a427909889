//! Why a person could not do something, or did not see it.

use std::fmt;
use std::time::Duration;

/// What went wrong for a person, or for the test that waits.
#[derive(thiserror::Error)]
pub enum Error {
    /// Discord's client does not let the person do it.
    #[error("{0}")]
    Refused(String),
    /// It did not come within the patience of this Discord.
    #[error("waited {waited:?} for {what}; what there was instead:\n{seen}")]
    Late {
        /// How long.
        waited: Duration,
        /// For what.
        what: String,
        /// What could be seen at the end.
        seen: String,
    },
}

/// The sentence itself, so that `unwrap` in a test prints what a person can read.
impl fmt::Debug for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{self}")
    }
}

pub(crate) fn refused<T>(why: impl Into<String>) -> Result<T, Error> {
    Err(Error::Refused(why.into()))
}

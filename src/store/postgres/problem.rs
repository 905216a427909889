//! What has gone wrong with the database, in words.

use std::borrow::Cow;

use crate::store::StoreError;

/// A store that cannot be read or written, for this reason.
pub(super) fn broken(place: &str, message: &str) -> StoreError {
    StoreError::Unavailable {
        place: place.to_owned(),
        message: message.to_owned(),
    }
}

/// The same, for what the server or the line to it says.
/// The codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn unavailable(place: &str, error: &sqlx::Error) -> StoreError {
    if let sqlx::Error::Configuration(why) = error
        && let Some(told) = why.downcast_ref::<StoreError>()
    {
        return told.clone();
    }
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let message = match (code.as_deref(), error) {
        (Some("53100"), _) => {
            "the server's disk is full, and nothing was written: make room there. \
             Purser goes on by itself then, and needs no restart"
                .to_owned()
        }
        (Some("28P01" | "28000"), _) => format!("the server does not let us in ({error})"),
        (Some("25006"), _) => {
            "the server takes no writes any more: it has become a replica; name the primary"
                .to_owned()
        }
        (_, sqlx::Error::Io(why)) if why.kind() == std::io::ErrorKind::TimedOut => {
            "the server did not answer in time".to_owned()
        }
        _ => error.to_string(),
    };
    broken(place, &message)
}

/// What stands in the database and makes no sense.
pub(super) fn unreadable(place: &str, what: &str, error: impl std::fmt::Display) -> StoreError {
    broken(
        place,
        &format!(
            "{what} cannot be read back ({error}); somebody may have changed the tables: stop \
             Purser, and restore a backup of the database"
        ),
    )
}

/// PostgreSQL keeps no NUL in a text; a sign for it stands in its place.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{2400}"))
    } else {
        Cow::Borrowed(text)
    }
}

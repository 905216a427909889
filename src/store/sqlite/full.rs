//! A disk without room, in words: nothing was written, and nothing has to be mended.

use crate::store::StoreError;

/// Of a server that is up.
pub(super) const GOES_ON: &str = "its disk is full, and nothing was written: make room on the disk \
     of that folder. Purser goes on by itself then, and needs no restart";

/// Of one that is not up yet.
pub(super) const START_AGAIN: &str = "its disk is full, and nothing was written: make room on the \
     disk of that folder, then start Purser again";

/// `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE`: no room for what all connections share.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| matches!(&*code, "13" | "4874"))
}

/// A store that cannot be opened for want of room.
pub(super) fn no_room(place: &str) -> StoreError {
    StoreError::Unavailable {
        place: place.to_owned(),
        message: START_AGAIN.to_owned(),
    }
}

//! The gateway: sessions, what is told to whom, and the socket that it is told through.

pub(crate) mod events;
pub(crate) mod sessions;
pub(crate) mod socket;

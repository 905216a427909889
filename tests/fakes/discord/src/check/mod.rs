//! What Discord takes and what it refuses: pure checks of bodies, one file a subject.

pub(crate) mod commands;
pub(crate) mod components;
pub(crate) mod form;
pub(crate) mod message;
pub(crate) mod response;

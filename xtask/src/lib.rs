//! What the project's chores and its tests share.

pub mod effect_server;
pub mod torture;

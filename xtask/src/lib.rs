//! What the project's chores and its tests share.

pub mod disk;
pub mod effect_server;
pub mod exchange;
pub mod torture;

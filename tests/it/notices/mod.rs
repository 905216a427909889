//! What people are told of what happened while nobody watched.

mod engine;
mod hands;
mod program;
pub mod receiver;

//! What people are told of what happened while nobody watched.

mod engine;
mod hands;
mod lost;
mod program;
pub mod receiver;

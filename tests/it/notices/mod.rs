//! What people are told of what happened while nobody watched.

mod engine;
mod hands;
mod program;
mod receiver;

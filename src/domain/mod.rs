//! Plain data and pure functions: what a workflow, a run, a plan and a receipt *are*.
//!
//! Nothing here reads a clock, draws a random number or does I/O, so everything here can be
//! replayed: the same events always give the same state, and the same state the same commands.

pub mod digest;
pub mod effect;
pub mod names;
pub mod nearest;
pub mod plan;
pub mod redact;
pub mod time;

//! Plain data and pure functions: what a workflow, a run, a plan and a receipt *are*.
//!
//! Nothing here reads a clock, draws a random number or does I/O, so everything here can be
//! replayed: the same events always give the same state, and the same state the same commands.

pub mod approval;
pub mod artifact;
pub mod cause;
pub mod change;
pub mod chat;
pub mod command;
pub mod digest;
pub mod dotenv;
pub mod effect;
pub mod ending;
mod escapes;
pub mod event;
mod event_masking;
pub mod expression;
pub mod finding;
pub mod hold;
pub mod idle_image;
pub mod input;
pub mod input_file;
pub mod interpreter;
pub mod keys;
pub mod link;
pub mod nameable;
pub mod names;
pub mod nearest;
pub mod notice;
pub mod outcome;
pub mod output;
pub mod person;
pub mod plan;
pub mod position;
pub mod receipt;
pub mod redact;
pub mod rerun;
pub mod retention;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod step_path;
pub mod table;
pub mod time;
pub mod trigger;
pub mod undo;
pub mod unit;
pub mod webhook;
pub mod words;
pub mod workflow;

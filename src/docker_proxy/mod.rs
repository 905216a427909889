//! A filter before the engine's socket: whoever may create containers through the bare socket is
//! root on that machine, and Purser need not be.
//!
//! What goes through is what Purser's own Docker integration asks for ([`route`]), with bodies of
//! which every key is known and judged ([`create`]); all else is refused. What is forwarded is
//! never what came, but what was understood of it, written anew. The rules are pure; [`front`]
//! and [`serve`] alone touch sockets.

mod create;
mod front;
mod host_config;
mod json;
mod login;
mod mounts;
mod route;
mod rules;
mod serve;
mod shape;

pub use front::{Front, listen};
pub use route::listed as calls;
pub use rules::{Allowances, Refusal, Rules};
pub use serve::serve;

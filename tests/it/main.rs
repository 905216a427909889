//! Every test that goes through the public interface, in one binary: one link, many stories.

#![recursion_limit = "256"]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a test is free to panic, to read the machine's clock and to start programs"
)]

mod catalog;
mod clock;
mod completions;
mod deploy;
mod discord_fake;
mod docker;
mod docs;
mod engine;
mod http;
mod init;
mod interpreter;
mod keycloak;
mod kill;
mod layers;
mod notices;
mod own;
mod postgres;
mod prometheus;
mod s3;
mod schedules;
mod schema;
mod store;
mod stories;
mod support;
mod torture;
mod vitals;
mod webhooks;

//! Discord: slash commands, one message for each run, buttons that outlive the process.

mod api;
mod snowflake;
mod live;

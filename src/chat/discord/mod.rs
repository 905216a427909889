//! Discord: slash commands, one message for each run, buttons that outlive the process.

pub mod reference;
pub mod render;

//! Schedules: when they fire, against another implementation; and what the engine makes of it.

mod engine;
mod hands;
mod oracle;

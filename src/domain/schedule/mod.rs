//! Schedules: when a workflow starts by itself, and what happens when it cannot.
//!
//! An [`Expression`] says which times on a clock's face are meant, a [`Zone`] says when a clock
//! shows them, and a [`Timing`] is both together: it walks from fire to fire. Nothing here knows
//! what time it is.

mod due;
mod expression;
mod field;
mod jitter;
mod local;
mod policy;
mod timing;
mod wall;
mod zone;

pub use due::{Due, MOST_MISSED, Scheduled};
pub use expression::{Expression, ExpressionError};
pub use jitter::jitter;
pub use local::{LocalTime, NoLocalTime};
pub use policy::{Misfire, Overlap, ScheduleName, ScheduleSpec};
pub use timing::{Fire, Timing};
pub use zone::{DATABASE, UnknownZone, Zone};

//! The proxy in front of a service.

mod labels;
mod watch;

pub(super) use labels::{FRONT, Front, RAISED, SWITCH};
pub(super) use watch::{ProxyProbe, Watch};

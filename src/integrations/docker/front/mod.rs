//! The proxy in front of a service.

mod file;
mod labels;
mod proxy_probe;
mod serves;
mod watch;

pub(super) use file::services_in;
pub(super) use labels::{FRONT, Front, Provider, RAISED, SWITCH};
pub(super) use proxy_probe::ProxyProbe;
pub(super) use serves::Beside;
pub(super) use watch::Watch;

//! Deploys of a small application behind a real Traefik: what the bench measures, and the torture kills.

pub(crate) mod eras;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod purser;
pub(crate) mod site;
pub(crate) mod visitor;

use std::time::Duration;

/// What has to be up for it.
pub(crate) const PARTS: [&str; 2] = ["docker", "traefik"];
/// Whoever deploys holds this: two at once would share images and slow each other down.
pub(crate) const LOCK: &str = "bench";

/// Requests a second, beside the streams. Two slow processors that are shared with builds bear that.
pub(crate) const PER_SECOND: f64 = 320.0;

/// The time that old containers have to finish: the longest request takes three seconds.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

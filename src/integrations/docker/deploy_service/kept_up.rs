//! Whether a container that was well is so still: an engine that was away starts many of its containers
//! anew, some a moment after it answers again.

use std::time::Duration;

use bollard::models::RestartPolicyNameEnum::{ALWAYS, ON_FAILURE, UNLESS_STOPPED};
use tokio::time::{Instant, sleep};

use super::super::container::{Container, Health};
use super::super::engine::Docker;
use crate::action::Result;

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// An engine that starts a container by itself has begun within this time.
const BEGINS: Duration = Duration::from_secs(15);

/// Waits until it is well, as long as there is hope; else what is the matter with it, in words.
pub(super) async fn trouble(
    docker: &Docker,
    id: &str,
    within: Duration,
) -> Result<Option<(Container, String)>> {
    let begun = Instant::now();
    loop {
        let Some(now) = Container::find(docker, id).await? else {
            return Ok(None);
        };
        let passed = begun.elapsed();
        let what = if now.is_running() {
            match now.health() {
                Health::Healthy | Health::Unchecked => return Ok(None),
                _ if passed < within => None,
                Health::Starting => Some("is not healthy yet".to_owned()),
                Health::Unhealthy => Some("is unhealthy".to_owned()),
            }
        } else if is_kept_up(&now) && passed < BEGINS {
            None
        } else {
            Some(format!("does not run (exit code {})", now.exit_code()))
        };
        match what {
            Some(what) => return Ok(Some((now, what))),
            None => sleep(PAUSE).await,
        }
    }
}

/// The engine starts it by itself, unless somebody has stopped it.
fn is_kept_up(container: &Container) -> bool {
    let host = container.facts.host_config.as_ref();
    let policy = host.and_then(|host| host.restart_policy.as_ref());
    let name = policy.and_then(|policy| policy.name);
    matches!(name, Some(ALWAYS | UNLESS_STOPPED | ON_FAILURE))
}

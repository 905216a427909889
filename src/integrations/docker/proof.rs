//! Whether a container that was started does what it should (decision 20): what is claimed is
//! what was shown.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::container::{Container, Health};
use super::engine::Docker;
use super::logs;
use super::probe::Probe;
use crate::action::{ActionError, Result};
use crate::domain::time::Span;

/// How often a container is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// What has no check must run this long to count as started.
const STEADY: Duration = Duration::from_secs(5);

/// How far a proof goes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// It ran for five seconds without dying; nothing has asked it whether it works.
    Started,
    /// Its own HEALTHCHECK, or the declared probe, said so.
    Healthy,
    /// The proxy in front leads to the new containers, and to no old one.
    Routed,
    /// A request through the proxy was answered well.
    Answered,
    /// A request through the proxy was answered by the new version.
    Versioned,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "started",
            Self::Healthy => "healthy",
            Self::Routed => "routed",
            Self::Answered => "answered",
            Self::Versioned => "versioned",
        })
    }
}

/// What was shown, and by what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Proof {
    pub(super) level: Level,
    pub(super) by: String,
}

/// What is waited for.
pub(super) struct Expected<'a> {
    /// After this it counts as sick.
    pub(super) within: Duration,
    /// Asked where the container has no check of its own.
    pub(super) probe: Option<&'a Probe>,
    /// Ends the wait.
    pub(super) cancel: Option<&'a CancellationToken>,
}

/// Waits until the container has proven itself. Fails as soon as it has died, was started again
/// by the engine, or calls itself unhealthy, and quotes its last lines.
pub(super) async fn prove(docker: &Docker, id: &str, expected: &Expected<'_>) -> Result<Proof> {
    let begun = Instant::now();
    let mut first = None;
    let mut name = id.get(..12).unwrap_or(id).to_owned();
    loop {
        let Some(container) = Container::find(docker, id).await? else {
            return Err(removed(docker, &name));
        };
        name.clone_from(&container.name);
        let start = first.get_or_insert_with(|| (container.started_at(), container.restarts()));
        if *start != (container.started_at(), container.restarts()) || container.restarts() > 0 {
            return Err(died(docker, &container, "it crashed and was started again").await);
        }
        match verdict(&container, begun.elapsed(), expected.probe).await {
            Verdict::Proven(proof) => return Ok(proof),
            Verdict::Failed(why) => return Err(died(docker, &container, &why).await),
            Verdict::NotYet(why) if begun.elapsed() >= expected.within => {
                let within = Span::new(expected.within);
                let why = format!("it was not healthy within {within}: {why}");
                return Err(died(docker, &container, &why).await);
            }
            Verdict::NotYet(_) => {}
        }
        pause(docker, &container, expected.cancel).await?;
    }
}

enum Verdict {
    Proven(Proof),
    NotYet(String),
    Failed(String),
}

async fn verdict(container: &Container, ran: Duration, probe: Option<&Probe>) -> Verdict {
    if container.is_restarting() || !container.is_running() {
        return Verdict::Failed(ended(container));
    }
    let healthy = |by: String| {
        Verdict::Proven(Proof {
            level: Level::Healthy,
            by,
        })
    };
    match (container.health(), probe) {
        (Health::Healthy, _) => healthy("its own HEALTHCHECK".to_owned()),
        (Health::Unhealthy, _) => Verdict::Failed(unhealthy(container)),
        (Health::Starting, _) => Verdict::NotYet(still_starting(container)),
        (Health::Unchecked, Some(probe)) => match probe.ask(container).await {
            Ok(()) => healthy(format!("the probe {probe}")),
            Err(why) => Verdict::NotYet(format!("the probe {probe} failed ({why})")),
        },
        (Health::Unchecked, None) if ran >= STEADY => Verdict::Proven(Proof {
            level: Level::Started,
            by: format!(
                "running for {} s without dying, as it has no check of its own",
                STEADY.as_secs()
            ),
        }),
        (Health::Unchecked, None) => Verdict::NotYet("it has only just started".to_owned()),
    }
}

fn ended(container: &Container) -> String {
    let memory = if container.is_out_of_memory() {
        ", out of memory"
    } else {
        ""
    };
    match container.started_at() {
        None => "it was never started".to_owned(),
        Some(_) => format!("it ended with exit code {}{memory}", container.exit_code()),
    }
}

fn unhealthy(container: &Container) -> String {
    let state = container.facts.state.as_ref();
    let checks = state
        .and_then(|s| s.health.as_ref())
        .and_then(|h| h.log.as_ref());
    let said = checks
        .and_then(|checks| checks.last())
        .and_then(|check| check.output.as_deref());
    match said.map(str::trim).filter(|said| !said.is_empty()) {
        Some(said) => {
            let said = said.lines().next().unwrap_or_default();
            let said: String = said.chars().take(200).collect();
            format!("its own HEALTHCHECK calls it unhealthy (`{said}`)")
        }
        None => "its own HEALTHCHECK calls it unhealthy".to_owned(),
    }
}

fn still_starting(container: &Container) -> String {
    let check = container
        .facts
        .config
        .as_ref()
        .and_then(|c| c.healthcheck.as_ref());
    let interval = check
        .and_then(|c| c.interval)
        .and_then(|nanos| u64::try_from(nanos).ok());
    // Without an interval the engine's own default holds.
    let interval = Duration::from_nanos(
        interval
            .filter(|nanos| *nanos > 0)
            .unwrap_or(30_000_000_000),
    );
    format!(
        "its own HEALTHCHECK, every {}, has not passed yet",
        humantime::format_duration(interval)
    )
}

async fn died(docker: &Docker, container: &Container, why: &str) -> ActionError {
    let said = logs::quoted(docker, &container.id).await;
    ActionError::fatal(format!(
        "{} ({}) on `{}`: {why}; {said}",
        container.name,
        container.image(),
        docker.name()
    ))
}

/// Somebody has taken it away.
pub(super) fn removed(docker: &Docker, container: &str) -> ActionError {
    ActionError::fatal(format!(
        "the container {container} was removed from `{}` by someone else before it had proven \
         itself",
        docker.name()
    ))
}

async fn pause(
    docker: &Docker,
    container: &Container,
    cancel: Option<&CancellationToken>,
) -> Result<()> {
    let Some(cancel) = cancel else {
        tokio::time::sleep(PAUSE).await;
        return Ok(());
    };
    tokio::select! {
        () = tokio::time::sleep(PAUSE) => Ok(()),
        () = cancel.cancelled() => Err(ActionError::cancelled(format!(
            "cancelled while {} on `{}` had to prove itself",
            container.name,
            docker.name()
        ))),
    }
}

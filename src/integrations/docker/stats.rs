//! What one container uses of the machine, as the engine counts it.

use std::pin::pin;
use std::time::Duration;

use bollard::models::{ContainerCpuStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt as _;

use super::engine::{Docker, status};
use crate::action::{Context, Result};

/// What was used at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// When, in seconds of the epoch.
    pub(super) at: f64,
    /// Of one processor, in hundredths: two that are busy are 200. Absent in the first of a row.
    pub(super) cpu: Option<f64>,
    /// Bytes, without what the kernel may take back at once.
    pub(super) memory: Option<u64>,
    /// The most that it may use; without a limit of its own, what the machine has.
    pub(super) limit: Option<u64>,
    /// Since its start, in bytes.
    pub(super) received: Option<u64>,
    pub(super) sent: Option<u64>,
    pub(super) read: Option<u64>,
    pub(super) written: Option<u64>,
}

/// What it uses now; nothing when it is gone.
pub(super) async fn now(ctx: &Context, docker: &Docker, id: &str) -> Result<Vec<Sample>> {
    let options = StatsOptionsBuilder::new().stream(false).build();
    let client = docker.client().await?;
    let mut answers = pin!(client.stats(id, Some(options)));
    let mut samples = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(answer) => samples.push(Sample::of(&answer, seconds(ctx))),
            Err(error) if status(&error) == Some(404) => break,
            Err(error) => return Err(docker.failed("its containers' figures were read", error)),
        }
    }
    Ok(samples)
}

/// What it uses over so long, about once a second; fewer when it ends, or the run is cancelled.
pub(super) async fn over(
    ctx: &Context,
    docker: &Docker,
    id: &str,
    span: Duration,
) -> Result<Vec<Sample>> {
    let options = StatsOptionsBuilder::new().stream(true).build();
    let client = docker.client().await?;
    let mut answers = pin!(client.stats(id, Some(options)));
    let mut over = pin!(ctx.sleep(span));
    let mut samples = Vec::new();
    loop {
        tokio::select! {
            () = ctx.cancel.cancelled() => break,
            _ = &mut over => break,
            answer = answers.next() => match answer {
                Some(Ok(answer)) if is_of_a_running_one(&answer) => {
                    samples.push(Sample::of(&answer, seconds(ctx)));
                }
                Some(Err(error)) if status(&error) != Some(404) => {
                    return Err(docker.failed("its containers' figures were read", error));
                }
                _ => break,
            },
        }
    }
    Ok(samples)
}

/// Of one that has ended the engine goes on telling zeros.
fn is_of_a_running_one(answer: &ContainerStatsResponse) -> bool {
    let cpu = answer.cpu_stats.as_ref();
    cpu.and_then(|cpu| cpu.system_cpu_usage).is_some()
}

#[allow(clippy::cast_precision_loss, reason = "to the millisecond, for long")]
fn seconds(ctx: &Context) -> f64 {
    ctx.read.clock.now().micros() as f64 / 1e6
}

impl Sample {
    fn of(answer: &ContainerStatsResponse, at: f64) -> Self {
        let memory = answer.memory_stats.as_ref();
        let networks = answer.networks.as_ref();
        let network = |of: fn(&bollard::models::ContainerNetworkStats) -> Option<u64>| {
            networks.map(|all| all.values().filter_map(of).sum())
        };
        Self {
            at,
            cpu: cpu(answer),
            memory: memory.and_then(|memory| {
                let count = |name: &str| memory.stats.as_ref()?.get(name).copied();
                let at_once = count("total_inactive_file").or_else(|| count("inactive_file"));
                Some(memory.usage?.saturating_sub(at_once.unwrap_or(0)))
            }),
            limit: memory.and_then(|memory| memory.limit),
            received: network(|one| one.rx_bytes),
            sent: network(|one| one.tx_bytes),
            read: on_disk(answer, "read"),
            written: on_disk(answer, "write"),
        }
    }
}

/// What the engine's own client shows.
fn cpu(answer: &ContainerStatsResponse) -> Option<f64> {
    let (now, before) = (answer.cpu_stats.as_ref()?, answer.precpu_stats.as_ref()?);
    let used = |cpu: &ContainerCpuStats| cpu.cpu_usage.as_ref()?.total_usage;
    let own = used(now)?.checked_sub(used(before)?)?;
    let all = now
        .system_cpu_usage?
        .checked_sub(before.system_cpu_usage?)?;
    if all == 0 {
        return None;
    }
    #[allow(
        clippy::cast_precision_loss,
        reason = "nanoseconds of a second, and a share of them"
    )]
    let share = own as f64 / all as f64;
    let processors = now.online_cpus.filter(|count| *count > 0).unwrap_or(1);
    Some(share * f64::from(processors) * 100.0)
}

fn on_disk(answer: &ContainerStatsResponse, what: &str) -> Option<u64> {
    let entries = answer
        .blkio_stats
        .as_ref()?
        .io_service_bytes_recursive
        .as_ref()?;
    let of_it = entries.iter().filter(|entry| {
        let op = entry.op.as_deref();
        op.is_some_and(|op| op.eq_ignore_ascii_case(what))
    });
    Some(of_it.filter_map(|entry| entry.value).sum())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_those_that_the_engines_own_client_shows() {
        let answer = json!({
            "cpu_stats": {
                "cpu_usage": { "total_usage": 500_000_000_u64 },
                "system_cpu_usage": 12_000_000_000_u64, "online_cpus": 2,
            },
            "precpu_stats": {
                "cpu_usage": { "total_usage": 250_000_000_u64 },
                "system_cpu_usage": 10_000_000_000_u64, "online_cpus": 2,
            },
            "memory_stats": {
                "usage": 5000, "limit": 64_000, "stats": { "inactive_file": 1000 },
            },
            "networks": {
                "eth0": { "rx_bytes": 10, "tx_bytes": 20 },
                "eth1": { "rx_bytes": 1, "tx_bytes": 2 },
            },
            "blkio_stats": { "io_service_bytes_recursive": [
                { "op": "Read", "value": 7 }, { "op": "read", "value": 1 }, { "op": "write", "value": 3 },
            ]},
        });
        let answer: ContainerStatsResponse = serde_json::from_value(answer).unwrap();
        let expected = Sample {
            at: 1.0,
            cpu: Some(25.0),
            memory: Some(4000),
            limit: Some(64_000),
            received: Some(11),
            sent: Some(22),
            read: Some(8),
            written: Some(3),
        };
        assert_eq!(Sample::of(&answer, 1.0), expected);
    }

    #[test]
    fn what_the_engine_does_not_count_is_not_known() {
        let none = Sample::of(&ContainerStatsResponse::default(), 0.0);
        assert_eq!(none, Sample::default());
    }
}

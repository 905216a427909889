//! `docker.show_stats`: what the containers of services use of the machine.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::Container;
use super::engine::Docker;
use super::service::{self, Service};
use super::stats::{self, Sample};
use super::stats_chart;
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::table::{Column, table};
use crate::domain::time::Span;
use crate::domain::words::size;

/// The engine takes about two seconds for one look, or keeps a connection open for each container.
const AT_ONCE: usize = 64;

const LONGEST: Duration = Duration::from_mins(10);

/// Shows what containers use.
pub(super) struct ShowStats;

/// Whose, and for how long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// `project/service`, or `service` when that is clear, or a container's name; left out, all.
    #[serde(default)]
    service: Option<String>,
    /// Look for so long, up to 10m, about once a second: `30s`. Left out, once.
    #[serde(default, rename = "for")]
    span: Option<Span>,
}

/// The containers that run.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// By service and name.
    containers: Vec<Row>,
    /// With `for`, the names of the artifacts with the pictures of processors and memory.
    charts: Vec<String>,
    /// All of it for people.
    text: String,
}

/// One container. What its engine does not count is absent.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// `project/service`, or the container's name.
    service: String,
    container: String,
    /// How often it was looked at.
    samples: usize,
    /// In percent of one processor, so that two busy ones are 200; with `for`, the mean.
    cpu: Option<f64>,
    /// The highest of that.
    cpu_max: Option<f64>,
    /// Bytes, without what the kernel may take back at once; with `for`, at the end.
    memory: Option<u64>,
    /// The highest of that.
    memory_max: Option<u64>,
    /// The most that it may use; without a limit of its own, what the machine has.
    memory_limit: Option<u64>,
    /// Bytes over all its networks, since its start; with `for`, during that time.
    received: Option<u64>,
    /// The same of what it has sent.
    sent: Option<u64>,
    /// Bytes from and to disks, since its start; with `for`, during that time.
    read: Option<u64>,
    /// The same of what it has written.
    written: Option<u64>,
}

impl Action for ShowStats {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.show_stats",
        summary: "Show what the containers of services use of processors, memory, network and disks",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let whose = match &input.service {
            Some(wanted) => Service::find(docker, wanted).await?.name,
            None => "all services".to_owned(),
        };
        Ok(Plan::new(format!("show what {whose} use")))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        input.check()?;
        let running = running(docker, input.service.as_deref()).await?;
        if let Some(span) = input.span {
            ctx.progress(format!("looking for {span}"));
        }
        let span = input.span;
        let looks = running.into_iter().map(|(service, container)| async move {
            let samples = match span {
                Some(span) => stats::over(ctx, docker, &container.id, span.duration()).await?,
                None => stats::now(ctx, docker, &container.id).await?,
            };
            Ok::<_, ActionError>((service, container.name, samples))
        });
        let looked: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        let containers: Vec<_> = looked
            .iter()
            .filter_map(|(service, name, samples)| row(service, name, samples, span.is_some()))
            .collect();
        let charts = match span {
            Some(_) => {
                let watched = looked.into_iter();
                let watched = watched.map(|(_, name, samples)| (name, samples));
                stats_chart::draw(ctx, &watched.collect::<Vec<_>>()).await?
            }
            None => Vec::new(),
        };
        Ok(Output {
            text: text(&containers, span),
            charts,
            containers,
        })
    }
}

impl Input {
    fn check(&self) -> Result<()> {
        match self.span {
            Some(span) if span.duration() > LONGEST || span.duration() < Duration::from_secs(2) => {
                Err(ActionError::fatal(format!(
                    "`for` is {span}: it must be 2s to {}",
                    Span::new(LONGEST)
                )))
            }
            _ => Ok(()),
        }
    }
}

async fn running(docker: &Docker, wanted: Option<&str>) -> Result<Vec<(String, Container)>> {
    let services = match wanted {
        Some(wanted) => vec![Service::find(docker, wanted).await?],
        None => service::all(docker).await?,
    };
    let mut running = Vec::new();
    for service in services {
        let containers = service.inspect(docker).await?.into_iter();
        let up = containers.filter(Container::is_running);
        running.extend(up.map(|container| (service.name.clone(), container)));
    }
    Ok(running)
}

/// What the samples come to; `None` when the container was gone before the first.
fn row(service: &str, container: &str, samples: &[Sample], is_over: bool) -> Option<Row> {
    let (first, last) = (samples.first()?, samples.last()?);
    let cpu: Vec<f64> = samples.iter().filter_map(|sample| sample.cpu).collect();
    #[allow(clippy::cast_precision_loss, reason = "some hundred samples")]
    let mean = cpu
        .iter()
        .copied()
        .reduce(|a, b| a + b)
        .map(|sum| sum / cpu.len() as f64);
    let since = |of: fn(&Sample) -> Option<u64>| {
        let now = of(last)?;
        Some(if is_over {
            now.saturating_sub(of(first)?)
        } else {
            now
        })
    };
    Some(Row {
        service: service.to_owned(),
        container: container.to_owned(),
        samples: samples.len(),
        cpu: mean.map(rounded),
        cpu_max: cpu.into_iter().reduce(f64::max).map(rounded),
        memory: last.memory,
        memory_max: samples.iter().filter_map(|sample| sample.memory).max(),
        memory_limit: last.limit,
        received: since(|sample| sample.received),
        sent: since(|sample| sample.sent),
        read: since(|sample| sample.read),
        written: since(|sample| sample.written),
    })
}

fn rounded(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

fn text(containers: &[Row], span: Option<Span>) -> String {
    if containers.is_empty() {
        return "no container of it runs".to_owned();
    }
    let mut columns = vec![("CONTAINER", false)];
    columns.extend(match span {
        Some(_) => &[("CPU MEAN", true), ("CPU MAX", true), ("MEMORY MAX", true)][..],
        None => &[("CPU", true), ("MEMORY", true)][..],
    });
    columns.extend(["LIMIT", "RECEIVED", "SENT", "READ", "WRITTEN"].map(|name| (name, true)));
    let columns: Vec<_> = columns
        .into_iter()
        .map(|(heading, right)| Column { heading, right })
        .collect();
    let percent = |value: Option<f64>| value.map_or_else(unknown, |value| format!("{value:.1} %"));
    let bytes = |value: Option<u64>| value.map_or_else(unknown, size);
    let rows: Vec<_> = containers
        .iter()
        .map(|row| {
            let mut cells = vec![row.container.clone()];
            match span {
                Some(_) => cells.extend([
                    percent(row.cpu),
                    percent(row.cpu_max),
                    bytes(row.memory_max),
                ]),
                None => cells.extend([percent(row.cpu), bytes(row.memory)]),
            }
            let rest = [
                row.memory_limit,
                row.received,
                row.sent,
                row.read,
                row.written,
            ];
            cells.extend(rest.map(bytes));
            cells
        })
        .collect();
    let about = match span {
        Some(span) => format!("over {span}; network and disks: what came and went in that time"),
        None => "now; network and disks: since each container's start".to_owned(),
    };
    format!("{}\n{about}", table(&columns, &rows))
}

fn unknown() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu: Option<f64>, memory: u64, received: u64) -> Sample {
        Sample {
            cpu,
            memory: Some(memory),
            limit: Some(64 << 20),
            received: Some(received),
            ..Sample::default()
        }
    }

    #[test]
    fn over_a_time_there_are_means_and_peaks_and_what_came_in_it() {
        let samples = [
            sample(None, 3 << 20, 1000 << 10),
            sample(Some(10.0), 9 << 20, 1001 << 10),
            sample(Some(30.0), 5 << 20, 1004 << 10),
        ];
        let row = |is_over| vec![row("shop/web", "shop-web-1", &samples, is_over).unwrap()];
        insta::assert_snapshot!(text(&row(true), Some(Span::new(Duration::from_secs(30)))), @"
        CONTAINER   CPU MEAN  CPU MAX  MEMORY MAX   LIMIT  RECEIVED  SENT  READ  WRITTEN
        shop-web-1    20.0 %   30.0 %       9 MiB  64 MiB     4 KiB     -     -        -
        over 30s; network and disks: what came and went in that time
        ");
        insta::assert_snapshot!(text(&row(false), None), @"
        CONTAINER      CPU  MEMORY   LIMIT  RECEIVED  SENT  READ  WRITTEN
        shop-web-1  20.0 %   5 MiB  64 MiB  1004 KiB     -     -        -
        now; network and disks: since each container's start
        ");
    }
}

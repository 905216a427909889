//! `docker.show_logs`: the last lines of a service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::Docker;
use super::logs::{self, Wanted};
use super::service::Service;
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::time::{Span, Timestamp};

const MOST_LINES: usize = 1000;

/// An output must fit into an event.
const MOST_BYTES: usize = 48 * 1024;

/// Shows logs.
pub(super) struct ShowLogs;

/// Whose log, and how much of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// `project/service`, or `service` when that is clear, or a container's name.
    service: String,
    /// The last so many lines, 1 to 1000.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 1000))]
    lines: usize,
    /// Not older than this: `10m`.
    #[serde(default)]
    since: Option<Span>,
}

fn fifty() -> usize {
    50
}

/// The lines.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The service's full name.
    service: String,
    /// The lines of all its containers, oldest first; with several, each begins with its
    /// container's name.
    text: String,
    /// How many lines that is.
    lines: usize,
    /// Earlier lines were left out to keep the text short enough to be passed on.
    shortened: bool,
}

impl Action for ShowLogs {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.show_logs",
        summary: "Show the last lines that a service has logged",
        risk: Risk::Read,
        service: Some("service"),
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        let service = Service::find(docker, &input.service).await?;
        Ok(Plan::new(format!("show the log of {}", service.name)))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        if !(1..=MOST_LINES).contains(&input.lines) {
            return Err(ActionError::fatal(format!(
                "`lines` is {}: it must be 1 to {MOST_LINES}",
                input.lines
            )));
        }
        let service = Service::find(docker, &input.service).await?;
        let wanted = Wanted {
            lines: input.lines,
            since: input
                .since
                .map_or(0, |span| before(ctx.read.clock.now(), span)),
            timestamps: true,
        };
        let lines = collect(docker, &service, &wanted).await?;
        let (lines, shortened) = newest(lines, input.lines);
        Ok(Output {
            service: service.name,
            text: lines.join("\n"),
            lines: lines.len(),
            shortened,
        })
    }
}

/// In seconds since the epoch, as the engine wants it.
fn before(now: Timestamp, span: Span) -> i32 {
    let ago = i64::try_from(span.duration().as_secs()).unwrap_or(i64::MAX);
    let seconds = (now.micros() / 1_000_000).saturating_sub(ago);
    // 0 would mean "all".
    i32::try_from(seconds.max(1)).unwrap_or(i32::MAX)
}

/// All containers' lines in the order of the engine's clock.
async fn collect(docker: &Docker, service: &Service, wanted: &Wanted) -> Result<Vec<String>> {
    let containers = service.inspect(docker).await?;
    let mut stamped = Vec::new();
    for container in &containers {
        for line in logs::read(docker, &container.id, wanted).await? {
            let (at, text) = line.split_once(' ').unwrap_or((&line, ""));
            let text = match containers.len() {
                1 => text.to_owned(),
                _ => format!("{} | {text}", container.name),
            };
            stamped.push((at.to_owned(), text));
        }
    }
    stamped.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(stamped.into_iter().map(|(_, text)| text).collect())
}

/// The last lines that fit, and whether any had to be left out for their length.
fn newest(lines: Vec<String>, most: usize) -> (Vec<String>, bool) {
    let wanted = lines.len().min(most);
    let mut bytes = 0;
    let mut kept: Vec<_> = lines
        .into_iter()
        .rev()
        .take(wanted)
        .take_while(|line| {
            bytes += line.len() + 1;
            bytes <= MOST_BYTES
        })
        .collect();
    kept.reverse();
    let shortened = kept.len() < wanted;
    (kept, shortened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_when_they_do_not_all_fit() {
        let lines: Vec<_> = (0..10)
            .map(|n| format!("{n}{}", "x".repeat(10_000)))
            .collect();
        let (kept, shortened) = newest(lines, 50);
        assert_eq!((kept.len(), shortened), (4, true));
        assert!(kept[3].starts_with('9'));
        assert_eq!(
            newest(vec!["a".into(), "b".into()], 1),
            (vec!["b".into()], false)
        );
    }
}

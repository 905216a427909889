//! `docker.show_logs`: the last lines of a service, and those that come while one looks.

use std::collections::VecDeque;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::Container;
use super::engine::Docker;
use super::follow_logs;
use super::logs::{self, Wanted};
use super::service::Service;
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::time::{Span, Timestamp};

const MOST_LINES: usize = 1000;

/// So many lines of each container are searched.
const SEARCHED: usize = 100_000;

const LONGEST_FOLLOW: Duration = Duration::from_mins(15);

/// An output must fit into an event.
pub(super) const MOST_BYTES: usize = 48 * 1024;

/// Shows logs.
pub(super) struct ShowLogs;

/// Whose log, and how much of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// `project/service`, or `service` when that is clear, or a container's name.
    service: String,
    /// The last so many lines, 1 to 1000; with `follow`, so many to begin with.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 1000))]
    lines: usize,
    /// Not older than this: `10m`.
    #[serde(default)]
    since: Option<Span>,
    /// Only lines that hold this text, whatever its case; of each container's last 100 000 lines.
    #[serde(default)]
    grep: Option<String>,
    /// Show lines as they come for so long, up to 15m: `2m`.
    #[serde(default)]
    follow: Option<Span>,
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
    /// Why no more lines were waited for; absent without `follow`.
    ended: Option<String>,
}

/// A line, with the engine's time in front of which it is sorted.
pub(super) struct Stamped {
    at: String,
    pub(super) text: String,
}

/// Which lines are shown, and how.
pub(super) struct Filter {
    /// In lower case.
    grep: Option<String>,
    /// Each line says whose it is.
    several: bool,
}

impl Filter {
    fn of(grep: Option<&str>, containers: &[Container]) -> Self {
        Self {
            grep: grep.map(str::to_lowercase).filter(|text| !text.is_empty()),
            several: containers.len() > 1,
        }
    }

    /// A line of this container, if it is to be shown.
    pub(super) fn take(&self, container: &Container, line: &str) -> Option<Stamped> {
        let (at, text) = line.split_once(' ').unwrap_or((line, ""));
        let is_wanted = |grep: &String| text.to_lowercase().contains(grep);
        if !self.grep.as_ref().is_none_or(is_wanted) {
            return None;
        }
        Some(Stamped {
            at: at.to_owned(),
            text: if self.several {
                format!("{} | {text}", container.name)
            } else {
                text.to_owned()
            },
        })
    }
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
        input.check()?;
        let service = Service::find(docker, &input.service).await?;
        let containers = service.inspect(docker).await?;
        let filter = Filter::of(input.grep.as_deref(), &containers);
        let mut wanted = Wanted {
            lines: input.lines,
            since: input
                .since
                .map_or(0, |span| before(ctx.read.clock.now(), span)),
            timestamps: true,
        };
        let (lines, was_cut, ended) = if let Some(span) = input.follow {
            let seen =
                follow_logs::follow(ctx, docker, &containers, &wanted, &filter, span).await?;
            (seen.lines, seen.shortened, Some(seen.ended.to_string()))
        } else {
            if filter.grep.is_some() {
                wanted.lines = SEARCHED;
            }
            let lines = collect(docker, &containers, &wanted, &filter, input.lines).await?;
            (lines, false, None)
        };
        let most = input.follow.map_or(input.lines, |_| usize::MAX);
        let (lines, shortened) = newest(in_order(lines), most);
        Ok(Output {
            service: service.name,
            text: lines.join("\n"),
            lines: lines.len(),
            shortened: shortened || was_cut,
            ended,
        })
    }
}

impl Input {
    fn check(&self) -> Result<()> {
        if !(1..=MOST_LINES).contains(&self.lines) {
            return Err(ActionError::fatal(format!(
                "`lines` is {}: it must be 1 to {MOST_LINES}",
                self.lines
            )));
        }
        match self.follow {
            Some(span) if span.duration() > LONGEST_FOLLOW || span.duration().is_zero() => {
                Err(ActionError::fatal(format!(
                    "`follow` is {span}: it must be 1s to {}",
                    Span::new(LONGEST_FOLLOW)
                )))
            }
            _ => Ok(()),
        }
    }
}

/// In seconds since the epoch, as the engine wants it.
fn before(now: Timestamp, span: Span) -> i32 {
    let ago = i64::try_from(span.duration().as_secs()).unwrap_or(i64::MAX);
    let seconds = (now.micros() / 1_000_000).saturating_sub(ago);
    // 0 would mean "all".
    i32::try_from(seconds.max(1)).unwrap_or(i32::MAX)
}

/// The last lines of each container that are to be shown.
async fn collect(
    docker: &Docker,
    containers: &[Container],
    wanted: &Wanted,
    filter: &Filter,
    most: usize,
) -> Result<Vec<Stamped>> {
    let mut all = Vec::new();
    for container in containers {
        let mut last = VecDeque::new();
        logs::each(docker, &container.id, wanted, |line| {
            let Some(line) = filter.take(container, line) else {
                return;
            };
            if last.len() == most {
                last.pop_front();
            }
            last.push_back(line);
        })
        .await?;
        all.extend(last);
    }
    Ok(all)
}

/// By the engine's clock.
fn in_order(mut lines: Vec<Stamped>) -> Vec<String> {
    lines.sort_by(|one, other| one.at.cmp(&other.at));
    lines.into_iter().map(|line| line.text).collect()
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

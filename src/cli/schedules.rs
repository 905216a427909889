//! `purser schedules`: looks at schedules and at when they fire.

use clap::{Args, Subcommand};

use super::client::{Server, segment};
use super::run::Follow;
use super::terminal::Terminal;
use super::{Failure, print_json};
use crate::chat::card::value;
use crate::domain::schedule::{Expression, ExpressionError, Fire, Timing, Zone};
use crate::domain::time::Timestamp;
use crate::http::types::{Accepted, ScheduleView};

/// Look at schedules and at when they fire; pause, resume or run one.
#[derive(Debug, Subcommand)]
pub enum Schedules {
    /// All schedules: when they fire next, and what became of the last fire.
    List,
    /// The next fires, with the reason where a change of clocks moves or drops one.
    Preview(Preview),
    /// Let one fire no more until it is resumed.
    Pause(One),
    /// Let a paused one fire again; what was due meanwhile is not made up for.
    Resume(One),
    /// Have its run begin now, with its inputs, and watch it.
    Run {
        /// Which.
        #[command(flatten)]
        one: One,
        /// What becomes of whoever asks.
        #[command(flatten)]
        follow: Follow,
    },
}

/// Which.
#[derive(Debug, Args)]
pub struct One {
    /// WORKFLOW.ID, or an id that only one workflow has.
    schedule: String,
}

/// Of what, and from when.
#[derive(Debug, Args)]
pub struct Preview {
    /// A schedule, as WORKFLOW.ID; or any expression in quotes, for which no server is needed.
    which: String,
    /// By which clock an expression goes; left out, by that of the configuration, or UTC.
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<Zone>,
    /// Fires behind this instant, as 2026-03-28T00:00:00Z; left out, from now on.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// How many.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
}

impl Preview {
    /// Whether it is about an expression rather than the name of a schedule.
    pub fn is_expression(&self) -> bool {
        let in_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        !self.which.chars().all(in_names) || self.which.is_empty()
    }

    /// Shows when the expression fires by the clocks of this zone.
    ///
    /// # Errors
    /// It is no expression: where, and why.
    pub fn show(&self, zone: Zone, now: Timestamp, json: bool) -> Result<(), Failure> {
        let text = &self.which;
        let expression: Expression = text.parse().map_err(|error: ExpressionError| {
            let before = " ".repeat(error.column - 1);
            Failure::usage(format!("{error}\n    {text}\n    {before}^"))
        })?;
        let timing = Timing::new(expression, zone);
        let fires = timing.after(self.from.unwrap_or(now));
        show(&fires.take(self.count as usize).collect::<Vec<_>>(), json)
    }
}

impl Preview {
    fn query(&self) -> String {
        let from = self
            .from
            .map(|from| format!("from={from}&"))
            .unwrap_or_default();
        format!("{from}count={}", self.count)
    }
}

impl Schedules {
    pub(super) async fn call(
        self,
        server: &Server,
        terminal: Terminal,
        json: bool,
    ) -> Result<(), Failure> {
        match self {
            Self::List => {
                let all: Vec<ScheduleView> = server.get("schedules").await?;
                if json {
                    return print_json(&all);
                }
                println!("{}", table(&all));
                Ok(())
            }
            Self::Preview(preview) => {
                let path = format!(
                    "schedules/{}/preview?{}",
                    segment(&preview.which),
                    preview.query()
                );
                let fires: Vec<Fire> = server.get(&path).await?;
                show(&fires, json)
            }
            Self::Pause(one) => one.set(server, "pause", json).await,
            Self::Resume(one) => one.set(server, "resume", json).await,
            Self::Run { one, follow } => {
                let accepted: Accepted = server.post(&one.path("run"), &()).await?;
                follow.call(server, terminal, &accepted, json).await
            }
        }
    }
}

impl One {
    fn path(&self, verb: &str) -> String {
        format!("schedules/{}/{verb}", segment(&self.schedule))
    }

    async fn set(&self, server: &Server, verb: &str, json: bool) -> Result<(), Failure> {
        let view: ScheduleView = server.post(&self.path(verb), &()).await?;
        if json {
            return print_json(&view);
        }
        let name = &view.name;
        match (&view.paused, &view.next) {
            (Some(_), _) => println!("{name} is paused"),
            (None, Some(next)) => println!("{name} fires next at {} ({})", next.at, next.local),
            (None, None) => println!("{name} does not fire: no calendar has such a day"),
        }
        Ok(())
    }
}

fn table(all: &[ScheduleView]) -> String {
    if all.is_empty() {
        return "no schedules yet: a workflow has them under `on:`".to_owned();
    }
    let row = |view: &ScheduleView| {
        vec![
            view.name.to_string(),
            view.timing.clone(),
            next(view),
            last(view),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    value::table(&["SCHEDULE", "WHEN", "NEXT", "LAST"], &rows)
}

fn next(view: &ScheduleView) -> String {
    match (&view.gone, &view.paused, &view.next) {
        (Some(gone), _, _) => format!("never: in no file since {}", gone.at),
        (_, Some(paused), _) => format!("paused by {} since {}", paused.by, paused.at),
        (_, _, Some(next)) => next.at.to_string(),
        _ => "never: no calendar has such a day".to_owned(),
    }
}

fn last(view: &ScheduleView) -> String {
    let Some(last) = &view.last else {
        return "-".to_owned();
    };
    if let (Some(run), Some(status)) = (last.run, last.status) {
        let status = status.in_words();
        return format!("{} run {} {status}", last.at, run.short());
    }
    let note = last.note.as_deref().unwrap_or_default();
    format!("{} passed over: {note}", last.at)
}

fn show(fires: &[Fire], json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&fires);
    }
    if fires.is_empty() {
        println!("it does not fire: no calendar has such a day");
    }
    for fire in fires {
        println!("{}  {}", fire.at, fire.local);
        if let Some(reason) = &fire.reason {
            println!("    {reason}");
        }
    }
    Ok(())
}

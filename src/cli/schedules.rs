//! `purser schedules`: looks at schedules and at when they fire.

use clap::{Args, Subcommand};

use super::client::Server;
use super::{Failure, print_json};
use crate::domain::schedule::{Expression, ExpressionError, Fire, Timing, Zone};
use crate::domain::time::Timestamp;

/// Look at schedules and at when they fire; pause, resume or run one.
#[derive(Debug, Subcommand)]
pub enum Schedules {
    /// The next fires, with the reason where a change of clocks moves or drops one.
    Preview(Preview),
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
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        match self {
            Self::Preview(preview) => {
                let path = format!("schedules/{}/preview?{}", preview.which, preview.query());
                let fires: Vec<Fire> = server.get(&path).await?;
                show(&fires, json)
            }
        }
    }
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

//! The range of time that is asked for, and the step through it.

use super::Input;
use crate::action::{ActionError, Context, Result};
use crate::domain::time::Span;
use crate::integrations::prometheus::sparkline::sparkline;
use crate::integrations::prometheus::time;

/// More points of one series no picture shows.
const MOST_POINTS: u64 = 240;
/// The width of a sparkline, in characters.
const SPARKLINE: usize = 24;

/// The range in seconds of the epoch.
pub(super) struct Window {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) step: u64,
    /// The step that was wanted, if it was too short.
    pub(super) wanted: Option<Span>,
}

impl Window {
    pub(super) fn of(input: &Input, ctx: &Context) -> Result<Self> {
        let to = time::instant(input.time.as_deref(), ctx.read.clock.now())?;
        let range = input.range.duration().as_secs();
        if range == 0 {
            let wrong = input.range;
            let message = format!("`range` is {wrong}: write 15m, 1h or 7d");
            return Err(ActionError::fatal(message));
        }
        let least = time::step(range, MOST_POINTS);
        let wanted = input.step.map(|step| step.duration().as_secs().max(1));
        // The range has an end and a beginning: one point more than steps.
        let fitting = wanted.filter(|step| range / step <= MOST_POINTS);
        #[allow(clippy::cast_precision_loss, reason = "a range of seconds")]
        let from = to - range as f64;
        Ok(Self {
            from,
            to,
            step: fitting.unwrap_or(least),
            wanted: input.step.filter(|_| fitting.is_none()),
        })
    }

    /// No wider than there are points: else there were gaps where none is missing.
    #[allow(clippy::cast_precision_loss, reason = "a number of seconds")]
    pub(super) fn sparkline(&self, points: &[(f64, f64)]) -> String {
        let count = ((self.to - self.from) / self.step as f64).floor() + 1.0;
        let width = (1..SPARKLINE).find(|width| *width as f64 >= count);
        let end = self.from + count * self.step as f64;
        sparkline(points, self.from, end, width.unwrap_or(SPARKLINE))
    }
}

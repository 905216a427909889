//! `prometheus.query_range`: how a query's values went over a range of time.

mod told;
mod window;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::connection::Prometheus;
use super::series::{self, Series, Value};
use super::unit::{Guess, Unit};
use super::{empty, time};
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::chart::{Chart, Line, MOST_LINES};
use crate::domain::plan::Plan;
use crate::domain::schedule::Zone;
use crate::domain::time::Span;
use window::Window;

/// An output holds at most so many points of all its series together: it is kept in the run's log.
const MOST_POINTS: usize = 2410;
/// The name of the picture.
const CHART: &str = "chart.png";

/// What to ask.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// In PromQL. Either this or `graph`.
    #[serde(default)]
    query: Option<String>,
    /// The name of a saved query of the system's `graphs`.
    #[serde(default)]
    graph: Option<String>,
    /// How far back: `15m`, `1h`, `7d`.
    #[serde(default = "an_hour")]
    range: Span,
    /// The end of the range: RFC 3339, or seconds since 1970; left out, now.
    #[serde(default)]
    time: Option<String>,
    /// Between two points; left out, what gives some 240 points. A shorter one that would
    /// give more is made longer.
    #[serde(default)]
    step: Option<Span>,
    /// What the values count: `none`, `bytes`, `bytes_per_second`, `seconds`, `percent`, `ratio`,
    /// `per_second` or `celsius`; left out, what the metric's name says.
    #[serde(default)]
    unit: Option<Unit>,
}

fn an_hour() -> Span {
    Span::new(std::time::Duration::from_hours(1))
}

/// What it gave.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The first series, in Prometheus's order.
    series: Vec<Row>,
    /// How many series there were; at least so many, when the answer was too long to be read.
    total: usize,
    /// The beginning of the range.
    from: String,
    /// Its end.
    to: String,
    /// Seconds between two points.
    step: u64,
    /// What the values count.
    unit: Unit,
    /// The name of the artifact with the picture; nothing where there is no number to draw.
    chart: Option<String>,
    /// What Prometheus warned of.
    warnings: Vec<String>,
    /// All of it for people.
    text: String,
}

/// One series over the range.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    /// The metric, where there is one.
    metric: Option<String>,
    /// The labels.
    labels: BTreeMap<String, String>,
    /// The lowest of its finite values.
    min: Option<Value>,
    /// The mean of its finite values.
    mean: Option<Value>,
    /// The highest of its finite values.
    max: Option<Value>,
    /// The latest value.
    last: Option<Value>,
    /// Seconds since 1970 and value; of the first series, for no more than 2410 points have room.
    /// `NaN`, `+Inf` and `-Inf` are texts.
    points: Vec<(f64, Value)>,
}

/// `prometheus.query_range`.
pub struct QueryRange;

impl Action for QueryRange {
    type System = Prometheus;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "prometheus.query_range",
        summary: "Ask Prometheus how the values of a query went over a range of time",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, prometheus: &Prometheus, input: Input) -> Result<Plan> {
        let asked = input.asked(prometheus)?;
        Ok(Plan::new(format!(
            "ask {} for {}",
            prometheus.name(),
            asked.query
        )))
    }

    async fn run(&self, ctx: &Context, prometheus: &Prometheus, input: Input) -> Result<Output> {
        let asked = input.asked(prometheus)?;
        let window = Window::of(&input, ctx)?;
        let [from, to] = [window.from, window.to].map(time::written);
        let step = window.step.to_string();
        let form = [
            ("query", asked.query.as_str()),
            ("start", &from),
            ("end", &to),
            ("step", &step),
        ];
        let answer = prometheus
            .ask("query_range", &form, prometheus.settings().most_series)
            .await
            .map_err(|error| prometheus.point_at(&asked.query, error))?;
        let zone = prometheus.zone();
        let text = if answer.series.is_empty() {
            empty::explain(prometheus, &asked.query, window.to, zone).await?
        } else {
            told::text(&asked, &answer, &window, zone)
        };
        Ok(Output {
            chart: draw(ctx, &asked, &answer, &window, zone).await?,
            total: answer.seen,
            from: time::shown(window.from, zone),
            to: time::shown(window.to, zone),
            step: window.step,
            unit: asked.unit,
            text,
            warnings: answer.warnings,
            series: rows(answer.series),
        })
    }
}

/// What is asked, and what its values count.
struct Asked {
    query: String,
    /// The name of the saved query.
    graph: Option<String>,
    unit: Unit,
    /// Where the unit comes from, when it was not given.
    guess: Option<Guess>,
}

impl Input {
    fn asked(&self, prometheus: &Prometheus) -> Result<Asked> {
        let (query, saved) = match (&self.query, &self.graph) {
            (Some(query), None) => (query.clone(), None),
            (None, Some(name)) => {
                let graph = prometheus.graph(name)?;
                (graph.query.clone(), graph.unit)
            }
            _ => {
                return Err(ActionError::fatal(
                    "prometheus.query_range needs one of `query` and `graph`",
                ));
            }
        };
        let given = self.unit.or(saved);
        let guess = given.is_none().then(|| Unit::guess(&query)).flatten();
        let guessed = guess.as_ref().map(|guess| guess.unit);
        Ok(Asked {
            query,
            graph: self.graph.clone(),
            unit: given.or(guessed).unwrap_or_default(),
            guess,
        })
    }
}

/// Draws the first series, and keeps the picture.
async fn draw(
    ctx: &Context,
    asked: &Asked,
    answer: &Answer,
    window: &Window,
    zone: Zone,
) -> Result<Option<String>> {
    let names = series::names(&answer.series, &asked.query);
    let lines = names.own.into_iter().zip(&answer.series).take(MOST_LINES);
    let title = asked.graph.clone().or(names.common);
    #[allow(clippy::cast_precision_loss, reason = "a number of seconds")]
    let chart = Chart {
        title: title.unwrap_or_else(|| asked.query.clone()),
        unit: asked.unit,
        zone,
        from: window.from,
        to: window.to,
        step: window.step as f64,
        lines: lines
            .map(|(name, one)| Line {
                name,
                points: one.points.clone(),
            })
            .collect(),
        more: answer.seen.saturating_sub(MOST_LINES),
    };
    let drawn = tokio::task::spawn_blocking(move || chart.png())
        .await
        .unwrap_or_else(|error| Err(error.to_string()))
        .map_err(|why| ActionError::fatal(format!("the chart cannot be drawn: {why}")))?;
    let Some(png) = drawn else { return Ok(None) };
    let kept = ctx.artifact(CHART, "image/png", png).await?;
    Ok(Some(kept.name))
}

/// The series as data; the points of those for which there is room.
fn rows(series: Vec<Series>) -> Vec<Row> {
    let mut room = MOST_POINTS;
    let row = |one: Series| {
        let told::Shape { min, mean, max } = told::Shape::of(&one);
        let last = one.last().map(Value);
        let count = one.points.len();
        let points = if count <= room {
            one.points
        } else {
            Vec::new()
        };
        room = room.saturating_sub(count);
        Row {
            metric: one.name,
            labels: one.labels,
            min: min.map(Value),
            mean: mean.map(Value),
            max: max.map(Value),
            last,
            points: points
                .into_iter()
                .map(|(at, value)| (at, Value(value)))
                .collect(),
        }
    };
    series.into_iter().map(row).collect()
}

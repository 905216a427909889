//! `prometheus.query_range`: how a query's values went over a range of time.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::chart::{Chart, Line, MOST_LINES};
use super::connection::Prometheus;
use super::series::{self, Series, Value};
use super::settings::Zone;
use super::sparkline::sparkline;
use super::table::{self, Column};
use super::unit::Unit;
use super::{empty, time};
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::time::Span;

/// An output holds at most so many points of all its series together.
const MOST_POINTS: usize = 5000;
/// More points of one series no picture shows.
const ENOUGH_POINTS: usize = 240;
/// The name of the picture.
const CHART: &str = "chart.png";
/// The width of a sparkline, in characters.
const SPARKLINE: usize = 24;

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
    /// Between two points; left out, what gives some 240 points. A shorter one than the output can
    /// hold is made longer.
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
    /// Seconds since 1970 and value. `NaN`, `+Inf` and `-Inf` are texts.
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
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, prometheus: &Prometheus, input: Input) -> Result<Plan> {
        let (query, _) = input.asked(prometheus)?;
        Ok(Plan::new(format!("ask {} for {query}", prometheus.name())))
    }

    async fn run(&self, ctx: &Context, prometheus: &Prometheus, input: Input) -> Result<Output> {
        let (query, unit) = input.asked(prometheus)?;
        let window = Window::of(&input, prometheus, ctx)?;
        let [from, to] = [window.from, window.to].map(time::written);
        let step = window.step.to_string();
        let form = [
            ("query", query.as_str()),
            ("start", &from),
            ("end", &to),
            ("step", &step),
        ];
        let answer = prometheus
            .ask("query_range", &form, prometheus.settings().most_series)
            .await
            .map_err(|error| prometheus.point_at(&query, error))?;
        let guess = unit.is_none().then(|| Unit::guess(&query)).flatten();
        let unit = unit
            .or(guess.as_ref().map(|guess| guess.unit))
            .unwrap_or_default();
        let zone = prometheus.zone();
        let text = if answer.series.is_empty() {
            empty::explain(prometheus, &query, window.to, zone).await?
        } else {
            let about = table::unit(unit, guess.as_ref());
            text(&query, &answer, &window, unit, about, prometheus)
        };
        let chart = draw(ctx, &query, &answer, &window, unit, zone).await?;
        Ok(Output {
            chart,
            total: answer.seen,
            from: time::shown(window.from, zone),
            to: time::shown(window.to, zone),
            step: window.step,
            unit,
            text,
            warnings: answer.warnings,
            series: answer.series.into_iter().map(row).collect(),
        })
    }
}

impl Input {
    /// The query, and the unit that was given with it.
    fn asked(&self, prometheus: &Prometheus) -> Result<(String, Option<Unit>)> {
        match (&self.query, &self.graph) {
            (Some(query), None) => Ok((query.clone(), self.unit)),
            (None, Some(name)) => {
                let graph = prometheus.graph(name)?;
                Ok((graph.query.clone(), self.unit.or(graph.unit)))
            }
            _ => Err(ActionError::fatal(
                "prometheus.query_range needs one of `query` and `graph`",
            )),
        }
    }
}

/// The range that is asked for, in seconds of the epoch.
struct Window {
    from: f64,
    to: f64,
    step: u64,
    /// The step that was wanted, if it was too short.
    wanted: Option<Span>,
}

impl Window {
    fn of(input: &Input, prometheus: &Prometheus, ctx: &Context) -> Result<Self> {
        let to = time::instant(input.time.as_deref(), ctx.read.clock.now())?;
        let range = input.range.duration().as_secs();
        if range == 0 {
            return Err(ActionError::fatal(format!(
                "`range` is {}: write 15m, 1h or 7d",
                input.range
            )));
        }
        let most = (MOST_POINTS / prometheus.settings().most_series).min(ENOUGH_POINTS) as u64;
        let least = time::step(range, most);
        let wanted = input.step.map(|step| step.duration().as_secs().max(1));
        // The range has an end and a beginning: one point more than steps.
        let fits = |step: u64| range / step <= most;
        #[allow(clippy::cast_precision_loss, reason = "a range of seconds")]
        let from = to - range as f64;
        Ok(match wanted {
            Some(step) if fits(step) => Self {
                from,
                to,
                step,
                wanted: None,
            },
            Some(_) => Self {
                from,
                to,
                step: least,
                wanted: input.step,
            },
            None => Self {
                from,
                to,
                step: least,
                wanted: None,
            },
        })
    }
}

/// Draws the first series, and keeps the picture.
async fn draw(
    ctx: &Context,
    query: &str,
    answer: &Answer,
    window: &Window,
    unit: Unit,
    zone: Zone,
) -> Result<Option<String>> {
    let names = series::names(&answer.series, query);
    let lines = names.own.into_iter().zip(&answer.series).take(MOST_LINES);
    #[allow(clippy::cast_precision_loss, reason = "a number of seconds")]
    let chart = Chart {
        title: names.common.unwrap_or_else(|| query.to_owned()),
        unit,
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

impl Window {
    /// No wider than there are points: else there were gaps where none is missing.
    #[allow(clippy::cast_precision_loss, reason = "a number of seconds")]
    fn sparkline(&self, points: &[(f64, f64)]) -> String {
        let count = ((self.to - self.from) / self.step as f64).floor() + 1.0;
        let width = (1..SPARKLINE).find(|width| *width as f64 >= count);
        let end = self.from + count * self.step as f64;
        sparkline(points, self.from, end, width.unwrap_or(SPARKLINE))
    }
}

fn row(one: Series) -> Row {
    let Shape { min, mean, max } = Shape::of(&one);
    Row {
        last: one.last().map(Value),
        metric: one.name,
        labels: one.labels,
        min: min.map(Value),
        mean: mean.map(Value),
        max: max.map(Value),
        points: one
            .points
            .into_iter()
            .map(|(at, value)| (at, Value(value)))
            .collect(),
    }
}

/// What a series' finite values come to; nothing when it has none.
struct Shape {
    min: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
}

impl Shape {
    fn of(one: &Series) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a count of points")]
        let count = one.finite().count() as f64;
        Self {
            min: one.finite().reduce(f64::min),
            // Divided first: the sum of large values may be no number any more.
            mean: one.finite().map(|value| value / count).reduce(|a, b| a + b),
            max: one.finite().reduce(f64::max),
        }
    }
}

fn text(
    query: &str,
    answer: &Answer,
    window: &Window,
    unit: Unit,
    about: Option<String>,
    prometheus: &Prometheus,
) -> String {
    let names = series::names(&answer.series, query);
    let [from, to] = [window.from, window.to].map(|at| time::shown(at, prometheus.zone()));
    let head = names
        .common
        .map_or_else(String::new, |common| format!("{common} "));
    let about = about.map_or_else(String::new, |about| format!(", {about}"));
    let columns = [
        ("SERIES", false),
        ("OVER TIME", false),
        ("MIN", true),
        ("MEAN", true),
        ("MAX", true),
        ("LAST", true),
    ]
    .map(|(heading, right)| Column { heading, right });
    let value = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| unit.text(value));
    let rows: Vec<_> = names
        .own
        .iter()
        .zip(&answer.series)
        .map(|(name, one)| {
            let shape = Shape::of(one);
            let line = window.sparkline(&one.points);
            let values = [shape.min, shape.mean, shape.max, one.last()].map(value);
            [table::name(name), line]
                .into_iter()
                .chain(values)
                .collect()
        })
        .collect();
    let step = Span::new(std::time::Duration::from_secs(window.step));
    let mut lines = vec![
        format!("{head}from {from} to {to}, a point every {step}{about}"),
        table::table(&columns, &rows),
    ];
    lines.extend(table::cut(answer.series.len(), answer.seen, answer.whole));
    lines.extend(window.wanted.map(|wanted| {
        format!("a point every {wanted} would be more than an output holds: it is every {step}")
    }));
    lines.extend(
        answer
            .warnings
            .iter()
            .map(|warning| format!("Prometheus warns: {warning}")),
    );
    lines.join("\n")
}

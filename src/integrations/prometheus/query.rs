//! `prometheus.query`: what a query gives at one instant.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::connection::Prometheus;
use super::series::{self, Value};
use super::table::{self, Column};
use super::unit::{Guess, Unit};
use super::{empty, time};
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;

/// What to ask.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// In PromQL.
    query: String,
    /// The instant: RFC 3339, or seconds since 1970; left out, now.
    #[serde(default)]
    time: Option<String>,
    /// What the values count: `none`, `bytes`, `bytes_per_second`, `seconds`, `percent`, `ratio`,
    /// `per_second` or `celsius`; left out, what the metric's name says.
    #[serde(default)]
    unit: Option<Unit>,
}

/// What it gave.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The value of the first series, or of the scalar. `NaN`, `+Inf` and `-Inf` are texts.
    value: Option<Value>,
    /// The first series, in Prometheus's order.
    series: Vec<Row>,
    /// How many series there were; at least so many, when the answer was too long to be read.
    total: usize,
    /// The instant that was asked for.
    time: String,
    /// What the values count.
    unit: Unit,
    /// What Prometheus warned of.
    warnings: Vec<String>,
    /// All of it for people.
    text: String,
}

/// One series at that instant.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    /// The metric, where there is one.
    metric: Option<String>,
    /// The labels.
    labels: BTreeMap<String, String>,
    /// The value.
    value: Option<Value>,
}

/// `prometheus.query`.
pub struct Query;

impl Action for Query {
    type System = Prometheus;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "prometheus.query",
        summary: "Ask Prometheus for the values of a query at one instant",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, prometheus: &Prometheus, input: Input) -> Result<Plan> {
        Ok(Plan::new(format!(
            "ask {} for {}",
            prometheus.name(),
            input.query
        )))
    }

    async fn run(&self, ctx: &Context, prometheus: &Prometheus, input: Input) -> Result<Output> {
        let at = time::instant(input.time.as_deref(), ctx.read.clock.now())?;
        let form = [
            ("query", input.query.as_str()),
            ("time", &time::written(at)),
        ];
        let most = prometheus.settings().most_series;
        let answer = prometheus
            .ask("query", &form, most)
            .await
            .map_err(|error| prometheus.point_at(&input.query, error))?;
        let guess = input
            .unit
            .is_none()
            .then(|| Unit::guess(&input.query))
            .flatten();
        let unit = input
            .unit
            .or(guess.as_ref().map(|guess| guess.unit))
            .unwrap_or_default();
        let shown_at = time::shown(at, prometheus.zone());
        let text = if answer.series.is_empty() && answer.text.is_none() {
            empty::explain(prometheus, &input.query, at, prometheus.zone()).await?
        } else {
            text(&input.query, &answer, unit, guess.as_ref(), &shown_at)
        };
        Ok(Output {
            value: answer
                .series
                .first()
                .and_then(series::Series::last)
                .map(Value),
            total: answer.seen,
            time: shown_at,
            unit,
            text,
            warnings: answer.warnings,
            series: answer
                .series
                .into_iter()
                .map(|one| Row {
                    value: one.last().map(Value),
                    metric: one.name,
                    labels: one.labels,
                })
                .collect(),
        })
    }
}

fn text(query: &str, answer: &Answer, unit: Unit, guess: Option<&Guess>, at: &str) -> String {
    if let Some(text) = &answer.text {
        return text.clone();
    }
    let value = |one: &series::Series| {
        one.last()
            .map_or_else(String::new, |value| unit.text(value))
    };
    let about = table::unit(unit, guess).map_or_else(String::new, |unit| format!(", {unit}"));
    if let ("scalar", [only, ..]) = (answer.kind.as_str(), answer.series.as_slice()) {
        return format!("{} at {at}{about}", value(only));
    }
    let names = series::names(&answer.series, query);
    let head = names
        .common
        .map_or_else(|| "at".to_owned(), |common| format!("{common} at"));
    let columns = [
        Column {
            heading: "SERIES",
            right: false,
        },
        Column {
            heading: "VALUE",
            right: true,
        },
    ];
    let rows: Vec<_> = names
        .own
        .iter()
        .zip(&answer.series)
        .map(|(name, one)| vec![table::name(name), value(one)])
        .collect();
    let mut lines = vec![format!("{head} {at}{about}"), table::table(&columns, &rows)];
    lines.extend(table::cut(answer.series.len(), answer.seen, answer.whole));
    lines.extend(
        answer
            .warnings
            .iter()
            .map(|warning| format!("Prometheus warns: {warning}")),
    );
    lines.join("\n")
}

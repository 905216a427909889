//! A range as text: a line for each series, and what was left out.

use std::time::Duration;

use super::{Asked, Window};
use crate::domain::schedule::Zone;
use crate::domain::time::Span;
use crate::integrations::prometheus::answer::Answer;
use crate::integrations::prometheus::series::{self, Series};
use crate::integrations::prometheus::table::{self, Column};
use crate::integrations::prometheus::time;

/// What a series' finite values come to; nothing when it has none.
pub(super) struct Shape {
    pub(super) min: Option<f64>,
    pub(super) mean: Option<f64>,
    pub(super) max: Option<f64>,
}

impl Shape {
    pub(super) fn of(one: &Series) -> Self {
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

pub(super) fn text(asked: &Asked, answer: &Answer, window: &Window, zone: Zone) -> String {
    let names = series::names(&answer.series, &asked.query);
    let [from, to] = [window.from, window.to].map(|at| time::shown(at, zone));
    let about = [asked.graph.clone(), names.common].into_iter().flatten();
    let about: String = about.map(|about| about + " ").collect();
    let unit = table::unit(asked.unit, asked.guess.as_ref());
    let unit = unit.map_or_else(String::new, |unit| format!(", {unit}"));
    let columns = [
        ("SERIES", false),
        ("OVER TIME", false),
        ("MIN", true),
        ("MEAN", true),
        ("MAX", true),
        ("LAST", true),
    ]
    .map(|(heading, right)| Column { heading, right });
    let value =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| asked.unit.text(value));
    let rows: Vec<_> = names
        .own
        .iter()
        .zip(&answer.series)
        .map(|(name, one)| {
            let shape = Shape::of(one);
            let values = [shape.min, shape.mean, shape.max, one.last()].map(value);
            let named = [table::name(name), window.sparkline(&one.points)];
            named.into_iter().chain(values).collect()
        })
        .collect();
    let step = Span::new(Duration::from_secs(window.step));
    let mut lines = vec![
        format!("{about}from {from} to {to}, a point every {step}{unit}"),
        table::table(&columns, &rows),
    ];
    lines.extend(table::cut(answer.series.len(), answer.seen, answer.whole));
    lines.extend(window.wanted.map(|wanted| {
        format!("a point every {wanted} would be more than an output holds: it is every {step}")
    }));
    let warnings = answer.warnings.iter();
    lines.extend(warnings.map(|warning| format!("Prometheus warns: {warning}")));
    lines.join("\n")
}

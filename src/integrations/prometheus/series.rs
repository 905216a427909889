//! Series as Prometheus tells them, and by what people tell them apart.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use crate::domain::unit::not_finite;

/// One series: its metric, its labels, and its points in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    pub(super) name: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    /// Seconds of the epoch, and the value.
    pub(super) points: Vec<(f64, f64)>,
}

impl Series {
    /// A single number.
    pub(super) fn scalar(point: (f64, f64)) -> Self {
        Self {
            points: vec![point],
            ..Self::default()
        }
    }

    /// Its latest value.
    pub(super) fn last(&self) -> Option<f64> {
        self.points.last().map(|(_, value)| *value)
    }

    /// The values that are numbers and finite.
    pub(super) fn finite(&self) -> impl Iterator<Item = f64> {
        self.points
            .iter()
            .map(|(_, value)| *value)
            .filter(|value| value.is_finite())
    }
}

/// A value for programs: a number, or the text `NaN`, `+Inf` or `-Inf`, for which JSON has no number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value(pub(super) f64);

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.serialize_str(not_finite(self.0))
        }
    }
}

impl JsonSchema for Value {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SampleValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": ["number", "string"] })
    }
}

/// What tells several series apart, and what they have in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// One for each series, in their order.
    pub(super) own: Vec<String>,
    /// The metric and the labels that all have: `up{job="node"}`. Of a single series, its whole name.
    pub(super) common: Option<String>,
}

/// Names series by the labels in which they differ; one alone that has neither name nor labels is
/// called after its query.
pub(super) fn names(series: &[Series], query: &str) -> Names {
    let [first, others @ ..] = series else {
        return Names {
            own: Vec::new(),
            common: None,
        };
    };
    if others.is_empty() {
        let mut own = whole(first.name.as_deref(), first.labels.iter());
        if own == "{}" {
            own = query.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        return Names {
            own: vec![own],
            common: None,
        };
    }
    let same_name = others.iter().all(|other| other.name == first.name);
    let shared: BTreeSet<(&String, &String)> = first
        .labels
        .iter()
        .filter(|(key, value)| others.iter().all(|o| o.labels.get(*key) == Some(value)))
        .collect();
    let own = series.iter().map(|one| {
        let name = one.name.as_deref().filter(|_| !same_name);
        let labels = one.labels.iter().filter(|label| !shared.contains(label));
        short(name, labels)
    });
    let name = first.name.as_deref().filter(|_| same_name);
    let common = whole(name, shared.iter().copied());
    Names {
        own: own.collect(),
        common: (common != "{}").then_some(common),
    }
}

/// `up{instance="a", job="b"}`, as PromQL writes it.
fn whole<'a>(name: Option<&str>, labels: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let labels: Vec<_> = labels
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    match (name, labels.is_empty()) {
        (Some(name), true) => name.to_owned(),
        (name, _) => format!("{}{{{}}}", name.unwrap_or(""), labels.join(", ")),
    }
}

/// `up instance=a, job=b`: shorter, for tables and legends.
fn short<'a>(name: Option<&str>, labels: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let labels: Vec<_> = labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let parts = name
        .map(str::to_owned)
        .into_iter()
        .chain([labels.join(", ")]);
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        "(no labels)".to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, labels: &[(&str, &str)]) -> Series {
        let labels = labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()));
        Series {
            name: Some(name.to_owned()),
            labels: labels.collect(),
            points: vec![],
        }
    }

    #[test]
    fn several_are_told_apart_by_the_labels_that_differ() {
        let two = [
            series("up", &[("job", "node"), ("instance", "a")]),
            series("up", &[("job", "node"), ("instance", "b")]),
        ];
        let names = names(&two, "up");
        assert_eq!(names.own, ["instance=a", "instance=b"]);
        assert_eq!(names.common.as_deref(), Some("up{job=\"node\"}"));
    }

    #[test]
    fn one_alone_has_its_whole_name() {
        let one = [series("up", &[("job", "no\"de")])];
        assert_eq!(names(&one, "up").own, ["up{job=\"no\\\"de\"}"]);
        assert_eq!(
            names(&[Series::default()], "sum(\n  up\n)").own,
            ["sum( up )"]
        );
    }

    #[test]
    fn different_metrics_keep_their_names() {
        let two = [series("a", &[]), series("b", &[("x", "1")])];
        assert_eq!(names(&two, "up").own, ["a", "b x=1"]);
        assert_eq!(names(&two, "up").common, None);
    }
}

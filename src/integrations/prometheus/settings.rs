//! The table `[systems.NAME]` of a Prometheus.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::unit::Unit;
use crate::domain::schedule::Zone;
use crate::domain::time::Span;

/// The table `[systems.NAME]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Its address, with the path if it has one.
    pub(super) url: String,
    /// The file with a bearer token, if it wants a login.
    pub(super) bearer_file: Option<PathBuf>,
    /// A login by name and password, if it wants that.
    pub(super) basic_auth: Option<BasicAuth>,
    /// How long an answer may take.
    #[serde(default = "half_a_minute")]
    pub(super) timeout: Span,
    /// How many series an output holds.
    #[serde(default = "twenty")]
    pub(super) most_series: usize,
    /// The zone of the time axis.
    #[serde(default)]
    pub(super) timezone: Zone,
    /// Saved queries by name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Written>")]
    pub(super) graphs: BTreeMap<String, Graph>,
}

/// A login by name and password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BasicAuth {
    /// Who logs in.
    pub(super) username: String,
    /// The file with the password.
    pub(super) password_file: PathBuf,
}

/// A saved query: only the query, or a table with its unit too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Graph {
    pub(super) query: String,
    pub(super) unit: Option<Unit>,
}

impl<'de> Deserialize<'de> for Graph {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GraphVisitor)
    }
}

/// A saved query in a table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Table {
    /// In PromQL.
    query: String,
    /// What its values count; left out, what the metric's name says.
    unit: Option<Unit>,
}

/// A saved query as it is written: [`Graph`] reads it itself, for errors that name the wrong key.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only says what may be written")]
enum Written {
    /// In PromQL.
    Query(String),
    /// With its unit.
    Table(Table),
}

struct GraphVisitor;

impl<'de> Visitor<'de> for GraphVisitor {
    type Value = Graph;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a query, or { query = \"…\", unit = \"…\" }")
    }

    fn visit_str<E>(self, query: &str) -> Result<Graph, E> {
        let query = query.to_owned();
        Ok(Graph { query, unit: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Graph, A::Error> {
        let Table { query, unit } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Graph { query, unit })
    }
}

fn half_a_minute() -> Span {
    Span::new(Duration::from_secs(30))
}

fn twenty() -> usize {
    20
}

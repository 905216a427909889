//! Instants and spans as they are stored and written: microseconds of UTC, and `5s`, `30m`, `2h`.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch, as the stores keep it.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it (clocks may step back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The instant that lies `span` later; the end of time when there is none.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// The instant that lies `span` earlier; the beginning of time when there is none.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(at) => f.pad(&at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            None => write!(f, "{} µs", self.0),
        }
    }
}

/// A text is no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no instant: write it as 2026-03-28T00:00:00Z or 2026-03-28T02:00:00+02:00")]
pub struct NoInstant(String);

impl std::str::FromStr for Timestamp {
    type Err = NoInstant;

    /// From RFC 3339, with any offset.
    fn from_str(text: &str) -> Result<Self, NoInstant> {
        DateTime::parse_from_rfc3339(text)
            .map(|at| Self(at.timestamp_micros()))
            .map_err(|_| NoInstant(text.to_owned()))
    }
}

/// Instants as RFC 3339 in UTC, for JSON that people read: `#[serde(with = "rfc3339")]`.
pub mod rfc3339 {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Timestamp;

    /// Writes it.
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The same, of an instant that need not be there.
pub mod rfc3339_or_none {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Timestamp;

    /// Writes it.
    pub fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom))
            .transpose()
    }
}

/// A length of time as people write it in files: `500ms`, `5s`, `30m`, `2h`, `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
pub struct Span(#[schemars(with = "String")] Duration);

impl Span {
    /// A span of this length.
    pub const fn new(length: Duration) -> Self {
        Self(length)
    }

    /// Its length.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl std::str::FromStr for Span {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_duration(text).map(Self)
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| {
            serde::de::Error::custom(format!(
                "`{text}` is not a length of time ({error}): write 30s, 5m, 2h or 1d"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_back_makes_no_negative_span() {
        let noon = Timestamp::from_micros(1_000_000);
        assert_eq!(Timestamp::from_micros(0).since(noon), Duration::ZERO);
        assert_eq!(
            noon.plus(Duration::from_secs(2)).since(noon),
            Duration::from_secs(2)
        );
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        let span: Span = serde_json::from_str("\"2h\"").unwrap();
        assert_eq!(span.duration(), Duration::from_hours(2));
        let error = serde_json::from_str::<Span>("\"soon\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("write 30s, 5m, 2h or 1d"), "{error}");
    }
}

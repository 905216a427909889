//! What Prometheus answers to a query, read so that no answer takes more memory than its bytes: the
//! first series are kept, all others are counted.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::series::Series;

/// The answer to a query.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// `vector`, `matrix`, `scalar` or `string`.
    pub(super) kind: String,
    /// The first series; a scalar is one without labels.
    pub(super) series: Vec<Series>,
    /// How many series there were, as far as the answer was read.
    pub(super) seen: usize,
    /// Whether it was read to its end.
    pub(super) whole: bool,
    /// A `string` query's text.
    pub(super) text: Option<String>,
    /// What Prometheus warns of.
    pub(super) warnings: Vec<String>,
}

impl Answer {
    /// Reads the body of a good answer. One that was cut off has its first series too.
    pub(super) fn read(body: &[u8], most: usize, whole: bool) -> serde_json::Result<Self> {
        let mut answer = Self {
            whole,
            ..Self::default()
        };
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = Top {
            answer: &mut answer,
            most,
        }
        .deserialize(&mut reader);
        match read {
            Err(error) if whole || !error.is_eof() => Err(error),
            _ => Ok(answer),
        }
    }
}

/// One sample: seconds of the epoch, and the value as Prometheus writes it.
#[derive(Deserialize)]
struct Sample(f64, String);

impl Sample {
    /// `NaN`, `+Inf` and `-Inf` are numbers too.
    fn point(&self) -> (f64, f64) {
        (self.0, self.1.parse().unwrap_or(f64::NAN))
    }
}

#[derive(Deserialize)]
struct RawSeries {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<Sample>,
    #[serde(default)]
    values: Vec<Sample>,
}

impl From<RawSeries> for Series {
    fn from(mut raw: RawSeries) -> Self {
        let name = raw.metric.remove("__name__");
        let samples = raw.value.iter().chain(&raw.values);
        let points = samples.map(Sample::point).collect();
        Self {
            name,
            labels: raw.metric,
            points,
        }
    }
}

/// The outer object, and `data` in it: their keys do not overlap.
struct Top<'a> {
    answer: &'a mut Answer,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of Prometheus")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { answer, most } = self;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "data" => map.next_value_seed(Top { answer, most })?,
                "resultType" => answer.kind = map.next_value()?,
                "result" => map.next_value_seed(Items { answer, most })?,
                "warnings" => answer.warnings = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The list `result`: of series, or of a time and a value.
struct Items<'a> {
    answer: &'a mut Answer,
    most: usize,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Series(RawSeries),
    Time(f64),
    Text(String),
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the result of a query")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { answer, most } = self;
        let mut time = None;
        while answer.series.len() < most {
            match seq.next_element::<Item>()? {
                Some(Item::Series(raw)) => {
                    answer.series.push(raw.into());
                    answer.seen += 1;
                }
                Some(Item::Time(at)) => time = Some(at),
                Some(Item::Text(text)) => match (answer.kind.as_str(), time) {
                    ("string", _) | (_, None) => answer.text = Some(text),
                    (_, Some(at)) => {
                        answer.series.push(Series::scalar(Sample(at, text).point()));
                        answer.seen += 1;
                    }
                },
                None => return Ok(()),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            answer.seen += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(of: usize) -> String {
        let one = |n| format!(r#"{{"metric":{{"__name__":"up","n":"{n}"}},"value":[7,"{n}"]}}"#);
        let all: Vec<_> = (0..of).map(one).collect();
        format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}},"warnings":["w"]}}"#,
            all.join(",")
        )
    }

    #[test]
    fn the_first_series_are_kept_and_the_others_counted() {
        let answer = Answer::read(crowd(50_000).as_bytes(), 2, true).unwrap();
        assert_eq!((answer.series.len(), answer.seen), (2, 50_000));
        assert_eq!(answer.series[1].labels["n"], "1");
        assert_eq!(answer.warnings, ["w"]);
    }

    #[test]
    fn an_answer_that_was_cut_off_has_its_first_series() {
        let body = crowd(50);
        let answer = Answer::read(&body.as_bytes()[..1000], 2, false).unwrap();
        assert_eq!(answer.series.len(), 2);
        assert!(answer.seen > 2 && answer.seen < 50, "{}", answer.seen);
        assert!(Answer::read(&body.as_bytes()[..1000], 2, true).is_err());
    }

    #[test]
    fn scalars_and_strings_are_no_lists_of_series() {
        let of = |kind: &str, text: &str| {
            let body = format!(r#"{{"data":{{"resultType":"{kind}","result":[7.5,"{text}"]}}}}"#);
            Answer::read(body.as_bytes(), 9, true).unwrap()
        };
        assert_eq!(
            of("scalar", "-Inf").series[0].points,
            [(7.5, f64::NEG_INFINITY)]
        );
        assert!(of("scalar", "NaN").series[0].points[0].1.is_nan());
        assert_eq!(of("string", "12").text.as_deref(), Some("12"));
    }
}

//! What a step leaves for later ones. It stands in the log of its run, and so is bounded.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// No output in a log is longer, in bytes of JSON.
pub const LONGEST: usize = 1024 * 1024;

/// The artifact that holds an output which is longer.
pub const ARTIFACT: &str = "output.json";

/// The short fields of a longer one stay in the log, up to this length together.
const LONGEST_FIELDS: usize = 64 * 1024;

/// What stays before anything else: the receipt has the one, and people are shown the other.
const FIRST: [&str; 2] = ["proof", "text"];

/// No more fields are named to people.
const MOST_NAMES: usize = 8;

/// An output that the log has not, or not all of. No expression takes what there is of it for the
/// whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Which item's it is, in a step that has left a list of them; `None`: the step's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
    /// Its length as JSON.
    pub bytes: usize,
    /// What has become of it.
    pub kept: Kept,
}

/// What has become of an output that is too long for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It is the artifact [`ARTIFACT`] of its step.
    AsArtifact,
    /// It is gone, for this reason.
    Nowhere(String),
}

/// An output as the log has it.
#[derive(Clone, Debug, PartialEq)]
pub struct InLog {
    /// All of it, or its short fields.
    pub output: Value,
    /// What is not there.
    pub left_out: Vec<LeftOut>,
}

/// How many bytes the output has, if those are too many for the log.
pub fn too_long(output: &Value) -> Option<usize> {
    let bytes = output.to_string().len();
    (bytes > LONGEST).then_some(bytes)
}

impl LeftOut {
    /// What the log has of it, in what the step has left there.
    fn there<'o>(&self, output: &'o Value) -> &'o Value {
        self.item.map_or(output, |item| &output[item])
    }

    /// The sentence for people. `it` is what they call it, and `output` what the step has left in the
    /// log.
    pub fn told(&self, it: &str, output: &Value) -> String {
        let kept = match &self.kept {
            Kept::AsArtifact => format!("it is kept as the artifact {ARTIFACT}"),
            Kept::Nowhere(why) => format!("it is not kept, because {why}"),
        };
        format!(
            "{it} has {} bytes, and a run's log takes {LONGEST} of one step: {kept}, and {}",
            self.bytes,
            readable(self.there(output))
        )
    }
}

fn readable(there: &Value) -> String {
    let names: Vec<_> = there.as_object().into_iter().flat_map(Map::keys).collect();
    match names.len() {
        0 => "later steps cannot read it".to_owned(),
        1..=MOST_NAMES => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("later steps can read only {} of it", names.join(", "))
        }
        many => format!("later steps can read only {many} short fields of it"),
    }
}

impl InLog {
    /// What the log takes whole.
    pub fn whole(output: Value) -> Self {
        Self {
            output,
            left_out: Vec::new(),
        }
    }

    /// What the log takes of an output that is too long for it: the short fields that it has.
    pub fn in_part(output: &Value, bytes: usize, kept: Kept) -> Self {
        Self {
            output: short_fields(output),
            left_out: vec![LeftOut {
                item: None,
                bytes,
                kept,
            }],
        }
    }

    /// What a step leaves that was done once for each of some items; what each of those has left is in
    /// the log already.
    pub fn of_items<'a>(items: impl Iterator<Item = (Value, &'a [LeftOut])>) -> Self {
        let mut outputs = Vec::new();
        let mut left_out = Vec::new();
        for (index, (output, of_item)) in items.enumerate() {
            outputs.push(output);
            left_out.extend(of_item.iter().map(|left| LeftOut {
                item: Some(index),
                ..left.clone()
            }));
        }
        let output = Value::Array(outputs);
        match too_long(&output) {
            None => Self { output, left_out },
            Some(bytes) => {
                let why = "those of its items are in the log one by one";
                Self::in_part(&output, bytes, Kept::Nowhere(why.to_owned()))
            }
        }
    }
}

/// As many fields as there is room for, the shortest first; null where there are none.
fn short_fields(output: &Value) -> Value {
    let Value::Object(fields) = output else {
        return Value::Null;
    };
    let length = |name: &String, value: &Value| name.len() + value.to_string().len();
    let lengths = fields
        .iter()
        .map(|(name, value)| (length(name, value), name));
    let mut by_length: Vec<_> = lengths.collect();
    by_length.sort_by_key(|(length, name)| (!FIRST.contains(&name.as_str()), *length));
    let mut room = LONGEST_FIELDS;
    let mut there = BTreeSet::new();
    for (length, name) in by_length {
        if let Some(left) = room.checked_sub(length) {
            room = left;
            there.insert(name);
        }
    }
    let short = fields.iter().filter(|(name, _)| there.contains(name));
    let short: Map<_, _> = short
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if short.is_empty() {
        Value::Null
    } else {
        short.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(output: &Value) -> InLog {
        InLog::in_part(output, too_long(output).unwrap(), Kept::AsArtifact)
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        let items = [json!({ "a": 1 }), Value::Null];
        let together = InLog::of_items(items.clone().into_iter().map(|item| (item, &[][..])));
        assert_eq!(together, InLog::whole(json!(items)));
        assert_eq!(too_long(&json!("x".repeat(LONGEST - 2))), None);
    }

    #[test]
    fn of_what_is_too_long_the_short_fields_stay_and_what_people_need_before_all() {
        let half = "x".repeat(LONGEST_FIELDS / 2);
        let long = json!({
            "rows": "x".repeat(LONGEST), "a": 1, "other": half, "text": half, "proof": "it is there",
        });
        let kept = kept(&long);
        let there = json!({ "a": 1, "text": half, "proof": "it is there" });
        assert_eq!(kept.output, there);
        insta::assert_snapshot!(kept.left_out[0].told("its output", &kept.output), @"its output has 1114172 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps can read only `a`, `text`, `proof` of it");
    }

    #[test]
    fn of_many_fields_people_are_told_how_many_there_are() {
        let mut long: Map<_, _> = (0..20).map(|n| (format!("f{n}"), json!(n))).collect();
        long.insert("rows".into(), "x".repeat(LONGEST).into());
        let kept = kept(&long.into());
        let told = kept.left_out[0].told("it", &kept.output);
        assert!(
            told.ends_with("later steps can read only 20 short fields of it"),
            "{told}"
        );
    }

    #[test]
    fn no_number_of_fields_makes_a_log_long() {
        let many: Map<_, _> = (0..100_000)
            .map(|n| (format!("field{n}"), Value::Null))
            .collect();
        let kept = kept(&many.into());
        assert!(kept.output.to_string().len() < 2 * LONGEST_FIELDS);
    }

    #[test]
    fn a_list_that_is_too_long_is_left_to_its_items() {
        let items = vec![json!("x".repeat(LONGEST / 4)); 5];
        let together = InLog::of_items(items.into_iter().map(|item| (item, &[][..])));
        assert_eq!(together.output, Value::Null);
        insta::assert_snapshot!(together.left_out[0].told("its output", &together.output), @"its output has 1310736 bytes, and a run's log takes 1048576 of one step: it is not kept, because those of its items are in the log one by one, and later steps cannot read it");
    }
}

//! What a step leaves for later ones. It stands in the log of its run, and so is bounded.

use serde_json::{Value, json};

/// No output in a log is longer, in bytes of JSON.
pub const LONGEST: usize = 1024 * 1024;

/// The artifact that holds an output which is longer.
pub const ARTIFACT: &str = "output.json";

/// An output's own text for people is kept beside the artifact, up to this length.
const LONGEST_TEXT: usize = 64 * 1024;

/// What has become of an output that is too long for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is the artifact [`ARTIFACT`] of its step.
    AsArtifact,
    /// It is gone, for this reason.
    Nowhere(String),
}

/// How many bytes the output has, if those are too many for the log.
pub fn too_long(output: &Value) -> Option<usize> {
    let bytes = output.to_string().len();
    (bytes > LONGEST).then_some(bytes)
}

/// What stands in the log in the place of an output that is too long: its own text for people, if it
/// has one that is short, how long it was and where it is.
pub fn in_place_of(output: &Value, bytes: usize, kept: &Kept) -> Value {
    let mut left = json!({ "text": told(bytes, kept), "bytes": bytes });
    if *kept == Kept::AsArtifact {
        left["artifact"] = ARTIFACT.into();
    }
    if let Some(text) = output["text"].as_str()
        && text.len() <= LONGEST_TEXT
    {
        left["text"] = text.into();
    }
    left
}

/// The sentence for people.
pub fn told(bytes: usize, kept: &Kept) -> String {
    let head = format!("its output has {bytes} bytes, and a run's log takes {LONGEST} of one step");
    match kept {
        Kept::AsArtifact => {
            format!("{head}: it is kept as the artifact {ARTIFACT}, and later steps cannot read it")
        }
        Kept::Nowhere(why) => format!("{head}: it is not kept, because {why}"),
    }
}

/// The outputs of a step's items together; those of each item are in the log already.
pub fn within_bounds(of_items: Value) -> Value {
    match too_long(&of_items) {
        None => of_items,
        Some(bytes) => {
            let why = "those of its items are in the log one by one";
            in_place_of(&of_items, bytes, &Kept::Nowhere(why.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_stays_as_it_is() {
        let items = json!([{ "a": 1 }, null]);
        assert_eq!(within_bounds(items.clone()), items);
        assert_eq!(too_long(&json!("x".repeat(LONGEST - 2))), None);
    }

    #[test]
    fn what_is_too_long_says_so_and_keeps_its_text_for_people() {
        let long = json!({ "text": "a table", "rows": "x".repeat(LONGEST) });
        let bytes = too_long(&long).unwrap();
        assert_eq!(
            in_place_of(&long, bytes, &Kept::AsArtifact),
            json!({ "text": "a table", "bytes": bytes, "artifact": ARTIFACT })
        );
        let items = json!(vec!["x".repeat(LONGEST / 4); 5]);
        insta::assert_snapshot!(within_bounds(items)["text"].as_str().unwrap(), @"its output has 1310736 bytes, and a run's log takes 1048576 of one step: it is not kept, because those of its items are in the log one by one");
    }
}

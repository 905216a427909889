//! Whether the secrets that a step names stand where its action takes one, and are set.

use serde_json::Value;

use super::problem::Report;
use super::scope::Scope;
use super::shape::resolve;
use super::source::Node;
use super::surroundings::Surroundings;
use crate::domain::position::Position;
use crate::domain::secret::{self, SecretRef};

/// Schemas that lie further within each other are not looked into.
const DEEPEST: usize = 8;

/// Where the schema of an action, or of the workflow that a step runs, takes a secret.
pub(super) struct Taken<'a> {
    /// The action, or the workflow.
    pub(super) by: &'a str,
    pub(super) schema: &'a Value,
    /// The places.
    pub(super) at: &'a [Position],
}

/// Checks each reference in a step's `with`.
pub(super) fn check(
    with: &Node,
    taken: &Taken<'_>,
    scope: &Scope<'_>,
    surroundings: &Surroundings,
    report: &mut Report,
) {
    for (text, at) in with.texts() {
        if !scope.is_secret(text) {
            continue;
        }
        if !taken.at.contains(&at) {
            let takes = match fields(taken.schema).as_slice() {
                [] => "takes none anywhere".to_owned(),
                some => format!("takes one as {}", some.join(" or ")),
            };
            let message = format!("`{text}`: no secret can stand here; {} {takes}", taken.by);
            report.error(at, message);
        } else if let Some(SecretRef::Stored(name)) = SecretRef::of_text(text)
            && let Some(set) = &surroundings.secrets
            && !set.contains(&name)
        {
            report.error(at, secret::not_set(&name, set));
        }
    }
}

/// The fields of an action that are a secret, or hold something that is.
fn fields(schema: &Value) -> Vec<String> {
    let fields = schema["properties"].as_object();
    let takes = |(_, part): &(&String, &Value)| takes_secrets(schema, part, DEEPEST);
    let named = |(name, part): (&String, &Value)| match &resolve(schema, part)["format"] {
        Value::String(format) if format == secret::FORMAT => format!("`{name}`"),
        _ => format!("a value within `{name}`"),
    };
    fields
        .into_iter()
        .flatten()
        .filter(takes)
        .map(named)
        .collect()
}

fn takes_secrets(root: &Value, part: &Value, deep: usize) -> bool {
    let Some(deeper) = deep.checked_sub(1) else {
        return false;
    };
    let part = resolve(root, part);
    let within = |value: &Value| match value {
        Value::Array(items) => items.iter().any(|item| takes_secrets(root, item, deeper)),
        Value::Object(_) => takes_secrets(root, value, deeper),
        _ => false,
    };
    part["format"] == secret::FORMAT
        || part
            .as_object()
            .is_some_and(|keys| keys.values().any(within))
}

//! Which secrets a step of a run names in its file.

use std::collections::{BTreeMap, BTreeSet};

use super::{Step, Workflow, WorkflowCall};
use crate::domain::expression::only_input;
use crate::domain::names::{SecretName, StepId};
use crate::domain::secret::{SecretRef, texts_in};

/// What stands behind the secret inputs of a workflow.
type Behind = BTreeMap<String, SecretRef>;

impl Workflow {
    /// The secrets of the store that its steps name, and those of the workflows that it runs.
    pub fn secrets(&self) -> BTreeSet<SecretName> {
        let files = std::iter::once(self).chain(self.includes.values());
        files
            .flat_map(Self::all_steps)
            .filter_map(Step::with)
            .flat_map(SecretRef::named_in)
            .collect()
    }

    /// The names of its secret inputs.
    pub fn secret_inputs(&self) -> impl Iterator<Item = &String> {
        let inputs = self.inputs.iter();
        inputs.filter(|(_, spec)| spec.secret).map(|(name, _)| name)
    }

    /// The secrets that a step of a run names: of the store, and those that the run was given, which
    /// came down to it through the workflows that it stands in.
    pub fn secrets_of(&self, path: &StepId) -> BTreeSet<SecretRef> {
        self.named_by(path).unwrap_or_default()
    }

    fn named_by(&self, path: &StepId) -> Option<BTreeSet<SecretRef>> {
        let given = |name: &String| (name.clone(), SecretRef::Given(name.clone()));
        let mut behind: Behind = self.secret_inputs().map(given).collect();
        let step = self.walk_to(path, |call, file| behind = handed_on(call, file, &behind))?;
        let texts = texts_in(step.with()?);
        Some(texts.filter_map(|text| named(text, &behind)).collect())
    }
}

/// What stands behind the secret inputs of a workflow that a step runs.
fn handed_on(call: &WorkflowCall, file: &Workflow, behind: &Behind) -> Behind {
    let handed = |name: &String| {
        let text = call.with.get(name)?.as_str()?;
        Some((name.clone(), named(text, behind)?))
    };
    file.secret_inputs().filter_map(handed).collect()
}

/// The secret that a text is, if it is nothing else.
fn named(text: &str, behind: &Behind) -> Option<SecretRef> {
    SecretRef::of_text(text).or_else(|| behind.get(only_input(text)?).cloned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_names_what_its_file_does_however_deep_it_stands() {
        let inner = json!({
            "name": "inner", "summary": "I",
            "inputs": {
                "token": { "type": "string", "secret": true },
                "key": { "type": "string", "secret": true },
                "note": { "type": "string" },
            },
            "steps": [{ "id": "use", "uses": "x.use", "with": { "env": {
                "A": "{{ inputs.token }}", "B": "{{ inputs.key }}", "C": "{{ inputs.note }}",
            } } }],
        });
        let definition: Workflow = serde_json::from_value(json!({
            "name": "outer", "summary": "O",
            "inputs": {
                "password": { "type": "string", "secret": true },
                "other": { "type": "string", "secret": true },
            },
            "steps": [
                { "id": "here", "uses": "x.use", "with": { "a": ["{{ inputs.other }}"] },
                  "undo": { "uses": "x.back", "with": { "a": "{{ inputs.password }}" } } },
                { "id": "call", "runs": "inner", "foreach": [1, 2], "with": {
                    "token": "{{ inputs.password }}", "key": "{{ secrets.KEY }}", "note": "{{ inputs.other }}",
                } },
            ],
            "on_failure": [{ "id": "tell", "uses": "x.tell", "with": { "a": "x{{ inputs.other }}" } }],
            "includes": { "inner": inner },
        }))
        .unwrap();
        let named = |path: &str| -> Vec<String> {
            let named = definition.secrets_of(&path.into());
            named.iter().map(ToString::to_string).collect()
        };
        assert_eq!(named("here"), ["inputs.other"]);
        assert_eq!(named("here/undo"), ["inputs.password"]);
        assert_eq!(named("call[1]/use"), ["KEY", "inputs.password"]);
        assert!(named("on_failure/tell").is_empty() && named("gone").is_empty());
    }
}

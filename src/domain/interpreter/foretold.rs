//! What can be told of a step's inputs while others depend on a step that is not over.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::prospect::collect;
use super::spot::{Block, MOST_STEPS, Spot};
use crate::domain::expression::{self, Scope};
use crate::domain::input::check_inputs;
use crate::domain::names::SystemName;
use crate::domain::run::StepState;
use crate::domain::workflow::{Step, Workflow, WorkflowCall};

/// What of an action's inputs is known before the others are.
#[derive(Clone, Debug, PartialEq)]
pub struct Foretold {
    /// The system that it will act on.
    pub system: Option<SystemName>,
    /// Of everything else, what is known.
    pub input: Value,
}

/// What expressions see of a run from one place, without what is not there yet.
#[derive(Clone)]
pub(super) struct Sight(Scope);

impl Sight {
    /// From this block: of its steps, those that are over.
    pub(super) fn from(block: Block<'_>) -> Self {
        let is_over = |spot: &Spot<'_>| spot.state().is_some_and(StepState::is_over);
        let over: BTreeSet<_> = block.spots().filter(is_over).map(|s| &s.step.id).collect();
        let mut scope = block.scope();
        scope.retain("steps", |id| over.iter().any(|step| step.as_str() == id));
        Self(scope)
    }

    /// One for each item of the step, where it has some and they can be told, else this one.
    pub(super) fn of_items(&self, step: &Step) -> Vec<Self> {
        let items = step.foreach.as_ref().map(|foreach| &foreach.items);
        let Some(Value::Array(items)) = items.and_then(|items| self.tell(items)) else {
            return vec![self.clone()];
        };
        let of_item = |(index, item): (usize, Value)| {
            let mut scope = self.0.clone();
            scope.set("item", item);
            scope.set("index", index.into());
            Self(scope)
        };
        let items = items.into_iter().take(MOST_STEPS).enumerate();
        items.map(of_item).collect()
    }

    /// From within the workflow that a step calls. An input of it that cannot be told is not there.
    pub(super) fn within(&self, call: &WorkflowCall, file: &Workflow) -> Self {
        let given = self.tell_each(&call.with);
        let is_told = |name: &String| given.contains_key(name) || !call.with.contains_key(name);
        let told = file.inputs.iter().filter(|(name, _)| is_told(name));
        let told = told.map(|(name, spec)| (name.clone(), spec.clone()));
        // What does not fit is told of when the step begins; until then none of it is known.
        let inputs = check_inputs(&told.collect(), &given).unwrap_or_default();
        let run = self.0.get("run");
        Self(Scope::new(json!({ "inputs": inputs, "run": run })))
    }

    /// What the step's action will be given, as far as that can be told.
    pub(super) fn foretell(&self, step: &Step) -> Foretold {
        let told = step.with().map(|with| self.tell_each(with));
        let mut input = told.unwrap_or_default();
        input.retain(|_, value| !value.is_null());
        let system = match input.remove("system") {
            Some(Value::String(system)) => Some(SystemName::from(system)),
            _ => None,
        };
        Foretold {
            system,
            input: Value::Object(input),
        }
    }

    fn tell_each(&self, with: &Map<String, Value>) -> Map<String, Value> {
        let told = with
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), self.tell(value)?)));
        told.collect()
    }

    /// What a value comes to; `None` while an expression of it names something that is not there.
    fn tell(&self, value: &Value) -> Option<Value> {
        let mut names = BTreeSet::new();
        collect(value, &mut names);
        if !names.iter().all(|name| self.has(name)) {
            return None;
        }
        expression::render(value, &self.0).ok()
    }

    /// Whether what a dotted name begins with is there: which step, and which input.
    fn has(&self, name: &str) -> bool {
        let mut parts = name.split('.');
        let top = parts.next().unwrap_or_default();
        match top {
            "secrets" => true,
            "steps" | "inputs" => parts
                .next()
                .is_some_and(|part| self.0.get(top).is_some_and(|all| all.get(part).is_some())),
            _ => self.0.get(top).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::prospect::{Given, prospects};
    use super::super::stage;
    use super::*;
    use crate::domain::names::StepId;
    use crate::domain::run::{RunState, StepStatus};

    /// A run of these steps behind `build`, which has not begun, with the input `system`.
    fn run(steps: &Value) -> (Workflow, RunState) {
        let mut all = vec![json!({ "id": "build", "uses": "toy.make" })];
        all.extend(steps.as_array().unwrap().iter().cloned());
        let release = json!({
            "name": "release", "summary": "Release",
            "inputs": {
                "system": { "type": "string" }, "version": { "type": "string" },
                "service": { "type": "string", "default": "web" },
            },
            "steps": [{ "id": "deploy", "uses": "toy.make", "with": {
                "system": "{{ inputs.system }}", "service": "{{ inputs.service }}",
                "version": "{{ inputs.version }}",
            } }],
        });
        let definition = serde_json::from_value(json!({
            "name": "play", "summary": "Play", "steps": all, "includes": { "release": release },
        }));
        let run = stage::run(&json!({ "system": "shop" }));
        (definition.unwrap(), run)
    }

    /// What is foretold of the step behind `build`, as `SYSTEM INPUT`.
    fn told(steps: &Value) -> Vec<String> {
        let (definition, run) = run(steps);
        told_of(&definition, &run)
    }

    fn told_of(definition: &Workflow, run: &RunState) -> Vec<String> {
        let ahead = prospects(definition, run).unwrap();
        let [.., last] = &ahead[..] else {
            panic!("{ahead:?}")
        };
        let Given::Later { after, known } = &last.given else {
            panic!("{last:?}")
        };
        assert_eq!(*after, StepId::from("build"));
        let name = |system: &Option<SystemName>| system.as_ref().map(ToString::to_string);
        let told = known
            .iter()
            .map(|one| format!("{} {}", name(&one.system).unwrap_or_default(), one.input));
        told.collect()
    }

    const VERSION: &str = "{{ steps.build.output.tag }}";

    #[test]
    fn what_depends_on_nothing_that_is_not_there_is_told() {
        let step = |with: Value| json!([{ "id": "deploy", "uses": "toy.make", "with": with }]);
        let written =
            step(json!({ "system": "{{ inputs.system }}", "service": "web", "version": VERSION }));
        assert_eq!(told(&written), [r#"shop {"service":"web"}"#]);
        let guessed = step(json!({
            "system": "shop", "service": "{{ steps.build.output.name | default('web') }}",
            "count": "{{ inputs.count | default(1) }}", "secret": "{{ secrets.TOKEN }}",
            "run": "{{ run.by }}",
        }));
        assert_eq!(
            told(&guessed),
            [r#"shop {"run":"bo","secret":{"$secret":"TOKEN"}}"#],
            "nothing is guessed"
        );
    }

    #[test]
    fn what_a_step_leaves_is_not_told_before_it_is_over() {
        let steps = json!([
            { "id": "look", "uses": "toy.make" },
            { "id": "deploy", "uses": "toy.make", "with": {
                "system": "shop", "version": VERSION, "service": "{{ steps.look.output.name }}",
            } },
        ]);
        let (definition, mut run) = run(&steps);
        let look = run.steps.entry("look".into()).or_default();
        look.output = Some(json!({ "name": "web" }));
        look.status = StepStatus::Running;
        assert_eq!(told_of(&definition, &run), ["shop {}"]);
        run.steps[0].status = StepStatus::Succeeded;
        assert_eq!(told_of(&definition, &run), [r#"shop {"service":"web"}"#]);
    }

    #[test]
    fn of_a_foreach_each_item_is_told_where_the_items_are() {
        let each = |items: Value| {
            json!([{ "id": "deploy", "uses": "toy.make", "foreach": items, "with": {
                "system": "{{ item }}", "service": "web", "version": VERSION,
            } }])
        };
        assert_eq!(
            told(&each(json!(["shop", "lab"]))),
            [r#"shop {"service":"web"}"#, r#"lab {"service":"web"}"#]
        );
        let later = each(json!("{{ steps.build.output.all }}"));
        assert_eq!(told(&later), [r#" {"service":"web"}"#]);
        let many: Vec<_> = (0..MOST_STEPS + 5).collect();
        assert_eq!(told(&each(json!(many))).len(), MOST_STEPS);
    }

    #[test]
    fn within_another_workflow_it_is_told_by_what_that_is_given() {
        let call = |with: Value| json!([{ "id": "release", "runs": "release", "with": with }]);
        let given = json!({ "system": "{{ inputs.system }}", "version": VERSION });
        assert_eq!(told(&call(given)), [r#"shop {"service":"web"}"#]);
        let later = json!({ "system": "shop", "version": VERSION, "service": VERSION });
        assert_eq!(told(&call(later)), ["shop {}"]);
    }
}

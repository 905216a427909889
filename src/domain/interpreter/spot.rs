//! Where a step of a run stands in its definition, and what its expressions see from there.

use serde_json::{Map, Value, json};

use crate::domain::expression::{self, ExpressionError, Scope};
use crate::domain::names::{StepId, SystemName};
use crate::domain::run::{RunState, StepState};
use crate::domain::workflow::{ON_FAILURE, Step, UNDO, Work, Workflow};

/// A run has no more steps than this: those of its file, all items and all steps of other workflows,
/// those too that have not begun.
pub const MOST_STEPS: usize = 2_000;

/// Steps that stand beside each other: those of a file.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// The run's own definition, which holds all others.
    pub(super) definition: &'a Workflow,
    /// The run.
    pub(super) run: &'a RunState,
    /// The steps.
    pub(super) steps: &'a [Step],
    /// The workflow whose file they stand in.
    pub(super) file: &'a Workflow,
    /// The step that they stand for, with its inputs; `None`: the run itself.
    pub(super) parent: Option<Parent<'a>>,
}

/// The step that a block stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parent<'a> {
    /// A step that runs another workflow.
    Step(&'a StepId, &'a StepState),
    /// The run's `on_failure`.
    OnFailure,
}

/// One step of a run, where it stands.
#[derive(Clone, Debug)]
pub struct Spot<'a> {
    pub(super) block: Block<'a>,
    /// The step as its file has it.
    pub step: &'a Step,
    /// Its id in the run.
    pub id: StepId,
    /// The item that it is done for.
    pub(super) item: Option<(usize, &'a Value)>,
    /// What the step has left that it takes back.
    pub(super) takes_back: Option<&'a StepState>,
    /// Its inputs stand as they are: it is in no file.
    pub(super) is_literal: bool,
}

impl<'a> Block<'a> {
    /// The steps of the run's own file.
    pub fn root(definition: &'a Workflow, run: &'a RunState) -> Self {
        Self {
            definition,
            run,
            steps: &definition.steps,
            file: definition,
            parent: None,
        }
    }

    /// The steps that are done when the run has failed.
    pub(super) fn on_failure(definition: &'a Workflow, run: &'a RunState) -> Self {
        Self {
            steps: &definition.on_failure,
            parent: Some(Parent::OnFailure),
            ..Self::root(definition, run)
        }
    }

    /// A step of the block, as it is for no item.
    pub fn spot(self, step: &'a Step) -> Spot<'a> {
        let id = match self.parent {
            None => step.id.clone(),
            Some(Parent::Step(parent, _)) => parent.within(&step.id),
            Some(Parent::OnFailure) => StepId::from(ON_FAILURE).within(&step.id),
        };
        Spot {
            block: self,
            step,
            id,
            item: None,
            takes_back: None,
            is_literal: false,
        }
    }

    /// Every step of the block.
    pub fn spots(self) -> impl Iterator<Item = Spot<'a>> {
        self.steps.iter().map(move |step| self.spot(step))
    }

    fn inputs(&self) -> &'a Value {
        match self.parent {
            Some(Parent::Step(_, state)) => &state.input,
            Some(Parent::OnFailure) | None => &self.run.request.inputs,
        }
    }

    /// What `outputs` of its file come to. Nothing where it has none.
    ///
    /// # Errors
    /// The first expression that cannot be evaluated.
    pub fn outputs(self) -> Result<Value, ExpressionError> {
        let scope = self.scope();
        let outputs = self.file.outputs.iter();
        outputs
            .map(|(name, value)| Ok((name.clone(), expression::render(value, &scope)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object)
    }

    /// `inputs`, `steps.ID.output`, `steps.ID.status`, `run`; and `failure` where it has failed.
    pub(super) fn scope(self) -> Scope {
        let of_step = |spot: Spot<'a>| Some((&spot.step.id, self.run.steps.get(&spot.id)?));
        let steps: Vec<_> = self.seen_steps().filter_map(of_step).collect();
        let seen = |(id, state): &(&StepId, &StepState)| {
            let seen = json!({ "status": state.status, "output": state.output });
            (id.to_string(), seen)
        };
        let mut scope = Scope::new(json!({
            "inputs": self.inputs(),
            "steps": steps.iter().map(seen).collect::<Map<_, _>>(),
            "run": { "id": self.run.id, "by": self.run.request.by.person },
        }));
        for (id, state) in steps {
            leave_out(&mut scope, &format!("steps.{id}.output"), state);
        }
        if matches!(self.parent, Some(Parent::OnFailure)) {
            scope.set("failure", failure(self.run));
        }
        scope
    }

    /// Steps of `on_failure` see those of the workflow too.
    fn seen_steps(self) -> impl Iterator<Item = Spot<'a>> {
        let root = Block::root(self.definition, self.run);
        let before = matches!(self.parent, Some(Parent::OnFailure)).then(|| root.spots());
        before.into_iter().flatten().chain(self.spots())
    }
}

/// What of a step's output, which stands there, is not in the log.
fn leave_out(scope: &mut Scope, place: &str, state: &StepState) {
    let output = state.output.as_ref().unwrap_or(&Value::Null);
    for left_out in &state.output_left_out {
        let (path, it) = match left_out.item {
            None => (place.to_owned(), format!("`{place}`")),
            Some(item) => (format!("{place}.{item}"), format!("`{place}[{item}]`")),
        };
        scope.leave_out(path, left_out.told(&it, output));
    }
}

fn failure(run: &RunState) -> Value {
    match crate::domain::outcome::first_failure(run) {
        Some((step, failure)) => json!({ "step": step, "message": failure.message }),
        None => json!({ "step": null, "message": "it was out of time" }),
    }
}

impl<'a> Spot<'a> {
    /// Where the step of this id stands; `None` where the definition or the run has no such place.
    pub fn find(definition: &'a Workflow, run: &'a RunState, id: &StepId) -> Option<Self> {
        let mut segments = id.segments().peekable();
        let root = match segments.next_if(|first| first.id == ON_FAILURE) {
            Some(_) => Block::on_failure(definition, run),
            None => Block::root(definition, run),
        };
        let mut spot = root.pick(segments.next()?)?;
        for segment in segments {
            spot = match spot.undo().filter(|_| segment.id == UNDO) {
                Some(undo) => undo,
                None => spot.inner()?.pick(segment)?,
            };
        }
        Some(spot)
    }

    /// Its state; `None` before anything has happened to it.
    pub fn state(&self) -> Option<&'a StepState> {
        self.block.run.steps.get(&self.id)
    }

    /// The same step for one of its items.
    #[must_use]
    pub fn for_item(&self, index: usize, item: &'a Value) -> Self {
        Self {
            id: self.id.item(index),
            item: Some((index, item)),
            ..self.clone()
        }
    }

    /// The step that takes this one back, in place of its action's own undo: that of its file, or the
    /// one that the run has been given for it.
    pub(super) fn undo(&self) -> Option<Self> {
        let written = self.step.undo();
        let given = || self.block.run.request.undo.as_ref()?.by(&self.id);
        Some(Self {
            step: written.or_else(given)?,
            is_literal: written.is_none(),
            id: self.id.within(&StepId::from(UNDO)),
            takes_back: self.state(),
            ..self.clone()
        })
    }

    /// The steps that it stands for, once it was entered.
    pub(super) fn inner(&self) -> Option<Block<'a>> {
        let Work::Workflow(call) = &self.step.work else {
            return None;
        };
        let (id, state) = self.block.run.steps.get_key_value(&self.id)?;
        state.workflow.as_ref()?;
        let file = self.block.definition.includes.get(&call.runs)?;
        Some(Block {
            steps: &file.steps,
            file,
            parent: Some(Parent::Step(id, state)),
            ..self.block
        })
    }

    /// What its expressions see: what the block sees, `item` and `index` of a `foreach`, and of a
    /// step that takes another one back the `output` of that.
    pub fn scope(&self) -> Scope {
        let mut scope = self.block.scope();
        if let Some((index, item)) = self.item {
            scope.set("item", item.clone());
            scope.set("index", index.into());
        }
        if let Some(state) = self.takes_back {
            scope.set("output", json!(state.output));
            leave_out(&mut scope, "output", state);
        }
        scope
    }

    /// What the step is given, every expression evaluated, `system` apart from the rest.
    ///
    /// # Errors
    /// The first expression that cannot be evaluated.
    pub fn render(&self) -> Result<(Option<SystemName>, Value), ExpressionError> {
        let scope = (!self.is_literal).then(|| self.scope());
        let mut input = Map::new();
        let mut system = None;
        for (name, value) in self.step.with().into_iter().flatten() {
            let value = match &scope {
                Some(scope) => expression::render(value, scope)?,
                None => value.clone(),
            };
            match value {
                Value::Null => {}
                Value::String(text) if name == "system" => system = Some(SystemName::from(text)),
                value => {
                    input.insert(name.clone(), value);
                }
            }
        }
        Ok((system, Value::Object(input)))
    }
}

impl<'a> Block<'a> {
    fn pick(self, segment: crate::domain::step_path::Segment<'_>) -> Option<Spot<'a>> {
        let step = self
            .steps
            .iter()
            .find(|step| step.id.as_str() == segment.id)?;
        let spot = self.spot(step);
        let Some(index) = segment.item else {
            return Some(spot);
        };
        let item = spot.state()?.items.as_ref()?.get(index)?;
        Some(spot.for_item(index, item))
    }
}

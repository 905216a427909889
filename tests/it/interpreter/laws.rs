//! What must hold of every event at the moment at which it is appended, by a second reading of the
//! definition that shares nothing with the interpreter's.

use purser::domain::effect::EffectStatus;
use purser::domain::ending::FinalState;
use purser::domain::event::{Event, FailureKind};
use purser::domain::interpreter::MOST_TAKEOVERS;
use purser::domain::names::StepId;
use purser::domain::run::{RunState, StepState, StepStatus, Stop};
use purser::domain::workflow::{Step, Work, Workflow};

pub(super) struct Laws<'a> {
    pub(super) definition: &'a Workflow,
    pub(super) run: &'a RunState,
}

impl Laws<'_> {
    pub(super) fn check(&self, event: &Event) {
        assert!(
            self.run.ended.is_none(),
            "nothing happens after the end: {event:?}"
        );
        match event {
            Event::Started => self.check_yes("the run"),
            Event::StepStarted { step, attempt, .. } => {
                let state = self.run.step(step);
                assert_eq!(*attempt, state.attempt + 1, "attempts are counted");
                assert!(!state.wants_undo(), "a retry begins clean");
                self.check_begins(step);
            }
            Event::StepFannedOut { step, .. }
            | Event::StepEntered { step, .. }
            | Event::WaitBegan { step, .. }
            | Event::StepSkipped { step } => self.check_begins(step),
            Event::StepApprovalRequested(asked) => self.check_begins(&asked.step),
            Event::EffectStarted { step, effect, .. } => {
                let state = self.run.step(step);
                assert_eq!(
                    state.status,
                    StepStatus::Running,
                    "{step} acts while it runs"
                );
                let live = state
                    .effect(effect)
                    .is_some_and(purser::domain::effect::EffectRecord::is_live);
                assert!(!live, "{effect} of {step} is not done twice");
            }
            Event::EffectUndone { step, effect } => {
                let state = self.run.step(step);
                let status = state.effect(effect).map(|record| record.status.clone());
                assert!(
                    matches!(status, Some(EffectStatus::Started | EffectStatus::Done(_))),
                    "{effect} of {step} is taken back once, and after it was begun"
                );
                self.check_taken_back(step);
            }
            Event::StepUndone { step, .. } => {
                let state = self.run.step(step);
                assert_ne!(state.status, StepStatus::Undone, "{step} is undone once");
                self.check_taken_back(step);
            }
            Event::AttemptFailed { step, failure, .. }
                if failure.kind == FailureKind::Cancelled =>
            {
                self.check_broken_off(step);
            }
            Event::StepCancelled { step } => {
                let state = self.run.step(step);
                let acts = state.status == StepStatus::Running && !state.is_composite();
                assert!(!acts, "{step} is told to stop before it is given up");
                let cause = self.failed_below(step);
                assert_eq!(cause, None, "{step} failed, it was not cancelled");
                self.check_broken_off(step);
            }
            Event::Parked { step, question } if question.effect.is_empty() => {
                let takeovers = self.run.step(step).takeovers;
                assert!(takeovers > MOST_TAKEOVERS, "{step} has been lucky enough");
            }
            Event::Finished { state, .. } => self.check_end(*state),
            _ => {}
        }
    }

    /// Where a run asks for people, nothing begins before enough of them have said yes to its plan.
    fn check_yes(&self, what: &str) {
        let requester = &self.run.request.by.person;
        let answer = self.run.approval.as_ref();
        assert!(
            self.run.request.approval.is_empty() || answer.is_some_and(|a| a.is_met(requester)),
            "{what} begins before the run's yes"
        );
    }

    /// The way back is gone to its end, as long as there is time: what undoes is let be, and so is
    /// `on_failure` unless the run is stopped or another of its steps has failed.
    fn check_broken_off(&self, id: &StepId) {
        if self.run.step(id).timed_out {
            return;
        }
        assert!(!id.is_undo(), "{id} is broken off");
        let others = &self.run.steps;
        let is_over = self.run.is_stopped()
            || others.iter().any(|(other, state)| {
                other.is_on_failure() && (state.status == StepStatus::Failed || state.timed_out)
            });
        assert!(!id.is_on_failure() || is_over, "{id} is broken off");
    }

    /// A step within this one that failed by itself.
    fn failed_below(&self, id: &StepId) -> Option<&StepId> {
        let failed_itself = |state: &StepState| {
            let kind = state.failure.as_ref().map(|failure| failure.kind);
            state.status == StepStatus::Failed && kind != Some(FailureKind::Cancelled)
        };
        let mut steps = self.run.steps.iter();
        steps
            .find(|(other, state)| other.is_below(id) && failed_itself(state))
            .map(|(other, _)| other)
    }

    fn check_begins(&self, id: &StepId) {
        let run = self.run;
        if id.is_undo() {
            let parent = StepId::from(id.as_str().trim_end_matches("/undo"));
            assert_eq!(run.step(&parent).status, StepStatus::Succeeded, "{parent}");
            assert!(self.goes_back(), "{id} begins on the way back only");
            assert!(
                !parent.is_on_failure(),
                "what {parent} has done is there to stay"
            );
            let done = run.step(&parent);
            assert!(
                done.attempt > 0 && !done.is_composite(),
                "{parent} is not this run's to take back"
            );
            return;
        }
        if id.is_on_failure() {
            assert!(
                matches!(run.stop, None | Some(Stop::TimedOut)) && self.goes_back(),
                "{id} begins when the run fails"
            );
            let left = run.steps.iter().find(|(other, state)| {
                !other.is_on_failure() && !other.is_undo() && self.is_still_there(other, state)
            });
            assert!(left.is_none(), "{id} begins before {left:?} is taken back");
        } else {
            assert!(!self.goes_back(), "{id} begins in a run that goes back");
            if run.step(id).attempt == 0 {
                self.check_yes(id.as_str());
            }
        }
        self.check_place(id);
    }

    /// Where it stands lets it begin: what it needs is over, what it stands in is under way.
    fn check_place(&self, id: &StepId) {
        let run = self.run;
        let (above, segment) = match id.as_str().rsplit_once('/') {
            Some((above, last)) => (Some(above), last),
            None => (None, id.as_str()),
        };
        let plain = segment.split('[').next().unwrap();
        let steps = self.steps_below(above);
        let number = steps.iter().position(|s| s.id.as_str() == plain).unwrap();
        let at = |step: &Step| match above {
            Some(above) => StepId::from(format!("{above}/{}", step.id)),
            None => step.id.clone(),
        };
        for (earlier, step) in steps.iter().enumerate() {
            let is_needed = match &steps[number].needs {
                Some(needs) => needs.contains(&step.id),
                None => earlier + 1 == number,
            };
            let state = run.step(&at(step));
            let is_over = matches!(state.status, StepStatus::Succeeded | StepStatus::Skipped);
            assert!(
                !is_needed || is_over,
                "{id} begins before {} is over",
                at(step)
            );
        }
        if let Some(above) = above.filter(|above| *above != "on_failure") {
            assert_eq!(
                run.step(&above.into()).status,
                StepStatus::Running,
                "{above}"
            );
        }
        if segment.contains('[') {
            let whole = at(&steps[number]);
            assert_eq!(run.step(&whole).status, StepStatus::Running, "{whole}");
            let others = run.steps.iter().filter(|(other, state)| {
                *other != id && state.is_under_way() && is_item_of(other, &whole)
            });
            let most = steps[number].foreach.as_ref().unwrap().parallel as usize;
            assert!(others.count() < most, "{id} is one too many side by side");
        }
        if let Some(asked) = &run.step(id).approval {
            let requester = &run.request.by.person;
            assert!(
                asked.request.is_met(requester),
                "{id} begins before its yes"
            );
        }
    }

    fn steps_below(&self, above: Option<&str>) -> &[Step] {
        match above {
            None => &self.definition.steps,
            Some("on_failure") => &self.definition.on_failure,
            Some(above) => match &self.definition.step(&above.into()).unwrap().work {
                Work::Workflow(call) => &self.definition.includes[&call.runs].steps,
                other => panic!("{above} stands for no steps: {other:?}"),
            },
        }
    }

    /// Whether the run cannot succeed any more.
    fn goes_back(&self) -> bool {
        self.run.stop.is_some()
            || self.run.steps.iter().any(|(id, state)| {
                !id.is_undo()
                    && !id.is_on_failure()
                    && (state.timed_out && state.is_composite()
                        || matches!(
                            state.status,
                            StepStatus::Failed | StepStatus::Cancelled | StepStatus::Undone
                        ))
            })
    }

    /// What builds upon a step is taken back before it.
    fn check_taken_back(&self, id: &StepId) {
        if !self.goes_back() {
            return;
        }
        for (other, state) in &self.run.steps {
            let later = self.builds_upon(other, id) && self.is_still_there(other, state);
            assert!(
                !later,
                "{id} is taken back before {other}, which builds upon it"
            );
        }
    }

    /// Whether one step needs the other, directly or not, within the same file.
    fn builds_upon(&self, id: &StepId, on: &StepId) -> bool {
        let (above, last) = match id.as_str().rsplit_once('/') {
            Some((above, last)) => (Some(above), last),
            None => (None, id.as_str()),
        };
        let same = on.as_str().rsplit_once('/').map(|(above, _)| above) == above;
        let plain = |segment: &str| segment.split('[').next().unwrap().to_owned();
        let on = plain(on.as_str().rsplit('/').next().unwrap());
        if !same || id.is_undo() || plain(last) == on {
            return false;
        }
        let steps = self.steps_below(above);
        let mut reached = vec![plain(last)];
        let mut looked_at = 0;
        while let Some(here) = reached.get(looked_at).cloned() {
            looked_at += 1;
            let number = steps.iter().position(|s| s.id.as_str() == here).unwrap();
            let needs = match &steps[number].needs {
                Some(needs) => needs.iter().map(ToString::to_string).collect(),
                None if number > 0 => vec![steps[number - 1].id.to_string()],
                None => vec![],
            };
            reached.extend(needs);
        }
        reached[1..].contains(&on)
    }

    /// Whether something is to be taken back that was not.
    fn is_still_there(&self, id: &StepId, state: &StepState) -> bool {
        let has_undo = self.definition.step(id).and_then(Step::undo).is_some();
        match state.status {
            StepStatus::Undone => false,
            StepStatus::Succeeded if has_undo => {
                // What an earlier run has done is not this one's to take back.
                !state.is_composite() && state.attempt > 0
            }
            _ => state.wants_undo(),
        }
    }

    fn check_end(&self, end: FinalState) {
        let run = self.run;
        for (id, state) in &run.steps {
            assert!(!state.is_under_way(), "{id} is under way at the end");
        }
        let forward: Vec<_> = run
            .steps
            .iter()
            .filter(|(id, _)| !id.is_undo() && !id.is_on_failure())
            .collect();
        let all_over = self.definition.steps.iter().all(|step| {
            let status = run.step(&step.id).status;
            matches!(status, StepStatus::Succeeded | StepStatus::Skipped)
        });
        let is_stuck = run.steps.values().any(|state| state.undo_failure.is_some());
        if self.goes_back() && run.started_at.is_some() && !run.is_stopped() && !is_stuck {
            self.check_on_failure();
        }
        match end {
            FinalState::Succeeded => {
                assert!(all_over && run.stop.is_none(), "all is done");
                assert!(forward.iter().all(|(_, state)| state.is_over()));
            }
            FinalState::RolledBack => {
                for (id, state) in &forward {
                    let live = state.status != StepStatus::Undone && state.has_live_effects();
                    assert!(!live && state.left.is_none(), "{id} is still there");
                }
            }
            FinalState::Stuck => assert!(is_stuck),
            FinalState::Failed | FinalState::Cancelled => {
                assert!(!is_stuck && (!all_over || run.stop.is_some()));
                for (id, state) in &forward {
                    let there = self.is_still_there(id, state) && state.left.is_none();
                    assert!(!there, "{id}: all that can be is taken back");
                }
            }
        }
    }
}

impl Laws<'_> {
    /// A run that failed has gone through `on_failure`, or as far as that went.
    fn check_on_failure(&self) {
        let went_wrong = self.run.steps.iter().any(|(id, state)| {
            id.is_on_failure()
                && !matches!(state.status, StepStatus::Succeeded | StepStatus::Skipped)
        });
        for step in &self.definition.on_failure {
            let id = StepId::from(format!("on_failure/{}", step.id));
            let is_over = self.run.step(&id).is_over();
            assert!(is_over || went_wrong, "{id} has had no turn");
        }
    }
}

fn is_item_of(id: &StepId, whole: &StepId) -> bool {
    id.as_str()
        .strip_prefix(whole.as_str())
        .is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']') && !rest.contains('/'))
}

//! Where a step stands in a run: `dump`, `dump[2]`, `release/migrate`, `dump/undo`.
//!
//! A definition's steps have plain ids. Where one of them is done for several items, or stands for
//! another workflow's steps, each of those is a step of the run with a path for its id. Ids of files
//! hold neither `/` nor `[`, so a path says in one way where it leads.

use super::names::StepId;
use super::workflow::{ON_FAILURE, Step, UNDO, Work, Workflow, WorkflowCall};

/// One part of a path: a step's id in its file, and the item that it is done for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'p> {
    /// The id in the file.
    pub id: &'p str,
    /// Which item of a `foreach`, counted from 0.
    pub item: Option<usize>,
}

impl StepId {
    /// The path of a step below this one.
    #[must_use]
    pub fn within(&self, child: &Self) -> Self {
        Self::from(format!("{self}/{child}"))
    }

    /// The path of this step for one item, counted from 0.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        Self::from(format!("{self}[{index}]"))
    }

    /// Whether it takes another step back.
    pub fn is_undo(&self) -> bool {
        self.as_str()
            .rsplit_once('/')
            .is_some_and(|(_, last)| last == UNDO)
    }

    /// Whether it is done because the run has failed.
    pub fn is_on_failure(&self) -> bool {
        self.as_str()
            .strip_prefix(ON_FAILURE)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether it is on the run's way forward: it takes nothing back, and is no part of `on_failure`.
    pub fn is_forward(&self) -> bool {
        !self.is_undo() && !self.is_on_failure()
    }

    /// Whether it stands below the other one: an item of it, or a step within it.
    pub fn is_below(&self, other: &Self) -> bool {
        self.as_str()
            .strip_prefix(other.as_str())
            .is_some_and(|rest| rest.starts_with(['/', '[']))
    }

    /// The parts of the path, from the top.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.as_str().split('/').map(|part| {
            let item = part
                .split_once('[')
                .and_then(|(id, index)| Some((id, index.strip_suffix(']')?.parse().ok()?)));
            match item {
                Some((id, index)) => Segment {
                    id,
                    item: Some(index),
                },
                None => Segment {
                    id: part,
                    item: None,
                },
            }
        })
    }
}

impl Workflow {
    /// The step of the definition that a run's step comes from.
    pub fn step(&self, path: &StepId) -> Option<&Step> {
        self.walk_to(path, |_, _| {})
    }

    /// The same, and tells of each workflow that is entered on the way there: by which call, and its file.
    pub(in crate::domain) fn walk_to<'w>(
        &'w self,
        path: &StepId,
        mut enters: impl FnMut(&'w WorkflowCall, &'w Self),
    ) -> Option<&'w Step> {
        let mut segments = path.segments().peekable();
        let steps = match segments.next_if(|first| first.id == ON_FAILURE) {
            Some(_) => &self.on_failure,
            None => &self.steps,
        };
        let mut step = by_id(steps, segments.next()?.id)?;
        for segment in segments {
            step = match &step.work {
                Work::Action(action) if segment.id == UNDO => action.undo.as_deref()?,
                Work::Workflow(call) => {
                    let file = self.includes.get(&call.runs)?;
                    enters(call, file);
                    by_id(&file.steps, segment.id)?
                }
                Work::Action(_) | Work::Wait(_) => return None,
            };
        }
        Some(step)
    }
}

fn by_id<'w>(steps: &'w [Step], id: &str) -> Option<&'w Step> {
    steps.iter().find(|step| step.id.as_str() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_back_to_the_file() {
        let definition: Workflow = serde_json::from_value(serde_json::json!({
            "name": "w", "summary": "W",
            "steps": [
                { "id": "a", "uses": "x.a", "foreach": [1, 2], "undo": { "uses": "x.back" } },
                { "id": "b", "runs": "other" },
            ],
            "on_failure": [{ "id": "tell", "uses": "x.tell" }],
            "includes": { "other": {
                "name": "other", "summary": "O", "steps": [{ "id": "a", "uses": "x.inner" }],
            } },
        }))
        .unwrap();
        let uses = |path: &str| {
            let step = definition.step(&path.into())?;
            Some(step.action()?.uses.as_str())
        };
        assert_eq!(uses("a"), Some("x.a"));
        assert_eq!(uses("a[1]"), Some("x.a"));
        assert_eq!(uses("a[1]/undo"), Some("x.back"));
        assert_eq!(uses("b/a"), Some("x.inner"));
        assert_eq!(uses("on_failure/tell"), Some("x.tell"));
        assert_eq!(uses("b/c"), None);
        assert_eq!(uses("a/a"), None);
    }

    #[test]
    fn what_stands_below_what() {
        let id = |text: &str| StepId::from(text);
        assert!(id("a[1]").is_below(&id("a")));
        assert!(id("a[1]/b").is_below(&id("a[1]")));
        assert!(!id("ab").is_below(&id("a")));
        assert!(!id("a").is_below(&id("a")));
        assert!(id("a[1]/undo").is_undo() && !id("undo").is_undo());
        assert!(id("on_failure/x").is_on_failure() && !id("on_failures/x").is_on_failure());
    }
}

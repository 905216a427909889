//! The workflows that are run: each sort of effect alone and after the others, at the same time as
//! others, and taken back.

use std::fmt::Write as _;

use crate::effect_server::Sort::{self, Askable, Keyed, Once};

/// A workflow of steps that are all of `http.send`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workflow {
    pub(super) name: &'static str,
    pub(super) steps: &'static [Step],
    /// A last step fails, and all that was done is taken back.
    fails: bool,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) id: &'static str,
    sort: Sort,
    /// Behind these; left out, behind the one before it.
    needs: Option<&'static [&'static str]>,
}

const fn step(id: &'static str, sort: Sort) -> Step {
    Step {
        id,
        sort,
        needs: None,
    }
}

const fn behind(needs: &'static [&'static str], id: &'static str, sort: Sort) -> Step {
    Step {
        id,
        sort,
        needs: Some(needs),
    }
}

const fn workflow(name: &'static str, steps: &'static [Step]) -> Workflow {
    Workflow {
        name,
        steps,
        fails: false,
    }
}

const fn undone(name: &'static str, steps: &'static [Step]) -> Workflow {
    Workflow {
        name,
        steps,
        fails: true,
    }
}

/// All that are run under load.
pub(super) const ALL: &[Workflow] = &[
    workflow(
        "keyed",
        &[step("one", Keyed), step("two", Keyed), step("three", Keyed)],
    ),
    workflow(
        "mixed",
        &[
            step("one", Keyed),
            step("two", Askable),
            step("three", Once),
        ],
    ),
    workflow(
        "turned",
        &[
            step("one", Once),
            step("two", Askable),
            step("three", Keyed),
        ],
    ),
    undone("undone", &[step("one", Keyed), step("two", Askable)]),
    // Both may ask a person at the same time.
    workflow("twins", &[step("one", Once), behind(&[], "two", Once)]),
    // Three at once, and one behind all of them.
    workflow(
        "parallel",
        &[
            step("one", Keyed),
            behind(&[], "two", Askable),
            behind(&[], "three", Once),
            behind(&["one", "two", "three"], "join", Keyed),
        ],
    ),
];

/// One of a single step of each sort.
const SINGLE: [Workflow; 3] = [
    workflow("one_keyed", &[step("one", Keyed)]),
    workflow("one_askable", &[step("one", Askable)]),
    workflow("one_once", &[step("one", Once)]),
];

/// One of a single step whose effect has this name; done, or done and taken back.
pub(super) fn one(effect: &str, is_undone: bool) -> Option<Workflow> {
    let of_effect = |one: &Workflow| one.name.strip_prefix("one_") == effect.strip_prefix("send_");
    let found = SINGLE.into_iter().find(of_effect)?;
    Some(Workflow {
        fails: is_undone,
        ..found
    })
}

impl Workflow {
    /// How a run of it ends that nobody stops. No other end is lawful: the service refuses nothing so
    /// often that a step is out of attempts or cannot be taken back ([`moods`](super::moods)).
    pub(super) fn end(&self) -> &'static str {
        if self.fails {
            "rolled_back"
        } else {
            "succeeded"
        }
    }

    /// Whether nothing of what it did may be left, however it ends.
    pub(super) fn leaves_nothing(&self) -> bool {
        self.fails
    }

    /// Its file.
    pub(super) fn yaml(&self) -> String {
        let mut text = format!(
            "name: {}\nsummary: For the torture\nwho: {{ staging: [operator] }}\nsteps:\n",
            self.name
        );
        for step in self.steps {
            text += &step.yaml(self.fails);
        }
        if self.fails {
            text += "  - id: fails\n    uses: http.send\n    with: { path: /refuse }\n";
        }
        text
    }
}

impl Step {
    fn yaml(&self, is_undone: bool) -> String {
        let path = self.sort.path();
        let certainty = match self.sort {
            Keyed => ", keyed: true".to_owned(),
            Askable => format!(", ask: '{path}?key={{key}}'"),
            Once => String::new(),
        };
        let undo = if is_undone {
            format!(", undo: {{ path: '{path}?key={{key}}' }}")
        } else {
            String::new()
        };
        let mut text = format!(
            "  - id: {}\n    uses: http.send\n    with: {{ path: {path}/x{certainty}{undo} }}\n    \
             retry: {{ attempts: 8, first: 100ms, max: 1s, jitter: true }}\n",
            self.id
        );
        if let Some(needs) = self.needs {
            let _ = writeln!(text, "    needs: [{}]", needs.join(", "));
        }
        text
    }
}

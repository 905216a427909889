//! A plan: what a change would do, with a digest that an approval is bound to (decision 16).

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest::{Digest, digest_of};
use super::names::{ActionName, StepId, SystemName};
use super::redact::Redactor;

/// What one action would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// One line for people: `replace shop/web: image v1 → v2, beside the old one`.
    pub summary: String,
    /// What the plan relies on. When one no longer holds, the plan is void.
    #[serde(default)]
    pub preconditions: Vec<Precondition>,
    /// What would be different afterwards.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// What people should know and what may move without voiding the plan: counts, times, ids.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The service or the system on which it may remove what cannot be had back; `None`: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroys: Option<String>,
}

/// A fact that was read when the plan was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Precondition {
    /// What was looked at: `image shop/web:v2`.
    pub subject: String,
    /// What it was: `sha256:…`.
    pub is: String,
}

/// One difference between now and afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What changes: `image of shop/web`.
    pub subject: String,
    /// How it is now; absent when it does not exist yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How it would be; absent when it would be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Plan {
    /// A plan with nothing but its summary yet.
    pub fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            preconditions: Vec::new(),
            changes: Vec::new(),
            notes: Vec::new(),
            destroys: None,
        }
    }

    /// Adds a fact that the plan relies on.
    #[must_use]
    pub fn relies_on(mut self, subject: impl Into<String>, is: impl Into<String>) -> Self {
        self.preconditions.push(Precondition {
            subject: subject.into(),
            is: is.into(),
        });
        self
    }

    /// Adds a difference; `from` and `to` are absent where the thing does not exist.
    #[must_use]
    pub fn changes(
        mut self,
        subject: impl Into<String>,
        from: Option<String>,
        to: Option<String>,
    ) -> Self {
        self.changes.push(Change {
            subject: subject.into(),
            from,
            to,
        });
        self
    }

    /// Adds a remark that is not part of the digest.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same plan with every known secret masked.
    #[must_use]
    pub fn masked(self, redactor: &Redactor) -> Self {
        let text = |text: String| redactor.text(&text);
        Self {
            summary: text(self.summary),
            preconditions: self
                .preconditions
                .into_iter()
                .map(|fact| Precondition {
                    subject: text(fact.subject),
                    is: text(fact.is),
                })
                .collect(),
            changes: self
                .changes
                .into_iter()
                .map(|change| Change {
                    subject: text(change.subject),
                    from: change.from.map(text),
                    to: change.to.map(text),
                })
                .collect(),
            notes: self.notes.into_iter().map(text).collect(),
            destroys: self.destroys,
        }
    }

    /// The digest of preconditions and changes; notes and summary do not count.
    pub fn digest(&self) -> Digest {
        digest_of(&serde_json::json!({
            "preconditions": self.preconditions,
            "changes": self.changes,
        }))
    }
}

/// The part of a workflow's plan that belongs to one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepPlan {
    /// The step.
    pub step: StepId,
    /// What it uses.
    pub action: ActionName,
    /// What it acts on, where it acts on a system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemName>,
    /// What it would do.
    pub outlook: Outlook,
}

/// What is known of a step before the run begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// It only reads.
    Reads,
    /// It would do this.
    Changes(Plan),
    /// It depends on the output of an earlier step, or on a condition that does.
    KnownLater(String),
}

/// What a whole run would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowPlan {
    /// The definition that it was made for.
    pub definition: Digest,
    /// The inputs that it was made for.
    pub inputs: serde_json::Value,
    /// Its steps, in the order of the definition.
    pub steps: Vec<StepPlan>,
    /// What people should know of the time at which it was made, and what no approval is bound to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl WorkflowPlan {
    /// The same plan with every known secret masked.
    #[must_use]
    pub fn masked(self, redactor: &Redactor) -> Self {
        let outlook = |outlook| match outlook {
            Outlook::Reads => Outlook::Reads,
            Outlook::Changes(plan) => Outlook::Changes(plan.masked(redactor)),
            Outlook::KnownLater(why) => Outlook::KnownLater(redactor.text(&why)),
        };
        Self {
            definition: self.definition,
            inputs: redactor.json(self.inputs),
            notes: self.notes.iter().map(|note| redactor.text(note)).collect(),
            steps: self
                .steps
                .into_iter()
                .map(|step| StepPlan {
                    outlook: outlook(step.outlook),
                    ..step
                })
                .collect(),
        }
    }

    /// Where it may remove what cannot be had back, each once.
    pub fn destroys(&self) -> BTreeSet<&str> {
        let plans = self.steps.iter().filter_map(|step| match &step.outlook {
            Outlook::Changes(plan) => plan.destroys.as_deref(),
            Outlook::Reads | Outlook::KnownLater(_) => None,
        });
        plans.collect()
    }

    /// The digest that an approval is bound to: definition, inputs and the steps' digests.
    pub fn digest(&self) -> Digest {
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|step| {
                let outlook = match &step.outlook {
                    Outlook::Reads => serde_json::json!("reads"),
                    Outlook::Changes(plan) => serde_json::json!(plan.digest()),
                    Outlook::KnownLater(_) => serde_json::json!("known later"),
                };
                serde_json::json!([step.step, step.action, step.system, outlook])
            })
            .collect();
        digest_of(&serde_json::json!({
            "definition": self.definition,
            "inputs": self.inputs,
            "steps": steps,
        }))
    }
}

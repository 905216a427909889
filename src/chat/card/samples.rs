//! Runs for tests, each made by the events that a run of its kind has.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::event::Logged;
use crate::domain::names::{RunId, StepId};
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;
use crate::service::RunView;

/// 2026-03-28T12:00:00Z, when every one of them was asked for.
pub(crate) const NOON: i64 = 1_774_699_200;

/// A run in the making: its log, and the time at which the next event happens.
pub(crate) struct Sample {
    log: Vec<Logged>,
    millis: i64,
    to_come: Vec<StepId>,
    progress: Option<String>,
}

impl Sample {
    /// A run that ann has asked for.
    pub(crate) fn of(workflow: &str, inputs: &Value) -> Self {
        Self::asked(workflow, inputs, &json!([]))
    }

    /// The same, where these approvals are needed.
    pub(crate) fn asked(workflow: &str, inputs: &Value, approval: &Value) -> Self {
        let sample = Self {
            log: Vec::new(),
            millis: 0,
            to_come: Vec::new(),
            progress: None,
        };
        sample.then(
            0,
            json!({
                "type": "requested", "workflow": workflow, "dialect": 1, "inputs": inputs,
                "definition": format!("sha256:{:064}", 0), "by": ann(), "trigger": "api",
                "environments": ["production"], "approval": approval, "systems": {},
                "concurrency": null, "timeout": null,
            }),
        )
    }

    /// So many milliseconds later this happens.
    pub(crate) fn then(mut self, after: i64, event: Value) -> Self {
        self.millis += after;
        self.log.push(Logged {
            run: run(),
            seq: self.log.len() as u64 + 1,
            at: Timestamp::from_micros((NOON * 1_000 + self.millis) * 1_000),
            event: serde_json::from_value(event).unwrap(),
        });
        self
    }

    /// A step begins.
    pub(crate) fn begins(self, step: &str, action: &str, system: &str) -> Self {
        self.tries(step, action, system, 1)
    }

    /// A step is tried.
    pub(crate) fn tries(self, step: &str, action: &str, system: &str, attempt: u32) -> Self {
        self.then(
            10,
            json!({
                "type": "step_started", "step": step, "attempt": attempt, "action": action,
                "system": system, "input": {},
            }),
        )
    }

    /// A step is done.
    pub(crate) fn done(self, after: i64, step: &str, output: &Value) -> Self {
        self.then(
            after,
            json!({ "type": "step_succeeded", "step": step, "output": output }),
        )
    }

    /// A step has failed.
    pub(crate) fn fails(self, after: i64, step: &str, message: &str) -> Self {
        let failure = json!({ "kind": "fatal", "message": message });
        self.then(
            after,
            json!({ "type": "attempt_failed", "step": step, "failure": failure, "retry_at": null }),
        )
    }

    /// These steps are to come.
    pub(crate) fn followed_by(mut self, steps: &[&str]) -> Self {
        self.to_come = steps.iter().map(|step| StepId::from(*step)).collect();
        self
    }

    /// The running step says this of itself.
    pub(crate) fn says(mut self, progress: &str) -> Self {
        self.progress = Some(progress.to_owned());
        self
    }

    /// The run as people see it now.
    pub(crate) fn view(self) -> RunView {
        let run = RunState::replay(&self.log).unwrap();
        RunView {
            status: run.status(),
            progress: self.progress,
            may_approve: None,
            may_decide: None,
            artifacts_gone: std::collections::BTreeSet::new(),
            can_be_undone: false,
            undone_by: None,
            to_come: self.to_come,
            run,
        }
    }
}

pub(crate) fn run() -> RunId {
    RunId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_1234_abcd))
}

pub(crate) fn ann() -> Value {
    json!({ "person": "ann", "roles": ["operator"], "through": "uid 1000" })
}

/// The plan of a deploy of this image, as the engine writes it.
pub(crate) fn plan(to: &str) -> Value {
    json!({
        "definition": format!("sha256:{:064}", 0),
        "inputs": { "service": "shop/web", "version": "v2" },
        "steps": [
            { "step": "deploy", "action": "docker.deploy_service", "system": "shop", "outlook": {
                "changes": {
                    "summary": format!("replace shop/web: image v1 → {to}, beside the old one"),
                    "preconditions": [{ "subject": "image shop/web:v2", "is": to }],
                    "changes": [{ "subject": "image of shop/web", "from": "v1", "to": to }],
                    "notes": ["2 containers run now"],
                },
            } },
            { "step": "check", "action": "http.check", "system": "shop-web", "outlook": "reads" },
        ],
    })
}

/// A deploy whose plan people are asked about.
pub(crate) fn waits_for_approval() -> Sample {
    let policy =
        json!([{ "by": ["operator"], "count": 1, "not_requester": true, "expires": "30m" }]);
    let inputs = json!({ "service": "shop/web", "version": "v2", "dry_run": false });
    let planned = plan("v2");
    let digest = digest_of(&planned);
    Sample::asked("deploy", &inputs, &policy)
        .then(400, json!({ "type": "planned", "plan": planned }))
        .then(
            1,
            json!({
                "type": "approval_requested", "digest": digest,
                "expires_at": (NOON + 1_800) * 1_000_000, "remind_at": null,
            }),
        )
        .followed_by(&["deploy", "check"])
}

/// What a yes to a plan is bound to.
pub(crate) fn digest_of(plan: &Value) -> String {
    let plan: crate::domain::plan::WorkflowPlan = serde_json::from_value(plan.clone()).unwrap();
    plan.digest().to_string()
}

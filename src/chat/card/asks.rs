//! What people are asked of a run: approvals, and questions that nobody else can answer.

use crate::chat::text::Text;
use crate::domain::approval::{ApprovalRequest, Delegation};
use crate::domain::digest::Digest;
use crate::domain::names::{StepId, SystemName};
use crate::domain::person::one_of;
use crate::domain::run::{OpenQuestion, RunState};
use crate::domain::time::Timestamp;

use super::plan;

/// People are asked whether a plan may be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What a yes is bound to.
    pub plan: Digest,
    /// The step that it is of; `None`: the whole run.
    pub step: Option<StepId>,
    /// What would be done, in lines.
    pub told: String,
    /// How many yes are missing, and whose, for each policy: `1 × operator, not who asked`.
    pub missing: Vec<String>,
    /// When the question lapses.
    pub until: Timestamp,
    /// Who has said yes so far.
    pub said_yes: Vec<String>,
    /// Who may say it in whose stead: `ben for ann`.
    pub delegated: Vec<String>,
    /// What whoever says yes types with it, because the plan removes there what cannot be had back.
    pub to_be_typed: Option<String>,
}

impl Approval {
    /// Whose yes is needed, and until when.
    pub fn needs(&self) -> Text {
        let who = self.missing.join("; ");
        Text::plain(format!("Needs a yes from {who}, until ")).due(self.until)
    }

    /// What it takes besides a yes.
    pub fn takes(&self) -> Option<Text> {
        let name = self.to_be_typed.as_ref()?;
        let why = Text::plain("Removes what cannot be had back: whoever says yes types ");
        Some(why.code(name.as_str()))
    }
}

/// The open approvals of a run, oldest first.
pub fn approvals(run: &RunState) -> Vec<Approval> {
    run.open_approvals()
        .map(|open| approval(run, open))
        .collect()
}

fn approval(run: &RunState, open: &ApprovalRequest) -> Approval {
    let of_step = run.steps.iter().find_map(|(id, state)| {
        let approval = state.approval.as_ref()?;
        (approval.request.digest == open.digest).then_some((id, approval))
    });
    let told = match of_step {
        Some((_, approval)) => plan::of_action(&approval.plan),
        None => run.plan.as_ref().map(plan::steps).unwrap_or_default(),
    };
    let delegated = |to: &Delegation| format!("{} for {}", to.to, to.by);
    Approval {
        plan: open.digest.clone(),
        step: of_step.map(|(id, _)| id.clone()),
        told,
        missing: missing(run, open),
        until: open.expires_at,
        said_yes: open.approved_by.iter().map(ToString::to_string).collect(),
        delegated: open.delegated.iter().map(delegated).collect(),
        to_be_typed: run.to_be_typed(&open.digest),
    }
}

/// How many yes are missing, and whose, for each policy.
fn missing(run: &RunState, open: &ApprovalRequest) -> Vec<String> {
    let policies = open.policies.iter().map(|policy| {
        let who = one_of(&policy.by);
        let other = if policy.not_requester {
            ", not who asked"
        } else {
            ""
        };
        let missing = open.missing(policy, &run.request.by.person);
        format!("{missing} × {who}{other}")
    });
    policies.collect()
}

/// People are asked to look at something and to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which of the run's questions it is: an answer names it.
    pub number: u32,
    /// The step.
    pub step: StepId,
    /// Whether the run has asked no other one so far.
    pub is_only: bool,
    /// What is asked.
    pub about: About,
    /// What is known.
    pub known: String,
    /// The system that the step acts on: there one can look.
    pub system: Option<SystemName>,
}

/// What a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Whether this effect happened.
    Effect(String),
    /// Whether a step that was taken up too often is tried further.
    GoingOn,
}

/// The open questions of a run, in the order in which they were asked.
pub fn questions(run: &RunState) -> Vec<Question> {
    let question = |open: &OpenQuestion<'_>| Question {
        number: open.number,
        step: open.step.clone(),
        is_only: run.questions == 1,
        about: if open.question.is_whether_to_go_on() {
            About::GoingOn
        } else {
            About::Effect(open.question.effect.clone())
        },
        known: open.question.known.clone(),
        system: open.state.system.clone(),
    };
    run.open_questions().iter().map(question).collect()
}

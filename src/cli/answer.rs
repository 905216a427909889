//! `purser approve`, `delegate`, `reject`, `cancel`, `decide`: what people say to a run.

use clap::{Args, ValueEnum};

use super::client::{Server, segment};
use super::{Failure, print_json, render};
use crate::chat::card;
use crate::http::types::{AnswerBody, DelegateBody, RunView};

/// Say yes to a run's plan.
#[derive(Debug, Args)]
pub struct Approve {
    /// The run's id, or the beginning or end of it.
    run: String,
    /// The plan that you have seen: its digest, or the beginning of it. It may be left out where the
    /// run has asked for only one approval so far.
    #[arg(long)]
    plan: Option<String>,
    /// The name that the plan has to be confirmed with, where it removes what cannot be had back.
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

/// Let somebody else say yes to a run's plan in your stead.
#[derive(Debug, Args)]
pub struct Delegate {
    /// The run's id, or the beginning or end of it.
    run: String,
    /// Who may, by their name in the configuration.
    #[arg(long, value_name = "PERSON")]
    to: String,
    /// The plan that you have seen: its digest, or the beginning of it. It may be left out where the
    /// run has asked for only one approval so far.
    #[arg(long)]
    plan: Option<String>,
}

/// Say no, or stop, with a reason.
#[derive(Debug, Args)]
pub struct Why {
    /// The run's id, or the beginning or end of it.
    run: String,
    /// Why; it stands on the receipt.
    #[arg(long)]
    reason: Option<String>,
}

/// Say whether an effect happened of which nobody else can tell, or that a step is tried further.
#[derive(Debug, Args)]
pub struct Decide {
    /// The run's id, or the beginning or end of it.
    run: String,
    /// What you have found.
    verdict: Verdict,
    /// The question that you have looked at, by its number in `purser runs show`. It may be left out
    /// where the run has asked only one so far.
    #[arg(long, value_name = "NUMBER")]
    question: Option<u32>,
}

/// What somebody has found.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Verdict {
    /// It happened: the run goes on behind it.
    Happened,
    /// It did not: the run does it.
    DidNot,
    /// Of a step that was taken up too often: it is tried further.
    GoOn,
}

impl Approve {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        let body = AnswerBody {
            digest: self.plan,
            confirm: self.confirm,
            ..AnswerBody::default()
        };
        tell(server, &self.run, "approve", &body, json).await
    }
}

impl Delegate {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        let body = DelegateBody {
            to: self.to.into(),
            digest: self.plan,
        };
        tell(server, &self.run, "delegate", &body, json).await
    }
}

impl Why {
    pub(super) async fn call(self, server: &Server, verb: &str, json: bool) -> Result<(), Failure> {
        let body = AnswerBody {
            reason: self.reason,
            ..AnswerBody::default()
        };
        tell(server, &self.run, verb, &body, json).await
    }
}

impl Decide {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        let body = AnswerBody {
            question: self.question,
            ..AnswerBody::from(self.verdict)
        };
        tell(server, &self.run, "decide", &body, json).await
    }
}

impl From<Verdict> for AnswerBody {
    fn from(verdict: Verdict) -> Self {
        let (happened, go_on) = match verdict {
            Verdict::Happened => (Some(true), false),
            Verdict::DidNot => (Some(false), false),
            Verdict::GoOn => (None, true),
        };
        Self {
            happened,
            go_on,
            ..Self::default()
        }
    }
}

async fn tell(
    server: &Server,
    run: &str,
    verb: &str,
    body: &impl serde::Serialize,
    json: bool,
) -> Result<(), Failure> {
    let view: RunView = server
        .post(&format!("runs/{}/{verb}", segment(run)), body)
        .await?;
    if json {
        return print_json(&view);
    }
    println!("run {}: {}", view.run.id.short(), card::state(&view));
    if let Some(todo) = render::what_to_do(&view) {
        println!("{todo}");
    }
    Ok(())
}

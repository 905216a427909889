//! `purser undo RUN`: takes back what a run has done that succeeded.

use clap::Args;

use super::client::{Server, segment};
use super::run::Start;
use super::terminal::Terminal;
use super::{Failure, print_json};
use crate::chat::card;
use crate::domain::plan::WorkflowPlan;
use crate::http::types::{Accepted, UndoBody};

/// Start a run that takes back what a run has done that succeeded.
#[derive(Debug, Args)]
pub struct Undo {
    /// The id of the run that has succeeded, or the beginning or end of it.
    run: String,
    /// Why; it stands on the receipt.
    #[arg(long)]
    reason: Option<String>,
    /// Only say what would be taken back, and change nothing.
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    start: Start,
}

impl Undo {
    pub(super) async fn call(
        self,
        server: &Server,
        terminal: Terminal,
        json: bool,
    ) -> Result<(), Failure> {
        let path = format!("runs/{}/undo", segment(&self.run));
        if self.plan {
            let plan: WorkflowPlan = server.post(&format!("{path}/plan"), &()).await?;
            if json {
                return print_json(&plan);
            }
            println!("{}", card::plan::of_workflow(&plan));
            return Ok(());
        }
        let body = UndoBody {
            reason: self.reason,
            idempotency_key: self.start.key.clone(),
            break_glass: self.start.break_glass.clone(),
        };
        let accepted: Accepted = server.post(&path, &body).await?;
        self.start
            .follow
            .call(server, terminal, &accepted, json)
            .await
    }
}

//! `purser plan NAME`: says what a workflow would do, and changes nothing.

use clap::Args;

use super::client::Server;
use super::inputs::Inputs;
use super::{Failure, print_json};
use crate::chat::card;
use crate::domain::plan::WorkflowPlan;
use crate::http::types::AskBody;

/// Say what a workflow would do, and change nothing.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The workflow.
    workflow: String,
    #[command(flatten)]
    inputs: Inputs,
}

impl PlanArgs {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        let inputs = self.inputs.for_plan(server, &self.workflow).await?;
        let body = AskBody {
            workflow: Some(self.workflow),
            inputs,
            ..AskBody::default()
        };
        let plan: WorkflowPlan = server.post("plans", &body).await?;
        if json {
            return print_json(&plan);
        }
        println!("{}", card::plan::of_workflow(&plan));
        Ok(())
    }
}

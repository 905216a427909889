//! `purser plan NAME`: says what a workflow would do, and changes nothing.

use clap::Args;

use super::client::Server;
use super::{Failure, Inputs, print_json};
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
        let body = AskBody {
            workflow: Some(self.workflow),
            inputs: self.inputs.to_map()?,
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

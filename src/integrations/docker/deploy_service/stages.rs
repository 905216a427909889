//! A deploy in two stages: up to where everything can still be taken back, and the rest. A whole project
//! has all its services in the first before any of them enters the second.

use super::super::engine::Docker;
use super::carry_out::{self, Proven};
use super::decide::Decision;
use super::{DeployService, Input, Output, pin};
use crate::action::{Context, Result};

/// What is there after the first stage.
pub(in crate::integrations::docker) enum Standing<'a> {
    /// The service runs the image already.
    Already(Output),
    /// Its new containers are proven, and the old ones are there.
    Proven(Box<Proven<'a>>),
}

impl DeployService {
    /// The first stage.
    pub(in crate::integrations::docker) async fn prove<'a>(
        ctx: &'a Context,
        docker: &'a Docker,
        input: &'a Input,
    ) -> Result<Standing<'a>> {
        let decision: Decision = ctx
            .record("decision", || {
                Decision::make(docker, &ctx.read.systems, input)
            })
            .await?;
        if decision.replicas.is_empty() {
            let output = pin::alone(ctx, docker, decision).await?;
            return Ok(Standing::Already(output));
        }
        let proven = carry_out::prove(ctx, docker, input, decision).await?;
        Ok(Standing::Proven(Box::new(proven)))
    }
}

impl Standing<'_> {
    /// Before anything goes that cannot come back, what was proven must still be well.
    pub(in crate::integrations::docker) async fn last_look(&self) -> Result<()> {
        match self {
            Self::Already(_) => Ok(()),
            Self::Proven(proven) => proven.last_look().await,
        }
    }

    /// The second stage: the old containers go.
    pub(in crate::integrations::docker) async fn finish(self) -> Result<Output> {
        match self {
            Self::Already(output) => Ok(output),
            Self::Proven(proven) => proven.finish().await,
        }
    }
}

//! What steps have kept for people: named by runs, handed out as bytes.

use serde::{Deserialize, Serialize};

use super::{Result, Service, ServiceError};
use crate::domain::artifact::Artifact;
use crate::domain::names::{RunId, StepId};
use crate::domain::nearest;
use crate::domain::person::Actor;

/// An artifact and the step that has kept it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactView {
    /// The step.
    pub step: StepId,
    /// What it has kept.
    #[serde(flatten)]
    pub artifact: Artifact,
}

impl Service {
    /// All that a run has kept, in the order of its steps.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn artifacts(&self, by: &Actor, run: RunId) -> Result<Vec<ArtifactView>> {
        let view = self.show(by, run).await?;
        let of_step = |(step, state): (&StepId, &crate::domain::run::StepState)| {
            let step = step.clone();
            let views = state.artifacts.iter().map(move |artifact| ArtifactView {
                step: step.clone(),
                artifact: artifact.clone(),
            });
            views.collect::<Vec<_>>()
        };
        Ok(view.run.steps.iter().flat_map(of_step).collect())
    }

    /// One of them with its bytes: `chart.png`, or `STEP/chart.png` where several steps have kept
    /// one of that name.
    ///
    /// # Errors
    /// A stranger asks, there is none of that name or more than one, or its bytes are gone.
    pub async fn artifact(
        &self,
        by: &Actor,
        run: RunId,
        name: &str,
    ) -> Result<(Artifact, Vec<u8>)> {
        let all = self.artifacts(by, run).await?;
        let whole = |view: &ArtifactView| format!("{}/{}", view.step, view.artifact.name);
        let mut found = all
            .iter()
            .filter(|view| view.artifact.name == name || whole(view) == name);
        let artifact = match (found.next(), found.next()) {
            (Some(one), None) => one.artifact.clone(),
            (Some(one), Some(other)) => {
                let (one, other) = (whole(one), whole(other));
                let message = format!("several steps have kept `{name}`: say `{one}` or `{other}`");
                return Err(ServiceError::Invalid(message));
            }
            (None, _) => {
                let names: Vec<_> = all.iter().map(|view| view.artifact.name.as_str()).collect();
                return Err(ServiceError::Invalid(nearest::unknown(
                    "artifact", name, names,
                )));
            }
        };
        let bytes = self.parts.artifacts.bytes(&artifact.digest).await?;
        let bytes = bytes.ok_or_else(|| {
            ServiceError::Unavailable(format!(
                "the bytes of `{name}` ({}) are no longer in the folder of artifacts",
                artifact.digest
            ))
        })?;
        Ok((artifact, bytes))
    }
}

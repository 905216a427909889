//! What steps have kept for people: named by runs, handed out as bytes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Result, Service, ServiceError};
use crate::domain::artifact::Artifact;
use crate::domain::digest::Digest;
use crate::domain::names::{RunId, StepId};
use crate::domain::nearest;
use crate::domain::person::Actor;
use crate::domain::run::{RunState, StepState};

/// An artifact and the step that has kept it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactView {
    /// The step.
    pub step: StepId,
    /// What it has kept.
    #[serde(flatten)]
    pub artifact: Artifact,
    /// Whether its bytes are still there.
    pub kept: bool,
}

impl Service {
    /// All that a run has kept, in the order of its steps.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn artifacts(&self, by: &Actor, run: RunId) -> Result<Vec<ArtifactView>> {
        let view = self.show(by, run).await?;
        let of_step = |(step, state): (&StepId, &StepState)| {
            let views = state.artifacts.iter().map(|artifact| ArtifactView {
                step: step.clone(),
                artifact: artifact.clone(),
                kept: !view.artifacts_gone.contains(&artifact.digest),
            });
            views.collect::<Vec<_>>()
        };
        Ok(view.run.steps.iter().flat_map(of_step).collect())
    }

    /// The digests of what a run has kept whose bytes are there no more. Those of a run that has not
    /// ended are not looked for: they are never swept.
    pub(super) async fn artifacts_gone(&self, run: &RunState) -> Result<BTreeSet<Digest>> {
        let mut gone = BTreeSet::new();
        if run.ended.is_some() {
            for artifact in run.steps.values().flat_map(|step| &step.artifacts) {
                if !self.parts.artifacts.has(&artifact.digest).await? {
                    gone.insert(artifact.digest.clone());
                }
            }
        }
        Ok(gone)
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
            ServiceError::Gone(format!(
                "the bytes of `{name}` ({}) are kept no more: they go some time after their run has \
                 ended ([retention] artifacts), and never leave the machine that kept them",
                artifact.digest
            ))
        })?;
        Ok((artifact, bytes))
    }
}

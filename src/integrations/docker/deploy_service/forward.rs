//! The last of a deploy, from where no way leads back: an engine that is away is waited for.

use super::super::container::Container;
use super::super::proof;
use super::carry_out::Proven;
use super::kept_up;
use crate::action::{ActionError, ErrorKind, Result};
use crate::domain::undo::PATIENCE;

impl Proven<'_> {
    /// Removes the old ones, however often it takes, up to a limit.
    ///
    /// # Errors
    /// The engine refuses, is away for too long, or has ended new ones while it was away.
    pub(super) async fn finish_forward(&self) -> Result<()> {
        let ctx = self.deploy.ctx;
        let mut attempt = 1;
        while let Err(why) = self.remove_all_old().await {
            let pause = PATIENCE.pause_after(ctx.run, &ctx.step, attempt);
            let Some(pause) = pause.filter(|_| is_away(&why)) else {
                return Err(why);
            };
            ctx.progress(format!("removing the old ones is tried again soon: {why}"));
            ctx.sleep(pause).await?;
            attempt += 1;
        }
        match attempt {
            1 => Ok(()),
            _ => self.are_kept_up().await,
        }
    }

    /// What was well before may have ended with the engine.
    async fn are_kept_up(&self) -> Result<()> {
        let (docker, within) = (self.deploy.docker, self.deploy.input.healthy_within);
        for one in &self.replaced {
            if Container::find(docker, &one.new.id).await?.is_none() {
                return Err(proof::removed(docker, &one.new.name));
            }
            let trouble = kept_up::trouble(docker, &one.new.id, within.duration()).await?;
            if let Some((now, what)) = trouble {
                let name = &now.name;
                return Err(ActionError::fatal(format!(
                    "{name} ({}) on `{}` was well, and {what} since the engine was away: look why, and \
                     start it anew (`docker restart {name}`)",
                    now.image(),
                    docker.name()
                )));
            }
        }
        Ok(())
    }
}

/// The engine gave no answer, which has a cause. What the store did not take has none: that is the run's own
/// matter.
fn is_away(why: &ActionError) -> bool {
    why.kind == ErrorKind::Retryable && why.cause.is_some()
}

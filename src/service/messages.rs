//! What a chat needs to show runs: which messages of its show which, and how each run is now.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::look::to_come;
use super::{Result, RunView, Service};
use crate::catalog::Catalog;
use crate::domain::artifact::Artifact;
use crate::domain::chat::MessagePart;
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::domain::run::RunStatus;
use crate::domain::time::Timestamp;
use crate::store::{MessageNews, RunMessage};

impl Service {
    /// A run as it is shown where many look: nothing depends on who does.
    ///
    /// # Errors
    /// There is no such run, or the store cannot be read.
    pub async fn view(&self, run: RunId) -> Result<RunView> {
        let (log, definition) = self.open(run).await?;
        let state = log.state().await?;
        let undone_by = self.undone_by(&state).await?;
        Ok(RunView {
            status: state.status(),
            progress: self.parts.progress.of(state.id),
            may_approve: None,
            may_decide: None,
            can_be_undone: undone_by.is_none() && self.can_be_undone(&state, &definition),
            undone_by,
            artifacts_gone: self.artifacts_gone(&state).await?,
            to_come: to_come(&state, &definition),
            run: state,
        })
    }

    /// Where a run stands; `None` when there is none of this id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn status(&self, run: RunId) -> Result<Option<RunStatus>> {
        Ok(self.parts.store.status_of(run).await?)
    }

    /// The bytes of what a run has kept; `None` when they are kept no more.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn kept_bytes(&self, artifact: &Artifact) -> Result<Option<Vec<u8>>> {
        Ok(self.parts.artifacts.bytes(&artifact.digest).await?)
    }

    /// Tells whenever a run has said something of itself, or has nothing more to say.
    pub fn progress(&self) -> watch::Receiver<HashMap<RunId, String>> {
        self.parts.progress.changed()
    }

    /// The workflows and commands, and those that take their place.
    pub fn catalogs(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.subscribe()
    }

    /// Now, by the clock that everything goes by.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// The messages of a platform in which something is still to be shown, of all runs or of one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open_messages(
        &self,
        platform: &str,
        run: Option<RunId>,
    ) -> Result<Vec<RunMessage>> {
        Ok(self.parts.store.open_messages(platform, run).await?)
    }

    /// Writes down what has become of a message.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn message_news(
        &self,
        run: RunId,
        part: MessagePart,
        news: MessageNews,
    ) -> Result<()> {
        Ok(self.parts.store.message_news(run, part, news).await?)
    }

    /// The digest of the commands that were last published in this scope.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn published_commands(&self, scope: &str) -> Result<Option<Digest>> {
        Ok(self.parts.store.published_commands(scope).await?)
    }

    /// These were published in this scope.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn commands_published(&self, scope: &str, digest: &Digest) -> Result<()> {
        Ok(self.parts.store.commands_published(scope, digest).await?)
    }
}

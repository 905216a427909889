//! Secrets of the store as actions get them: only those that their step's file names.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::action::{ActionError, Held, OpenSecrets, Result};
use crate::domain::names::{RunId, SecretName, StepId};
use crate::domain::secret::SecretRef;
use crate::domain::workflow::Workflow;
use crate::store::SecretKeeper;

impl OpenSecrets for SecretKeeper {
    fn open<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<SecretString>> {
        async move {
            match Self::open(self, name).await {
                Ok(opened) => opened.map_err(ActionError::fatal),
                Err(error) => Err(ActionError::retryable(error.to_string())),
            }
        }
        .boxed()
    }

    fn open_given<'a>(&'a self, run: RunId, input: &'a str) -> BoxFuture<'a, Result<SecretString>> {
        async move {
            match Self::open_given(self, run, input).await {
                Ok(opened) => opened.map_err(ActionError::fatal),
                Err(error) => Err(ActionError::retryable(error.to_string())),
            }
        }
        .boxed()
    }

    fn hold<'a>(&'a self, held: Held<'a>, value: &'a SecretString) -> BoxFuture<'a, Result<()>> {
        async move {
            let kept = Self::hold(self, held.run, held.to_string(), value).await;
            kept.map_err(|error| ActionError::retryable(error.to_string()))
        }
        .boxed()
    }

    fn held<'a>(&'a self, held: Held<'a>) -> BoxFuture<'a, Result<Option<SecretString>>> {
        async move {
            match Self::held(self, held.run, &held.to_string()).await {
                Ok(None) => Ok(None),
                Ok(Some(opened)) => opened.map(Some).map_err(ActionError::fatal),
                Err(error) => Err(ActionError::retryable(error.to_string())),
            }
        }
        .boxed()
    }

    fn let_go<'a>(&'a self, held: Held<'a>) -> BoxFuture<'a, Result<()>> {
        async move {
            let gone = Self::let_go(self, held.run, held.to_string()).await;
            gone.map_err(|error| ActionError::retryable(error.to_string()))
        }
        .boxed()
    }
}

/// What one step may open. What other programs say can come to look like a reference, in an output
/// that an expression passes on: it opens nothing that the file does not name.
pub(super) struct StepSecrets {
    all: Arc<dyn OpenSecrets>,
    step: StepId,
    named: BTreeSet<SecretRef>,
}

impl StepSecrets {
    pub(super) fn of(all: Arc<dyn OpenSecrets>, workflow: &Workflow, id: &StepId) -> Self {
        Self {
            all,
            step: id.clone(),
            named: workflow.secrets_of(id),
        }
    }

    /// # Errors
    /// The step's file does not name it.
    fn check(&self, secret: &SecretRef) -> Result<()> {
        if self.named.contains(secret) {
            return Ok(());
        }
        Err(ActionError::fatal(format!(
            "the secret `{secret}` was not opened: step `{}` does not name it in the workflow's file; \
             it came by way of an expression",
            self.step
        )))
    }
}

impl OpenSecrets for StepSecrets {
    fn open<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<SecretString>> {
        async {
            self.check(&SecretRef::Stored(name.clone()))?;
            self.all.open(name).await
        }
        .boxed()
    }

    fn open_given<'a>(&'a self, run: RunId, input: &'a str) -> BoxFuture<'a, Result<SecretString>> {
        async move {
            self.check(&SecretRef::Given(input.to_owned()))?;
            self.all.open_given(run, input).await
        }
        .boxed()
    }

    fn hold<'a>(&'a self, held: Held<'a>, value: &'a SecretString) -> BoxFuture<'a, Result<()>> {
        self.all.hold(held, value)
    }

    fn held<'a>(&'a self, held: Held<'a>) -> BoxFuture<'a, Result<Option<SecretString>>> {
        self.all.held(held)
    }

    fn let_go<'a>(&'a self, held: Held<'a>) -> BoxFuture<'a, Result<()>> {
        self.all.let_go(held)
    }
}

//! Secrets of the store as actions get them: only those that their step's file names.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::action::{ActionError, OpenSecrets, Result};
use crate::domain::names::{SecretName, StepId};
use crate::domain::secret::SecretRef;
use crate::domain::workflow::{Step, Workflow};
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
}

/// What one step may open. What other programs say can come to look like a reference, in an output
/// that an expression passes on: it opens nothing that the file does not name.
pub(super) struct StepSecrets {
    all: Arc<dyn OpenSecrets>,
    step: StepId,
    named: BTreeSet<SecretName>,
}

impl StepSecrets {
    pub(super) fn of(all: Arc<dyn OpenSecrets>, workflow: &Workflow, id: &StepId) -> Self {
        let step = workflow.step(id);
        Self {
            all,
            step: id.clone(),
            named: step
                .and_then(Step::with)
                .map_or_else(BTreeSet::new, SecretRef::named_in),
        }
    }
}

impl OpenSecrets for StepSecrets {
    fn open<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<SecretString>> {
        if self.named.contains(name) {
            return self.all.open(name);
        }
        let why = format!(
            "the secret `{name}` was not opened: step `{}` does not name it in the workflow's file; \
             it came by way of an expression",
            self.step
        );
        async { Err(ActionError::fatal(why)) }.boxed()
    }
}

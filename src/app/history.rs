//! What has been done before, read from the receipts.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::action::ports::{DoneStep, History, LOOKED_THROUGH};
use crate::action::{ActionError, Result};
use crate::domain::names::SystemName;
use crate::domain::receipt::{Receipt, RunFacts, StepFacts, Subject};
use crate::domain::run::StepStatus;
use crate::store::{Store, StoreError};

/// So many receipts are read at a time.
const PAGE: u32 = 200;

/// The receipts of this store.
pub(super) struct Receipts(pub(super) Arc<dyn Store>);

impl History for Receipts {
    fn done<'a>(
        &'a self,
        action: &'a str,
        system: &'a SystemName,
    ) -> BoxFuture<'a, Result<Vec<DoneStep>>> {
        async move {
            let unread = |error: StoreError| {
                ActionError::retryable(format!("Purser's receipts cannot be read: {error}"))
            };
            let last = self.0.last_receipt().await.map_err(unread)?;
            let mut end = last.map_or(0, |(seq, _)| seq);
            let stop = end.saturating_sub(u64::from(LOOKED_THROUGH));
            let mut found = Vec::new();
            while end > stop {
                let begin = end.saturating_sub(u64::from(PAGE)).max(stop);
                let page = self.0.receipts_after(begin, PAGE).await.map_err(unread)?;
                let page = page.iter().rev().filter(|receipt| receipt.seq <= end);
                found.extend(page.flat_map(|receipt| done_in(receipt, action, system)));
                end = begin;
            }
            Ok(found)
        }
        .boxed()
    }
}

/// The last step of a run first.
fn done_in(receipt: &Receipt, action: &str, system: &SystemName) -> Vec<DoneStep> {
    let Subject::Run(facts) = &receipt.content.subject else {
        return Vec::new();
    };
    let is_it = |step: &&StepFacts| {
        step.status == StepStatus::Succeeded
            && step.done_in.is_none()
            && step
                .action
                .as_ref()
                .is_some_and(|own| own.as_str() == action)
            && step.system.as_ref() == Some(system)
    };
    let steps = facts.steps.iter().rev().filter(is_it);
    steps
        .filter_map(|step| done(receipt, facts, step))
        .collect()
}

/// `None` where what it left was erased.
fn done(receipt: &Receipt, facts: &RunFacts, step: &StepFacts) -> Option<DoneStep> {
    let text = receipt.texts.get(step.output.as_ref()?)?;
    Some(DoneStep {
        run: facts.run,
        by: receipt.content.by.person.to_string(),
        at: receipt.content.at,
        output: serde_json::from_str(&text.text).ok()?,
    })
}

//! Runs to choose from.

use super::Deed;
use crate::action::{MOST_SUGGESTIONS, Suggestion};
use crate::domain::approval::MayAnswer;
use crate::domain::ending::FinalState;
use crate::domain::names::RunId;
use crate::domain::person::Actor;
use crate::domain::run::{RunStatus, WaitingFor};
use crate::domain::workflow::may_start;
use crate::service::answer::{may_decide, may_reject, may_touch};
use crate::service::look::may_approve;
use crate::service::{Result, RunRow, Service};

/// Among so many of the latest runs is looked.
const LATEST: u32 = 100;

impl Service {
    /// The latest runs that this person can do this to, newest first.
    pub(super) async fn runs_for(
        &self,
        by: &Actor,
        deed: Deed,
        typed: &str,
    ) -> Result<Vec<Suggestion>> {
        let typed = typed.to_lowercase();
        let means = |run: RunId| {
            let whole = run.to_string();
            run.short().starts_with(&typed) || (!typed.is_empty() && whole.starts_with(&typed))
        };
        let mut found = vec![];
        for row in self.parts.store.list(LATEST).await? {
            if found.len() == MOST_SUGGESTIONS {
                break;
            }
            if means(row.id) && self.can_be(deed, &row, by).await? {
                found.push(described(&row));
            }
        }
        Ok(found)
    }

    async fn can_be(&self, deed: Deed, row: &RunRow, by: &Actor) -> Result<bool> {
        let is_open = match (deed, row.status) {
            (Deed::Look, _) => return Ok(true),
            (Deed::Cancel, status) => !matches!(status, RunStatus::Ended(_)),
            (Deed::Undo, status) => status == RunStatus::Ended(FinalState::Succeeded),
            (Deed::Approve | Deed::Reject, status) => {
                status == RunStatus::Waiting(WaitingFor::Approval)
            }
            (Deed::Decide, status) => status == RunStatus::Waiting(WaitingFor::Decision),
        };
        if !is_open {
            return Ok(false);
        }
        let (log, definition) = self.open(row.id).await?;
        let state = log.state().await?;
        Ok(match deed {
            Deed::Look => true,
            Deed::Approve => may_approve(by, &state) == Some(MayAnswer::Yes),
            Deed::Reject => {
                state.open_approval().is_some() && may_reject(by, &state, &definition).is_ok()
            }
            Deed::Decide => may_decide(by, &state, &definition) == Some(MayAnswer::Yes),
            Deed::Cancel => state.stop.is_none() && may_touch(by, &state, &definition).is_ok(),
            Deed::Undo => {
                may_start(by, &definition, &state.request.environments).is_ok()
                    && self.can_be_undone(&state, &definition)
                    && self.undone_by(&state).await?.is_none()
            }
        })
    }
}

fn described(row: &RunRow) -> Suggestion {
    let value = row.id.short();
    let shown = format!(
        "{value}  {}, {}, by {}",
        row.workflow,
        row.status.in_words(),
        row.requested_by
    );
    Suggestion {
        value,
        shown: Some(shown),
    }
}

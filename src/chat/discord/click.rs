//! A click on a button, and what was typed into a window that one opened. What a button does stands in it;
//! all else is in the store: so it works after a restart, and says so where it comes too late.

use serde_json::{Value, json};
use serenity::model::application::{ActionRowComponent, ModalInteractionData};

use super::answers::First;
use super::command::{key, shows};
use super::door::{Door, markdown, said};
use super::origin::Origin;
use super::reference::{Deed, Reference};
use super::render::{self, Shown};
use crate::domain::names::{RunId, StepId};
use crate::domain::person::Actor;
use crate::service::{Again, Back, Finding, Result, ServiceError};

/// The field of a window in which the reason is typed.
const REASON: &str = "reason";

/// A reason has no more characters: it goes into the books.
const LONGEST_REASON: u32 = 500;

/// So many of the last lines of a step are shown.
const LINES: u32 = 200;

impl Door {
    pub(super) async fn click(&self, origin: &Origin, custom_id: &str) {
        let answers = self.answers(origin);
        let Some(Reference { run, deed }) = Reference::read(custom_id) else {
            let unknown = "✗ This button is from another version of Purser. `/purser show` shows the run with \
                           buttons that work.";
            answers.first(First::Said(&said(unknown))).await;
            return;
        };
        let by = self.who(origin);
        match deed {
            Deed::Reject { .. } | Deed::Cancel | Deed::Undo => {
                answers.first(First::Modal(window(custom_id, &deed))).await;
            }
            Deed::Rerun => {
                if answers.first(First::PrivateLater).await {
                    let shown = self.rerun(&by, origin, run).await;
                    answers.then(&shown).await;
                }
            }
            Deed::Logs { place } => {
                if answers.first(First::PrivateLater).await {
                    let shown = self.lines(&by, run, place).await;
                    let shown = shown.unwrap_or_else(|error| Self::told(&error));
                    answers.then(&shown).await;
                }
            }
            Deed::Approve { .. } | Deed::Decide { .. } => {
                // What comes of a yes is seen: the run's message shows it.
                if answers.first(First::Nothing).await
                    && let Err(error) = self.answer(&by, run, deed, None).await
                {
                    answers.also(&Self::told(&error)).await;
                }
            }
        }
    }

    /// What was typed into the window of a button.
    pub(super) async fn submitted(&self, origin: &Origin, data: &ModalInteractionData) {
        let answers = self.answers(origin);
        if !answers.first(First::PrivateLater).await {
            return;
        }
        let Some(Reference { run, deed }) = Reference::read(&data.custom_id) else {
            let unknown = "✗ This window is from another version of Purser. Nothing was done.";
            return answers.then(&said(unknown)).await;
        };
        let by = self.who(origin);
        let reason = typed(data, REASON).filter(|reason| !reason.trim().is_empty());
        if deed == Deed::Undo {
            let shown = self.undo(&by, origin, run, reason).await;
            return answers.then(&shown).await;
        }
        let done = match &deed {
            Deed::Reject { .. } => "is rejected",
            _ => "is being stopped",
        };
        let shown = match self.answer(&by, run, deed, reason).await {
            Ok(()) => markdown(format!("Run `{}` {done}.", run.short())),
            Err(error) => Self::told(&error),
        };
        answers.then(&shown).await;
    }

    async fn answer(
        &self,
        by: &Actor,
        run: RunId,
        deed: Deed,
        reason: Option<String>,
    ) -> Result<()> {
        let service = &self.service;
        match deed {
            Deed::Approve { plan } => {
                service.approve(by, run, Some(plan.as_str())).await?;
            }
            Deed::Reject { plan } => {
                service.reject(by, run, Some(plan.as_str()), reason).await?;
            }
            Deed::Cancel => {
                service.cancel(by, run, reason).await?;
            }
            Deed::Decide { question, verdict } => {
                let finding = Finding {
                    verdict,
                    question: Some(question),
                };
                service.decide(by, run, finding).await?;
            }
            Deed::Rerun | Deed::Undo | Deed::Logs { .. } => {}
        }
        Ok(())
    }

    async fn rerun(&self, by: &Actor, origin: &Origin, run: RunId) -> Shown {
        if let Err(why) = shows(origin) {
            return why;
        }
        let made = self.live.made();
        let again = Again {
            from: None,
            idempotency_key: Some(key(origin)),
            break_glass: None,
            channel: Some(origin.channel()),
        };
        match self.service.rerun(by, run, again).await {
            Ok(new) => self.where_it_is(origin, new, made).await,
            Err(error) => Self::told(&error),
        }
    }

    async fn undo(&self, by: &Actor, origin: &Origin, run: RunId, reason: Option<String>) -> Shown {
        if let Err(why) = shows(origin) {
            return why;
        }
        let made = self.live.made();
        let back = Back {
            reason,
            idempotency_key: Some(key(origin)),
            break_glass: None,
            channel: Some(origin.channel()),
        };
        match self.service.undo(by, run, back).await {
            Ok(new) => self.where_it_is(origin, new, made).await,
            Err(error) => Self::told(&error),
        }
    }

    async fn lines(&self, by: &Actor, run: RunId, place: u32) -> Result<Shown> {
        let view = self.service.show(by, run).await?;
        let step = usize::try_from(place).ok();
        let step = step.and_then(|place| view.run.steps.get_index(place));
        let Some((step, _)) = step else {
            return Err(ServiceError::Invalid(format!(
                "run {} has no such step any more",
                run.short()
            )));
        };
        let lines = self.service.lines(by, run, step, LINES).await?;
        if lines.is_empty() {
            return Ok(nothing_said(step));
        }
        Ok(render::text(&lines.join("\n")))
    }
}

fn nothing_said(step: &StepId) -> Shown {
    said(&format!("The step {step} has said nothing."))
}

/// The window in which a reason can be given before something is stopped.
fn window(custom_id: &str, deed: &Deed) -> Value {
    let title = match deed {
        Deed::Reject { .. } => "Reject this plan",
        Deed::Undo => "Undo this run",
        _ => "Stop this run",
    };
    json!({
        "custom_id": custom_id,
        "title": title,
        "components": [{
            "type": 1,
            "components": [{
                "type": 4,
                "custom_id": REASON,
                "style": 2,
                "label": "Why? It goes into the books.",
                "required": false,
                "max_length": LONGEST_REASON,
            }],
        }],
    })
}

fn typed(data: &ModalInteractionData, field: &str) -> Option<String> {
    let components = data.components.iter().flat_map(|row| &row.components);
    let mut texts = components.filter_map(|component| match component {
        ActionRowComponent::InputText(text) if text.custom_id == field => text.value.clone(),
        _ => None,
    });
    texts.next()
}

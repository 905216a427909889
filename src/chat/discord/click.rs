//! A click on a button, and what was typed into a window that one opened. What a button does stands in it;
//! all else is in the store: so it works after a restart, and says so where it comes too late.

use serde_json::{Value, json};
use serenity::model::application::ModalInteractionData;

use super::answers::First;
use super::command::{key, shows};
use super::door::{Door, markdown, said};
use super::origin::Origin;
use super::reference::Reference;
use super::render::{self, Shown};
use super::window;
use super::wording::told;
use crate::chat::card::Act;
use crate::domain::names::RunId;
use crate::domain::person::Actor;
use crate::service::{Again, Back, Finding, Result, ServiceError};

/// The field of a window.
const TYPED: &str = "reason";

/// No more characters are taken: a reason goes into the books.
const LONGEST: u32 = 500;

/// What a reason is asked for with.
const WHY: &str = "Why? It goes into the books.";

/// Styles of fields, as Discord numbers them.
const ONE_LINE: u8 = 1;
const LINES_OF_TEXT: u8 = 2;

/// So many of the last lines of a step are shown.
const LINES: u32 = 200;

impl Door {
    pub(super) async fn click(&self, origin: &Origin, custom_id: &str) {
        let answers = self.answers(origin);
        let Some(Reference { run, act }) = Reference::read(custom_id) else {
            let unknown = "✗ This button is from another version of Purser. `/purser show` shows the run with \
                           buttons that work.";
            answers.first(First::Said(&said(unknown))).await;
            return;
        };
        let by = self.who(origin);
        match act {
            Act::Confirm { .. } | Act::Reject { .. } | Act::Cancel | Act::Undo => {
                answers.first(First::Modal(asks(custom_id, &act))).await;
            }
            Act::Rerun => {
                if answers.first(First::PrivateLater).await
                    && let Some(shown) = self.rerun(&by, origin, run).await
                {
                    answers.then(&shown).await;
                }
            }
            Act::Logs { place } => {
                if answers.first(First::PrivateLater).await {
                    let shown = self.lines(&by, run, place).await;
                    let shown = shown.unwrap_or_else(|error| told(&error));
                    answers.then(&shown).await;
                }
            }
            Act::Approve { .. } | Act::Decide { .. } => {
                // What comes of a yes is seen: the run's message shows it.
                if answers.first(First::Nothing).await
                    && let Err(error) = self.answer(&by, run, act, None).await
                {
                    answers.also(&told(&error)).await;
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
        let Some(Reference { run, act }) = Reference::read(&data.custom_id) else {
            let unknown = "✗ This window is from another version of Purser. Nothing was done.";
            return answers.then(&said(unknown)).await;
        };
        let by = self.who(origin);
        let typed = typed(data);
        if act == Act::Undo {
            let shown = self.undo(&by, origin, run, typed).await;
            return answers.then(&shown).await;
        }
        let done = match &act {
            Act::Confirm { .. } => "has your yes",
            Act::Reject { .. } => "is rejected",
            _ => "is being stopped",
        };
        let shown = match self.answer(&by, run, act, typed).await {
            Ok(()) => markdown(format!("Run `{}` {done}.", run.short())),
            Err(error) => told(&error),
        };
        answers.then(&shown).await;
    }

    async fn answer(&self, by: &Actor, run: RunId, act: Act, typed: Option<String>) -> Result<()> {
        let service = &self.service;
        match act {
            Act::Approve { plan } => {
                service.approve(by, run, Some(plan.as_str()), None).await?;
            }
            Act::Confirm { plan } => {
                let (plan, name) = (Some(plan.as_str()), typed.as_deref());
                service.approve(by, run, plan, name).await?;
            }
            Act::Reject { plan } => {
                service.reject(by, run, Some(plan.as_str()), typed).await?;
            }
            Act::Cancel => {
                service.cancel(by, run, typed).await?;
            }
            Act::Decide { question, verdict } => {
                let finding = Finding {
                    verdict,
                    question: Some(question),
                };
                service.decide(by, run, finding).await?;
            }
            Act::Rerun | Act::Undo | Act::Logs { .. } => {}
        }
        Ok(())
    }

    /// What is said to it; `None` where the answer is shown as a run is.
    async fn rerun(&self, by: &Actor, origin: &Origin, run: RunId) -> Option<Shown> {
        if !origin.is_direct
            && let Err(why) = shows(origin)
        {
            return Some(why);
        }
        let made = self.live.made();
        let again = Again {
            from: None,
            idempotency_key: Some(key(origin)),
            break_glass: None,
            channel: origin.channel(),
        };
        match self.service.rerun(by, run, again).await {
            Ok(new) if origin.is_direct => {
                self.show_privately(origin, new);
                None
            }
            Ok(new) => Some(self.where_it_is(origin, new, made).await),
            Err(error) => Some(told(&error)),
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
            channel: origin.channel(),
        };
        match self.service.undo(by, run, back).await {
            Ok(new) => self.where_it_is(origin, new, made).await,
            Err(error) => told(&error),
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
        Ok(render::log(step, &lines))
    }
}

/// The window in which is typed what an act takes: a name, or a reason that can be left out.
fn asks(custom_id: &str, act: &Act) -> Value {
    let (title, style, label, required) = match act {
        Act::Confirm { .. } => (
            "Approve what cannot be undone",
            ONE_LINE,
            "The name that the plan asks for",
            true,
        ),
        Act::Reject { .. } => ("Reject this plan", LINES_OF_TEXT, WHY, false),
        Act::Undo => ("Undo this run", LINES_OF_TEXT, WHY, false),
        _ => ("Stop this run", LINES_OF_TEXT, WHY, false),
    };
    json!({
        "custom_id": custom_id,
        "title": title,
        "components": [{
            "type": 1,
            "components": [{
                "type": 4,
                "custom_id": TYPED,
                "style": style,
                "label": label,
                "required": required,
                "max_length": LONGEST,
            }],
        }],
    })
}

fn typed(data: &ModalInteractionData) -> Option<String> {
    let (_, value) = window::fields(data).find(|(field, _)| *field == TYPED)?;
    Some(value.to_owned()).filter(|value| !value.trim().is_empty())
}

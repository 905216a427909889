//! `/purser …`: what can be said whatever files there are, by the words of [`crate::chat::built_in`].

use serde_json::{Value, json};
use serenity::model::application::CommandDataOption;

use super::door::{Door, said};
use super::origin::Origin;
use super::publish;
use super::render::{self, Shown};
use super::wording::told;
use crate::chat::built_in::{BuiltIn, COMMAND, FORMS, RUN, is_about};
use crate::domain::person::Actor;
use crate::service::{Deed, Result, What};

/// What the name of each begins with.
pub(super) const PREFIX: &str = "purser";

/// So many runs are listed.
const LATEST: u32 = 15;

/// All of them as one command with sub-commands.
pub(super) fn command() -> Value {
    let sub_commands = FORMS.iter().map(|form| {
        json!({
            "type": 1,
            "name": form.name,
            "description": form.summary,
            "options": publish::options(form.inputs().iter()),
        })
    });
    json!({
        "type": 1,
        "name": PREFIX,
        "description": "Runs and locks, whatever was asked for",
        "options": sub_commands.collect::<Vec<_>>(),
    })
}

/// What an option of these takes that can be completed.
pub(super) fn what(option: &str) -> Option<What> {
    match option {
        RUN => Some(What::Run(Deed::Look)),
        COMMAND => Some(What::Command),
        _ => None,
    }
}

impl Door {
    /// What is said to it; `None` where the answer is shown as a run is.
    pub(super) async fn built_in(
        &self,
        by: &Actor,
        origin: &Origin,
        name: &str,
        options: &[CommandDataOption],
    ) -> Option<Shown> {
        let asked = self.inputs(options);
        let asked = asked.and_then(|given| BuiltIn::read(name, &given));
        match asked {
            Ok(asked) => match self.answer_to(by, origin, asked).await {
                Ok(shown) => shown,
                Err(error) => Some(told(&error)),
            },
            Err(why) => Some(said(&format!("✗ {why}"))),
        }
    }

    async fn answer_to(
        &self,
        by: &Actor,
        origin: &Origin,
        asked: BuiltIn,
    ) -> Result<Option<Shown>> {
        let service = &self.service;
        Ok(Some(match asked {
            BuiltIn::Runs => render::runs(&service.runs(by, LATEST).await?),
            BuiltIn::Show { run } => {
                service.known(by, "look at a run").await?;
                let run = service.find_run(&run).await?;
                self.show_privately(origin, run);
                return Ok(None);
            }
            BuiltIn::Locks => render::held(&service.holds(by).await?),
            BuiltIn::Lock { target, reason } => {
                render::locked(&service.lock(by, &target, &reason, None).await?)
            }
            BuiltIn::Unlock { target } => render::free(&service.unlock(by, &target).await?),
            BuiltIn::Help { about } => self.help(by, &about).await?,
        }))
    }

    async fn help(&self, by: &Actor, about: &str) -> Result<Shown> {
        self.service.known(by, "look at the catalog").await?;
        let mine = self.service.commands_of(by);
        let own = FORMS.iter().map(|form| {
            let name = format!("{PREFIX} {}", form.name);
            (name, form.summary.to_owned())
        });
        let all = mine.into_iter().chain(own);
        let meant = all.filter(|(name, _)| is_about(name, about));
        Ok(render::help(&meant.collect::<Vec<_>>()))
    }
}

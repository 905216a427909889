//! `/purser …`: what can be said whatever files there are, by the words of [`crate::chat::built_in`].

use serde_json::{Value, json};
use serenity::model::application::CommandDataOption;

use super::door::{Door, said};
use super::origin::Origin;
use super::publish::{self, Where};
use super::render::{self, Shown};
use super::wording::told;
use crate::chat::built_in::{BuiltIn, CODE, COMMAND, FORMS, Form, LINK, RUN, is_about};
use crate::domain::person::Actor;
use crate::service::{Deed, Result, ServiceError, What};

/// What the name of each begins with.
pub(super) const PREFIX: &str = "purser";

/// So many runs are listed.
const LATEST: u32 = 15;

/// All of them as one command with sub-commands.
pub(super) fn command(place: Where) -> Value {
    let sub_commands = offered(place).map(|form| {
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

/// A code is typed in a server of the team's: whoever sends one from elsewhere may not be of the team.
fn offered(place: Where) -> impl Iterator<Item = &'static Form> {
    let link = (place == Where::Server).then_some(&LINK);
    FORMS.iter().chain(link)
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
        let given = self.inputs(options);
        if let (true, Ok(given)) = (name == LINK.name, &given) {
            let code = given.get(CODE).and_then(Value::as_str);
            let linked = self.link(by, origin, code.unwrap_or_default()).await;
            return Some(linked.unwrap_or_else(|error| told(&error)));
        }
        let asked = given.and_then(|given| BuiltIn::read(name, &given));
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
            BuiltIn::Help { about } => self.help(by, origin, &about).await?,
        }))
    }

    async fn link(&self, by: &Actor, origin: &Origin, code: &str) -> Result<Shown> {
        if origin.is_direct {
            let why = "a code is typed in a channel of your team's server; nothing was changed";
            return Err(ServiceError::Invalid(why.to_owned()));
        }
        let person = self.service.link(by, code).await?;
        let linked =
            format!("You are {person} here from now on. `/{PREFIX} help` shows what you can say.");
        Ok(said(&linked))
    }

    async fn help(&self, by: &Actor, origin: &Origin, about: &str) -> Result<Shown> {
        self.service.known(by, "look at the catalog").await?;
        let mine = self.service.commands_of(by);
        let place = if origin.is_direct {
            Where::Direct
        } else {
            Where::Server
        };
        let own = offered(place).map(|form| {
            let name = format!("{PREFIX} {}", form.name);
            (name, form.summary.to_owned())
        });
        let all = mine.into_iter().chain(own);
        let meant = all.filter(|(name, _)| is_about(name, about));
        Ok(render::help(&meant.collect::<Vec<_>>()))
    }
}

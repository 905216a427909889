//! What people do in Discord, and who answers it: the same code behind every way by which it comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serenity::model::application::Interaction;
use tokio::time::Instant;

use super::Us;
use super::answers::{Answers, First};
use super::api::Api;
use super::attachment::Files;
use super::live;
use super::origin::Origin;
use super::rates::Rates;
use super::render;
use super::window;
use crate::chat::text::Text;
use crate::domain::names::Role;
use crate::domain::person::Actor;
use crate::service::Service;

/// What all that happens in Discord comes to.
pub(super) struct Door {
    pub(super) api: Arc<Api>,
    pub(super) service: Arc<Service>,
    pub(super) live: live::Handle,
    pub(super) us: Us,
    pub(super) guilds: Vec<String>,
    pub(super) direct_messages: bool,
    pub(super) roles: BTreeMap<String, Vec<Role>>,
    pub(super) rates: Mutex<Rates>,
    pub(super) files: Files,
}

impl Door {
    /// Answers one interaction. It returns when all is said.
    pub(super) async fn take(&self, interaction: Interaction) {
        match interaction {
            Interaction::Command(command) => {
                let origin = Origin::from(&command);
                if self.lets_in(&origin).await {
                    Box::pin(self.command(&origin, &command.data)).await;
                }
            }
            Interaction::Autocomplete(command) => {
                let origin = Origin::from(&command);
                self.complete(&origin, &command.data).await;
            }
            Interaction::Component(click) => {
                let origin = Origin::from(&click);
                if self.lets_in(&origin).await {
                    Box::pin(self.click(&origin, &click.data.custom_id)).await;
                }
            }
            Interaction::Modal(modal) => {
                let origin = Origin::from(&modal);
                if self.lets_in(&origin).await {
                    match window::id_of(&modal.data.custom_id) {
                        Some(id) => Box::pin(self.secrets_typed(&origin, id, &modal.data)).await,
                        None => Box::pin(self.submitted(&origin, &modal.data)).await,
                    }
                }
            }
            other => {
                tracing::warn!(kind = ?other.kind(), "Discord sent an interaction of a kind that Purser does not know");
            }
        }
    }

    pub(super) fn answers<'a>(&'a self, to: &'a Origin) -> Answers<'a> {
        Answers {
            api: &self.api,
            us: &self.us,
            to,
        }
    }

    /// Who it is, with what their roles there stand for.
    pub(super) fn who(&self, origin: &Origin) -> Actor {
        let roles = origin.roles.iter().filter_map(|role| self.roles.get(role));
        let roles: Vec<Role> = roles.flatten().cloned().collect();
        let people = self.service.people();
        people.by_chat(live::PLATFORM, &origin.user, &roles)
    }

    /// Whether this is one of the servers in which Purser answers, or a direct message where it answers those.
    pub(super) fn is_ours(&self, origin: &Origin) -> bool {
        match &origin.guild {
            Some(guild) => self.guilds.contains(guild),
            None => self.direct_messages && origin.is_direct,
        }
    }

    /// Sends away who comes from elsewhere, or too often.
    async fn lets_in(&self, origin: &Origin) -> bool {
        let why = if self.is_ours(origin) {
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            match rates.count(&origin.user, Instant::now()) {
                Ok(()) => return true,
                Err(wait) => format!(
                    "✗ That was too much at once: try again in {} s. Nothing was done.",
                    wait.as_secs() + 1
                ),
            }
        } else if origin.guild.is_some() {
            "Purser does not answer in this server: its `[discord] guilds` names those in which it does."
                .to_owned()
        } else {
            "Purser does not answer direct messages: say it in a channel of your team's server."
                .to_owned()
        };
        self.answers(origin).first(First::Said(&said(&why))).await;
        false
    }
}

/// Sentences in which what is typed or copied stands between backticks.
pub(super) fn said(told: &str) -> render::Shown {
    render::said(&Text::sentence(told))
}

/// What is written as Discord reads it. Nothing that others wrote is in it.
pub(super) fn markdown(content: String) -> render::Shown {
    render::Shown {
        content,
        ..render::Shown::default()
    }
}

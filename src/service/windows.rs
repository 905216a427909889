//! Windows in which a chat asks for the secret options of a command: what else was said with it is
//! kept until they come.

use std::time::Duration;

use serde_json::{Map, Value};

use super::suggest::may_give;
use super::{Result, Service, ServiceError};
use crate::domain::input::InputSpec;
use crate::domain::person::Actor;
use crate::store::AskedWindow;

/// For so long a window can be filled in.
const KEPT: Duration = Duration::from_hours(1);

/// A window that a chat shows to somebody.
#[derive(Clone, Debug)]
pub struct Window {
    /// What the chat calls the doing that it was asked by.
    pub id: String,
    /// Whom the chat shows it, as the chat calls them.
    pub person: String,
    /// The command, by its whole name.
    pub command: String,
    /// What else was said with it.
    pub options: Map<String, Value>,
}

impl Service {
    /// The secret options of a command, if this person may give it: where they may not, asking them for
    /// a secret would be for nothing.
    pub fn secret_options(&self, by: &Actor, command: &str) -> Vec<(String, InputSpec)> {
        let catalog = self.catalog();
        let Ok(command) = catalog.command(command) else {
            return vec![];
        };
        if by.roles.is_empty() || !may_give(by, command, &catalog) {
            return vec![];
        }
        let options = command.options.iter().filter(|(_, spec)| spec.secret);
        let options = options.map(|(name, spec)| (name.clone(), spec.clone()));
        options.collect()
    }

    /// Keeps a window for an hour.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn ask_in_window(&self, platform: &str, window: Window) -> Result<()> {
        let options = self.parts.redactor.json(Value::Object(window.options));
        let asked = AskedWindow {
            platform: platform.to_owned(),
            id: window.id,
            person: window.person,
            command: window.command,
            options: options.to_string(),
            until: self.now().plus(KEPT),
        };
        Ok(self.parts.store.ask_in_window(asked).await?)
    }

    /// The window of this id, if it can still be filled in.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn asked_window(&self, platform: &str, id: &str) -> Result<Option<Window>> {
        let asked = self.parts.store.asked_window(platform, id).await?;
        let asked = asked.filter(|window| self.now() < window.until);
        let window = |asked: AskedWindow| {
            let options = serde_json::from_str(&asked.options).map_err(|error| {
                ServiceError::Unavailable(format!(
                    "what was said with `{}` cannot be read any more ({error}): give it again",
                    asked.command
                ))
            });
            Ok(Window {
                id: asked.id,
                person: asked.person,
                command: asked.command,
                options: options?,
            })
        };
        asked.map(window).transpose()
    }
}

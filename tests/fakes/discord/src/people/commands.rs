//! Slash commands, used or being typed.

use serde_json::{Value, json};

use super::fit::{Place, fit};
use super::line::{self, Given, Line};
use crate::error::{Error, refused};
use crate::hub::secret;
use crate::ids::{AppId, ChannelId, InteractionId, UserId};
use crate::state::State;
use crate::state::answering::Act;
use crate::state::interaction::Kind;
use crate::state::model::{Command, Home};
use crate::state::permissions::Permissions;

impl State {
    /// Uses a slash command, or asks for the values of the option that is being typed.
    pub(crate) fn uses(
        &mut self,
        user: UserId,
        channel: ChannelId,
        line: &str,
        more: &[(&str, Given)],
        focused: Option<&str>,
    ) -> Result<InteractionId, Error> {
        let name = line
            .trim_start_matches('/')
            .split(' ')
            .next()
            .unwrap_or_default();
        self.allowed(user, channel, Permissions::USE_APPLICATION_COMMANDS)?;
        self.opens(user, channel)?;
        let command = self.offered(user, channel, name)?;
        let Line { words, mut given } = line::cut(line, &command.body)?;
        given.extend(
            more.iter()
                .map(|(name, given)| ((*name).to_owned(), given.clone())),
        );
        let line = Line { words, given };
        let mut data = fit(self, Place { user, channel }, &command.body, line, focused)?;
        data.json["id"] = json!(command.id);
        if let Some(guild) = command.guild {
            data.json["guild_id"] = json!(guild);
        }
        let act = Act {
            app: command.app,
            kind: if focused.is_some() {
                Kind::Autocomplete
            } else {
                Kind::Command
            },
            user,
            channel,
            data: data.json,
            message: None,
            option_type: data.option_type,
        };
        Ok(self.interact(act, &secret()))
    }

    /// Sends a command's data as they are.
    pub(crate) fn sends_command(
        &mut self,
        user: UserId,
        channel: ChannelId,
        app: AppId,
        data: &Value,
    ) -> Result<InteractionId, Error> {
        self.allowed(user, channel, Permissions::USE_APPLICATION_COMMANDS)?;
        let act = Act {
            app,
            kind: Kind::Command,
            user,
            channel,
            data: data.clone(),
            message: None,
            option_type: 0,
        };
        Ok(self.interact(act, &secret()))
    }

    /// The command of this name that the person is offered there; a guild's own before a global one.
    fn offered(&self, user: UserId, channel: ChannelId, name: &str) -> Result<Command, Error> {
        let home = self.channels.get(&channel).map(|channel| channel.home);
        let known_to = |command: &&Command| match home {
            Some(Home::Guild(guild)) => command.is_in(guild),
            Some(Home::Direct { bot, .. }) => command.is_direct() && command.app.bot() == bot,
            None => false,
        };
        let named = self.commands.iter().filter(|one| one.name() == name);
        let found = named.filter(known_to).max_by_key(|one| one.guild.is_some());
        let Some(found) = found else {
            return refused(format!("/{name} is not a command here"));
        };
        let needed = found.body["default_member_permissions"].as_str();
        if let Some(needed) = needed.and_then(|bits| bits.parse::<u64>().ok()) {
            let has = self.permissions(user, channel);
            let enough = if needed == 0 {
                Permissions::ADMINISTRATOR
            } else {
                Permissions(needed)
            };
            if !has.has(enough) {
                return refused(format!("/{name} is not shown to {}", self.name(user)));
            }
        }
        Ok(found.clone())
    }
}

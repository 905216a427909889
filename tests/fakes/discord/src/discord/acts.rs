//! What people do.

use serde_json::Value;

use super::Discord;
use crate::error::Error;
use crate::ids::{ChannelId, InteractionId, MessageId, UserId};
use crate::people::{Acted, Given};
use crate::state::State;

impl Discord {
    /// Uses a slash command, typed as in the client: `/deploy service:shop/web version:v2`. A value goes
    /// on until the next option; `@ann`, `#ops` and the names of choices stand for what they name.
    pub fn says(&self, member: UserId, channel: ChannelId, line: &str) -> Result<Acted, Error> {
        self.says_with(member, channel, line, &[])
    }

    /// The same, with options that cannot be typed, like a file.
    pub fn says_with(
        &self,
        member: UserId,
        channel: ChannelId,
        line: &str,
        options: &[(&str, Given)],
    ) -> Result<Acted, Error> {
        self.act(member, |state| {
            state.uses(member, channel, line, options, None)
        })
    }

    /// Has typed so far, with the cursor in an option that has autocomplete; the result's
    /// [`choices`](Acted::choices) are what is offered.
    pub fn types(
        &self,
        member: UserId,
        channel: ChannelId,
        line: &str,
        focused: &str,
    ) -> Result<Acted, Error> {
        self.act(member, |state| {
            state.uses(member, channel, line, &[], Some(focused))
        })
    }

    /// Clicks a button of a message, named by its label or `custom_id`.
    pub fn clicks(&self, member: UserId, message: MessageId, button: &str) -> Result<Acted, Error> {
        self.act(member, |state| state.clicks(member, message, button))
    }

    /// Chooses from a select of a message, named by its `custom_id` or placeholder; what is chosen is
    /// named by label or value, people, roles and channels by name.
    pub fn selects(
        &self,
        member: UserId,
        message: MessageId,
        select: &str,
        options: &[&str],
    ) -> Result<Acted, Error> {
        self.act(member, |state| {
            state.selects(member, message, select, options)
        })
    }

    /// Fills in the form that an act has opened, and sends it; fields are named by label or `custom_id`.
    pub fn submits(
        &self,
        member: UserId,
        form: &Acted,
        fields: &[(&str, &str)],
    ) -> Result<Acted, Error> {
        self.act(member, |state| {
            state.submits(member, form.interaction(), fields)
        })
    }

    /// Sends a form as if it had been opened for them, whoever it was opened for.
    pub fn forges(
        &self,
        member: UserId,
        form: &Acted,
        fields: &[(&str, &str)],
    ) -> Result<Acted, Error> {
        self.act(member, |state| {
            state.forges(member, form.interaction(), fields)
        })
    }

    /// Sends a command's data as they are, registered or not, as a client does whose list of commands is
    /// old: `{ "id": …, "name": …, "type": 1, "options": […] }`.
    pub fn sends_command(
        &self,
        member: UserId,
        channel: ChannelId,
        data: &Value,
    ) -> Result<Acted, Error> {
        let app = self.purser.id;
        self.act(member, |state| {
            state.sends_command(member, channel, app, data)
        })
    }

    /// Writes an ordinary message.
    pub fn writes(
        &self,
        member: UserId,
        channel: ChannelId,
        text: &str,
    ) -> Result<MessageId, Error> {
        self.hub.write(|state| state.writes(member, channel, text))
    }

    /// Puts away a message that only this person sees.
    pub fn dismisses(&self, member: UserId, message: MessageId) -> Result<(), Error> {
        self.hub.write(|state| state.dismisses(member, message))
    }

    fn act(
        &self,
        who: UserId,
        act: impl FnOnce(&mut State) -> Result<InteractionId, Error>,
    ) -> Result<Acted, Error> {
        let id = self.hub.write(act)?;
        Ok(Acted {
            hub: std::sync::Arc::clone(&self.hub),
            patience: self.patience(),
            who,
            id,
        })
    }
}

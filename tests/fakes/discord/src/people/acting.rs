//! What a person sees and may do before any act, and the acts that no application answers.

use serde_json::json;

use crate::error::{Error, refused};
use crate::ids::{ChannelId, MessageId, UserId};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::model::Message;
use crate::state::permissions::Permissions;
use crate::state::posting::{Draft, EPHEMERAL};

impl State {
    pub(super) fn allowed(
        &self,
        user: UserId,
        channel: ChannelId,
        needed: Permissions,
    ) -> Result<(), Error> {
        let found = self.may(user, channel, needed);
        let refused = |refusal: Refusal| {
            Error::Refused(format!("{} may not: {}", self.name(user), refusal.message))
        };
        found.map(drop).map_err(refused)
    }

    /// The client opens an archived thread before anything is done in it, if the person may.
    pub(super) fn opens(&mut self, user: UserId, channel: ChannelId) -> Result<(), Error> {
        self.archive_the_quiet();
        if !self
            .thread(channel)
            .is_some_and(|thread| thread.archived || thread.locked)
        {
            return Ok(());
        }
        let has = self.permissions(user, channel);
        let opened = self.open_for_posting(channel, has.has(Permissions::MANAGE_THREADS));
        if opened.is_err() || !has.has(Permissions::SEND_MESSAGES_IN_THREADS) {
            return refused(format!("{} may not open this thread", self.name(user)));
        }
        Ok(())
    }

    pub(crate) fn name(&self, user: UserId) -> &str {
        self.users
            .get(&user)
            .map_or("somebody", |user| user.name.as_str())
    }

    /// A message as this person sees it.
    pub(super) fn seen(&self, user: UserId, id: MessageId) -> Result<&Message, Error> {
        let visible = |message: &&Message| {
            message.only_for.is_none_or(|only| only == user) && self.sees(user, message.channel)
        };
        let found = self.find_message(id).filter(visible);
        found
            .ok_or_else(|| Error::Refused(format!("{} does not see this message", self.name(user))))
    }

    /// Posts an ordinary message.
    pub(crate) fn writes(
        &mut self,
        user: UserId,
        channel: ChannelId,
        text: &str,
    ) -> Result<MessageId, Error> {
        self.allowed(user, channel, self.to_post_in(channel))?;
        self.opens(user, channel)?;
        let body = json!({ "content": text });
        let draft = Draft {
            author: user,
            channel,
            body: &body,
            files: &[],
        };
        if crate::check::message::check(&body)
            .and(draft.whole())
            .is_err()
        {
            return refused("a message has 1 to 2000 characters");
        }
        let message = self.compose(draft);
        Ok(self.post(message))
    }

    /// Puts away a message that only this person sees.
    pub(crate) fn dismisses(&mut self, user: UserId, id: MessageId) -> Result<(), Error> {
        let message = self.seen(user, id)?;
        if message.flags & EPHEMERAL == 0 {
            return refused("only a message that one alone sees can be dismissed");
        }
        let channel = message.channel;
        self.delete(channel, id)
            .map_err(|refusal| Error::Refused(refusal.message.to_owned()))
    }
}

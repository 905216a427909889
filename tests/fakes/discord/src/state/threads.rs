//! Threads: begun at a message or on their own, archived, locked.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::State;
use super::model::{Channel, Thread};
use super::posting::Draft;
use crate::gateway::events::Event;
use crate::ids::{ChannelId, MessageId, UserId};
use crate::refusal::{HAS_A_THREAD, Refusal, THREAD_ARCHIVED, THREAD_LOCKED, WRONG_CHANNEL_TYPE};

/// Minutes after which a thread archives itself when nothing else is said.
const AUTO_ARCHIVE: u64 = 24 * 60;

/// What a thread is to be.
pub(crate) struct NewThread<'a> {
    pub(crate) parent: ChannelId,
    /// The message that it hangs at.
    pub(crate) at: Option<MessageId>,
    pub(crate) name: &'a str,
    pub(crate) owner: UserId,
    pub(crate) auto_archive: Option<u64>,
    pub(crate) private: bool,
}

/// The type of the message that stands first in a thread and points to where it began.
pub(crate) const STARTER: u64 = 21;

impl State {
    pub(crate) fn begin_thread(&mut self, new: &NewThread<'_>) -> Result<Value, Refusal> {
        let parent = self.channel(new.parent)?;
        let (home, guild) = (parent.home, parent.guild());
        if parent.thread.is_some() || guild.is_none() {
            return Err(WRONG_CHANNEL_TYPE);
        }
        let id = match new.at {
            Some(message) => {
                self.message(new.parent, message)?;
                ChannelId(message.0)
            }
            None => ChannelId(self.fresh()),
        };
        if self.channels.contains_key(&id) {
            return Err(HAS_A_THREAD);
        }
        let now = self.now_ms();
        let thread = Thread {
            parent: new.parent,
            private: new.private,
            owner: new.owner,
            archived: false,
            locked: false,
            auto_archive: new.auto_archive.unwrap_or(AUTO_ARCHIVE),
            changed_ms: now,
            active_ms: now,
            posted: 0,
            members: BTreeSet::from([new.owner]),
        };
        let channel = Channel {
            id,
            home,
            name: new.name.to_owned(),
            overwrites: Vec::new(),
            thread: Some(thread),
        };
        let mut json = self.channel_json(&channel);
        self.channels.insert(id, channel);
        json["newly_created"] = true.into();
        self.dispatch(
            &Event::of_guild("THREAD_CREATE", guild, Some(new.parent)),
            &json,
        );
        if let Some(message) = new.at {
            self.tell_that_it_has_a_thread(new.parent, message);
            self.post_starter(id, new.owner, message);
        }
        Ok(json)
    }

    fn post_starter(&mut self, thread: ChannelId, owner: UserId, begun_at: MessageId) {
        let body = json!({});
        let mut message = self.compose(Draft {
            author: owner,
            channel: thread,
            body: &body,
            files: &[],
        });
        message.kind = STARTER;
        message.replies_to = Some(begun_at);
        self.post(message);
    }

    fn tell_that_it_has_a_thread(&mut self, channel: ChannelId, message: MessageId) {
        if let (Ok(found), Ok(parent)) = (self.message(channel, message), self.channel(channel)) {
            let guild = parent.guild();
            let mut json = self.message_json(found);
            json["guild_id"] = json!(guild);
            self.dispatch(&Event::of_messages("MESSAGE_UPDATE", guild, channel), &json);
        }
    }

    /// Archives, locks, renames a thread: whatever the body names.
    pub(crate) fn change_channel(&mut self, id: ChannelId, body: &Value) -> Result<Value, Refusal> {
        let now = self.now_ms();
        let channel = self
            .channels
            .get_mut(&id)
            .ok_or(crate::refusal::UNKNOWN_CHANNEL)?;
        if let Some(name) = body["name"].as_str() {
            name.clone_into(&mut channel.name);
        }
        if let Some(thread) = &mut channel.thread {
            if let Some(archived) = body["archived"].as_bool() {
                thread.archived = archived;
                thread.changed_ms = now;
                thread.active_ms = now;
            }
            if let Some(locked) = body["locked"].as_bool() {
                thread.locked = locked;
            }
            if let Some(minutes) = body["auto_archive_duration"].as_u64() {
                thread.auto_archive = minutes;
                thread.changed_ms = now;
                thread.active_ms = now;
            }
        }
        let name = if channel.thread.is_some() {
            "THREAD_UPDATE"
        } else {
            "CHANNEL_UPDATE"
        };
        let (guild, ruled_by) = (channel.guild(), channel.ruled_by());
        let json = self.channel_json(self.channel(id)?);
        self.dispatch(&Event::of_guild(name, guild, Some(ruled_by)), &json);
        Ok(json)
    }

    /// Removes a channel with its messages and, if it has some, its threads.
    pub(crate) fn remove_channel(&mut self, id: ChannelId) -> Result<Value, Refusal> {
        let channel = self.channel(id)?;
        let json = self.channel_json(channel);
        let (guild, ruled_by) = (channel.guild(), channel.ruled_by());
        let name = if channel.thread.is_some() {
            "THREAD_DELETE"
        } else {
            "CHANNEL_DELETE"
        };
        self.dispatch(&Event::of_guild(name, guild, Some(ruled_by)), &json);
        let threads: Vec<ChannelId> = self.threads_of(id).map(|thread| thread.id).collect();
        for gone in threads.into_iter().chain([id]) {
            self.channels.remove(&gone);
            self.messages.remove(&gone);
        }
        Ok(json)
    }

    /// Whether messages in it can be changed: 50083 in an archived thread, 160005 in a locked one.
    pub(crate) fn open_for_changes(
        &self,
        channel: ChannelId,
        manages: bool,
    ) -> Result<(), Refusal> {
        match self.thread(channel) {
            Some(thread) if thread.archived => Err(THREAD_ARCHIVED),
            Some(thread) if thread.locked && !manages => Err(THREAD_LOCKED),
            _ => Ok(()),
        }
    }

    /// Makes ready for a message: it opens an archived thread, unless that is locked.
    pub(crate) fn open_for_posting(
        &mut self,
        channel: ChannelId,
        manages: bool,
    ) -> Result<(), Refusal> {
        let Some(thread) = self.thread(channel) else {
            return Ok(());
        };
        match (thread.archived, thread.locked && !manages) {
            (true, true) => Err(THREAD_ARCHIVED),
            (false, true) => Err(THREAD_LOCKED),
            (false, false) => Ok(()),
            (true, false) => {
                let body = json!({ "archived": false });
                self.change_channel(channel, &body).map(drop)
            }
        }
    }

    /// A channel, if it is a thread.
    pub(crate) fn thread(&self, channel: ChannelId) -> Option<&Thread> {
        self.channels.get(&channel)?.thread.as_ref()
    }

    /// Archives what nobody spoke in for so long.
    pub(crate) fn archive_the_quiet(&mut self) {
        let now = self.now_ms();
        let quiet = |channel: &&Channel| {
            channel.thread.as_ref().is_some_and(|thread| {
                !thread.archived
                    && now.saturating_sub(thread.active_ms) > thread.auto_archive * 60_000
            })
        };
        let quiet: Vec<ChannelId> = self
            .channels
            .values()
            .filter(quiet)
            .map(|one| one.id)
            .collect();
        for id in quiet {
            // It was found a moment ago, under the same lock.
            let _found = self.change_channel(id, &json!({ "archived": true }));
        }
    }
}

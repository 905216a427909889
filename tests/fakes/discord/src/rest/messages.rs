//! Messages of channels and threads.

use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Answer, Reply};
use crate::check;
use crate::gateway::events::Event;
use crate::ids::{ChannelId, MessageId, UserId};
use crate::refusal::{MISSING_PERMISSIONS, NOT_THE_AUTHOR, Refusal, UNKNOWN_MESSAGE};
use crate::state::State;
use crate::state::model::{Message, Nonce};
use crate::state::permissions::Permissions;
use crate::state::posting::Draft;

/// For so long the same nonce means the same message.
const NONCE_MS: u64 = 5 * 60 * 1_000;

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let (author, channel) = (call.bot()?, call.id::<ChannelId>(1)?);
    may_post(state, author, channel, call)?;
    check::message::check(&call.body)?;
    let draft = Draft {
        author,
        channel,
        body: &call.body,
        files: &call.files,
    };
    draft.whole()?;
    if let Some(posted) = posted_before(state, author, &call.body) {
        return Ok(Reply::ok(state.message_json(posted)));
    }
    let message = state.compose(draft);
    if let Some(original) = message.replies_to {
        state.message(channel, original)?;
    }
    let nonce = nonce_of(&call.body);
    let id = state.post(message);
    if let Some(nonce) = nonce {
        let at_ms = state.now_ms();
        state
            .nonces
            .retain(|one| at_ms.saturating_sub(one.at_ms) < NONCE_MS);
        state.nonces.push(Nonce {
            author,
            channel,
            text: nonce,
            message: id,
            at_ms,
        });
    }
    Ok(Reply::ok(state.message_json(state.message(channel, id)?)))
}

fn may_post(
    state: &mut State,
    author: UserId,
    channel: ChannelId,
    call: &Call,
) -> Result<(), Refusal> {
    state.archive_the_quiet();
    state.channel(channel)?;
    state.may(
        author,
        channel,
        state.to_post_in(channel) | needed_for(call),
    )?;
    let manages = state
        .permissions(author, channel)
        .has(Permissions::MANAGE_THREADS);
    state.open_for_posting(channel, manages)
}

/// What the parts of a message need.
fn needed_for(call: &Call) -> Permissions {
    let mut needed = Permissions::NONE;
    if call.body["embeds"]
        .as_array()
        .is_some_and(|embeds| !embeds.is_empty())
    {
        needed |= Permissions::EMBED_LINKS;
    }
    if !call.files.is_empty() {
        needed |= Permissions::ATTACH_FILES;
    }
    if !call.body["message_reference"].is_null() {
        needed |= Permissions::READ_MESSAGE_HISTORY;
    }
    needed
}

fn nonce_of(body: &Value) -> Option<String> {
    match &body["nonce"] {
        Value::String(nonce) => Some(nonce.clone()),
        Value::Number(nonce) => Some(nonce.to_string()),
        _ => None,
    }
}

/// With `enforce_nonce` the message that this author posted with the nonce a moment ago.
fn posted_before<'a>(state: &'a State, author: UserId, body: &Value) -> Option<&'a Message> {
    if body["enforce_nonce"] != true {
        return None;
    }
    let (nonce, now) = (nonce_of(body)?, state.now_ms());
    let same = |one: &&Nonce| {
        one.author == author && one.text == nonce && now.saturating_sub(one.at_ms) < NONCE_MS
    };
    let found = state.nonces.iter().find(same)?;
    state.message(found.channel, found.message).ok()
}

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let channel: ChannelId = call.id(1)?;
    state.may(call.bot()?, channel, Permissions::READ_MESSAGE_HISTORY)?;
    let message = public(state, channel, call.id(3)?)?;
    Ok(Reply::ok(as_read(state, call, message)))
}

/// A message that is not for one person's eyes.
fn public(state: &State, channel: ChannelId, id: MessageId) -> Result<&Message, Refusal> {
    let message = state.message(channel, id)?;
    if message.only_for.is_some() {
        Err(UNKNOWN_MESSAGE)
    } else {
        Ok(message)
    }
}

pub(super) fn as_read(state: &State, call: &Call, message: &Message) -> Value {
    let json = state.message_json(message);
    match call.app {
        Some(app) => state.readable(json, app, true),
        None => json,
    }
}

pub(super) fn edit(state: &mut State, call: &Call) -> Answer {
    let (author, channel, id) = (call.bot()?, call.id::<ChannelId>(1)?, call.id(3)?);
    state.archive_the_quiet();
    state.may(author, channel, Permissions::VIEW_CHANNEL)?;
    let message = public(state, channel, id)?;
    if message.author != author {
        return Err(NOT_THE_AUTHOR);
    }
    let manages = state
        .permissions(author, channel)
        .has(Permissions::MANAGE_THREADS);
    state.open_for_changes(channel, manages)?;
    check::message::check(&call.body)?;
    state.may(author, channel, needed_for(call))?;
    keeps_something(state, channel, id, call)?;
    let json = state.edit(channel, id, &call.body, &call.files)?;
    Ok(Reply::ok(json))
}

/// An edit may not leave an empty message.
pub(super) fn keeps_something(
    state: &State,
    channel: ChannelId,
    id: MessageId,
    call: &Call,
) -> Result<(), Refusal> {
    let message = state.message(channel, id)?;
    let kept = json!({
        "content": call.body.get("content").cloned().unwrap_or_else(|| message.content.as_str().into()),
        "embeds": call.body.get("embeds").cloned().unwrap_or_else(|| message.embeds.clone().into()),
        "components": call.body.get("components").cloned().unwrap_or_else(|| message.components.clone().into()),
    });
    let files = match call.body["attachments"].as_array() {
        Some(kept) => !kept.is_empty(),
        None => !message.attachments.is_empty(),
    };
    let draft = Draft {
        author: message.author,
        channel,
        body: &kept,
        files: &call.files,
    };
    if files { Ok(()) } else { draft.whole() }
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let (who, channel, id) = (call.bot()?, call.id::<ChannelId>(1)?, call.id(3)?);
    state.may(who, channel, Permissions::VIEW_CHANNEL)?;
    let own = public(state, channel, id)?.author == who;
    if !own
        && !state
            .permissions(who, channel)
            .has(Permissions::MANAGE_MESSAGES)
    {
        return Err(MISSING_PERMISSIONS);
    }
    state.delete(channel, id)?;
    Ok(Reply::nothing())
}

pub(super) fn typing(state: &mut State, call: &Call) -> Answer {
    let channel = call.id(1)?;
    state.may(call.bot()?, channel, state.to_post_in(channel))?;
    Ok(Reply::nothing())
}

pub(super) fn react(state: &mut State, call: &Call) -> Answer {
    let (who, channel, id) = (call.bot()?, call.id::<ChannelId>(1)?, call.id(3)?);
    let needed = Permissions::ADD_REACTIONS | Permissions::READ_MESSAGE_HISTORY;
    let guild = state.may(who, channel, needed)?.guild();
    state.open_for_changes(channel, false)?;
    public(state, channel, id)?;
    let emoji = call.segment(5).to_owned();
    let adds = call.method == "PUT";
    let users = state
        .message_mut(channel, id)?
        .reactions
        .entry(emoji.clone())
        .or_default();
    if adds {
        users.insert(who);
    } else {
        users.remove(&who);
    }
    state
        .message_mut(channel, id)?
        .reactions
        .retain(|_, users| !users.is_empty());
    let mut data = json!({
        "user_id": who,
        "channel_id": channel,
        "message_id": id,
        "emoji": { "id": null, "name": emoji },
        "burst": false,
        "type": 0,
    });
    if let Some(guild) = guild {
        data["guild_id"] = json!(guild);
    }
    let name = if adds {
        "MESSAGE_REACTION_ADD"
    } else {
        "MESSAGE_REACTION_REMOVE"
    };
    state.dispatch(&Event::of_reactions(name, guild, channel), &data);
    Ok(Reply::nothing())
}

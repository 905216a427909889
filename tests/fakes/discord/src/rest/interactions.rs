//! Answers to interactions, and the messages that their tokens open.

use serde_json::{Value, json};

use super::call::Call;
use super::messages::keeps_something;
use super::reply::{Answer, Reply};
use crate::check;
use crate::ids::{AppId, ChannelId, InteractionId, MessageId};
use crate::refusal::{Refusal, UNKNOWN_MESSAGE};
use crate::state::State;
use crate::state::interaction::Interaction;

pub(super) fn callback(state: &mut State, call: &Call) -> Answer {
    let id: InteractionId = call.id(1)?;
    let shown = state.acknowledge(id, call.segment(2), &call.body, &call.files)?;
    if !call.asks("with_response") {
        return Ok(Reply::nothing());
    }
    let it = state
        .interactions
        .get(&id)
        .ok_or(crate::refusal::UNKNOWN_INTERACTION)?;
    let message = shown.and_then(|message| state.message(it.channel, message).ok());
    let mut json = json!({
        "interaction": {
            "id": id,
            "type": it.kind.number(),
            "response_message_id": message.map(|message| message.id),
            "response_message_loading": call.body["type"] == 5,
            "response_message_ephemeral": message.map(|message| message.only_for.is_some()),
        },
        "resource": { "type": call.body["type"] },
    });
    if let Some(message) = message {
        json["resource"]["message"] = state.message_json(message);
    }
    Ok(Reply::ok(json))
}

fn opened<'a>(state: &'a State, call: &Call) -> Result<&'a Interaction, Refusal> {
    state.of_webhook(call.id::<AppId>(1)?, call.segment(2))
}

/// The message that the path names, if it belongs to the interaction.
fn own_message(state: &State, call: &Call) -> Result<(ChannelId, MessageId), Refusal> {
    let it = opened(state, call)?;
    let id = match call.segment(4) {
        "@original" => it.original.ok_or(UNKNOWN_MESSAGE)?,
        _ => call.id(4)?,
    };
    if it.original != Some(id) && !it.followups.contains(&id) {
        return Err(UNKNOWN_MESSAGE);
    }
    state.message(it.channel, id)?;
    Ok((it.channel, id))
}

pub(super) fn follow_up(state: &mut State, call: &Call) -> Answer {
    let (id, channel) = opened(state, call).map(|it| (it.id, it.channel))?;
    check::message::check(&call.body)?;
    let message = state.follow_up(id, &call.body, &call.files)?;
    shown(state, channel, message)
}

fn shown(state: &State, channel: ChannelId, message: MessageId) -> Answer {
    let json: Value = state.message_json(state.message(channel, message)?);
    Ok(Reply::ok(json))
}

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let (channel, message) = own_message(state, call)?;
    shown(state, channel, message)
}

pub(super) fn edit(state: &mut State, call: &Call) -> Answer {
    let (channel, message) = own_message(state, call)?;
    check::message::check(&call.body)?;
    state.open_for_changes(channel, false)?;
    keeps_something(state, channel, message, call)?;
    let json = state.edit(channel, message, &call.body, &call.files)?;
    Ok(Reply::ok(json))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let (channel, message) = own_message(state, call)?;
    state.delete(channel, message)?;
    Ok(Reply::nothing())
}

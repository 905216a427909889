//! What the page shows, as JSON.

use serde_json::{Value, json};

use crate::ids::{ChannelId, UserId};
use crate::look::used;
use crate::state::State;
use crate::state::interaction::Kind;
use crate::state::model::{Channel, Guild, Message};
use crate::state::render::command_json;
use crate::state::threads::STARTER;

/// Guilds with their channels, people and commands; names of all that can be mentioned.
pub(super) fn scene(state: &State) -> Value {
    let guilds: Vec<Value> = state
        .guilds
        .values()
        .map(|guild| guild_json(state, guild))
        .collect();
    json!({ "guilds": guilds })
}

fn guild_json(state: &State, guild: &Guild) -> Value {
    let people = guild
        .members
        .keys()
        .filter(|id| **id != guild.owner && state.users.get(id).is_some_and(|user| !user.bot));
    let people: Vec<Value> = people
        .map(|id| named(&id.to_string(), state.name(*id)))
        .collect();
    let channels = state
        .channels
        .values()
        .filter(|one| one.guild() == Some(guild.id) && one.thread.is_none());
    let channels: Vec<Value> = channels
        .map(|one| named(&one.id.to_string(), &one.name))
        .collect();
    let commands = state.commands.iter().filter(|one| one.is_in(guild.id));
    let roles = guild
        .roles
        .iter()
        .map(|(id, role)| (format!("@&{id}"), role.name.trim_start_matches('@')));
    let users = guild
        .members
        .keys()
        .map(|id| (format!("@{id}"), state.name(*id)));
    let mentions = roles
        .chain(users)
        .map(|(id, name)| (id, Value::from(format!("@{name}"))));
    json!({
        "id": guild.id,
        "name": guild.name,
        "members": people,
        "channels": channels,
        "commands": commands.map(command_json).collect::<Vec<_>>(),
        "mentions": mentions.collect::<serde_json::Map<_, _>>(),
    })
}

fn named(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name })
}

/// A channel or thread as one member sees it; null if they do not.
pub(super) fn channel(state: &State, who: UserId, id: ChannelId) -> Value {
    let Some(channel) = state.channels.get(&id).filter(|_| state.sees(who, id)) else {
        return Value::Null;
    };
    let all = state
        .messages
        .get(&id)
        .into_iter()
        .flat_map(|messages| messages.values());
    let visible = all.filter(|message| {
        message.kind != STARTER && message.only_for.is_none_or(|only| only == who)
    });
    let threads: Vec<Value> = state
        .threads_of(id)
        .map(|thread| thread_json(state, thread))
        .collect();
    json!({
        "id": id,
        "name": channel.name,
        "parent": channel.thread.as_ref().map(|thread| thread.parent),
        "archived": channel.thread.as_ref().is_some_and(|thread| thread.archived),
        "locked": channel.thread.as_ref().is_some_and(|thread| thread.locked),
        "threads": threads,
        "messages": visible.map(|message| message_json(state, message)).collect::<Vec<_>>(),
    })
}

fn thread_json(state: &State, thread: &Channel) -> Value {
    let said = state.messages.get(&thread.id).map_or(0, |messages| {
        messages
            .values()
            .filter(|message| message.kind != STARTER && message.only_for.is_none())
            .count()
    });
    json!({ "id": thread.id, "name": thread.name, "said": said })
}

fn message_json(state: &State, message: &Message) -> Value {
    let mut json = state.message_json(message);
    json["private"] = message.only_for.is_some().into();
    let it = message
        .interaction
        .and_then(|id| state.interactions.get(&id));
    if let Some(it) = it.filter(|it| it.kind == Kind::Command) {
        json["answers"] = json!({ "who": state.name(it.user), "command": used(&it.data) });
    }
    json
}

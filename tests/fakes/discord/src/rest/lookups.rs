//! The gateway's address, users, applications, guilds, members.

use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Answer, Reply};
use crate::check::form::Form;
use crate::gateway::socket::{gateway_url, own_json};
use crate::ids::{AppId, ChannelId, GuildId, UserId};
use crate::refusal::{
    CANNOT_REACH, MISSING_ACCESS, Refusal, UNAUTHORIZED, UNKNOWN_MEMBER, UNKNOWN_USER,
};
use crate::state::State;
use crate::state::model::Guild;
use crate::state::permissions::Permissions;
use crate::state::render::guild_json;

/// Guilds that are handed out at once.
const GUILDS: u64 = 200;

#[expect(clippy::unnecessary_wraps, reason = "a handler like the others")]
pub(super) fn gateway(state: &mut State, _: &Call) -> Answer {
    Ok(Reply::ok(json!({ "url": gateway_url(state) })))
}

#[expect(clippy::unnecessary_wraps, reason = "a handler like the others")]
pub(super) fn gateway_bot(state: &mut State, call: &Call) -> Answer {
    let left = call
        .app
        .and_then(|app| state.apps.get(&app))
        .map_or(0, |app| app.starts_left);
    Ok(Reply::ok(json!({
        "url": gateway_url(state),
        "shards": 1,
        "session_start_limit": {
            "total": 1000,
            "remaining": left,
            "reset_after": 86_400_000,
            "max_concurrency": 1,
        },
    })))
}

pub(super) fn own_user(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(own_json(state.user_json(call.bot()?))))
}

pub(super) fn user(state: &mut State, call: &Call) -> Answer {
    let id: UserId = call.id(1)?;
    state.users.get(&id).ok_or(UNKNOWN_USER)?;
    Ok(Reply::ok(state.user_json(id)))
}

/// Opens the channel between the bot and a person.
pub(super) fn direct(state: &mut State, call: &Call) -> Answer {
    let bot = call.bot()?;
    let person = call.body["recipient_id"]
        .as_str()
        .and_then(|id| id.parse().ok());
    let person: UserId = person.ok_or(UNKNOWN_USER)?;
    if state.users.get(&person).is_none_or(|user| user.bot) {
        return Err(CANNOT_REACH);
    }
    let channel = state.direct(person, bot);
    Ok(Reply::ok(state.channel_json(state.channel(channel)?)))
}

pub(super) fn own_app(state: &mut State, call: &Call) -> Answer {
    let app: AppId = call.app.ok_or(UNAUTHORIZED)?;
    Ok(Reply::ok(state.app_json(app)))
}

/// The guilds that the bot is in, the oldest first.
pub(super) fn own_guilds(state: &mut State, call: &Call) -> Answer {
    let bot = call.bot()?;
    let mut form = Form::default();
    let limit = call.page_size(&mut form, GUILDS, GUILDS);
    form.finish()?;
    let at = |name: &str| call.query.get(name).and_then(|id| id.parse::<u64>().ok());
    let (after, before) = (at("after"), at("before"));
    let in_page = |guild: &&Guild| {
        guild.members.contains_key(&bot)
            && after.is_none_or(|after| guild.id.0 > after)
            && before.is_none_or(|before| guild.id.0 < before)
    };
    let mut guilds: Vec<&Guild> = state.guilds.values().filter(in_page).collect();
    // With `before` alone it is the page that ends there.
    if before.is_some() && after.is_none() {
        guilds = guilds.split_off(guilds.len().saturating_sub(limit));
    }
    guilds.truncate(limit);
    let json = |guild: &Guild| {
        let mut json = json!({
            "id": guild.id,
            "name": guild.name,
            "icon": null,
            "banner": null,
            "owner": guild.owner == bot,
            "permissions": State::permissions_in(bot, guild).0.to_string(),
            "features": [],
        });
        if call.asks("with_counts") {
            json["approximate_member_count"] = json!(guild.members.len());
            json["approximate_presence_count"] = json!(guild.members.len());
        }
        json
    };
    Ok(Reply::ok(guilds.into_iter().map(json).collect()))
}

/// The guild in the path, if the bot is in it.
pub(super) fn own_guild<'a>(
    state: &'a State,
    call: &Call,
    at: usize,
) -> Result<&'a Guild, Refusal> {
    let guild = state.guild(call.id::<GuildId>(at)?)?;
    if guild.members.contains_key(&call.bot()?) {
        Ok(guild)
    } else {
        Err(MISSING_ACCESS)
    }
}

pub(super) fn guild(state: &mut State, call: &Call) -> Answer {
    Ok(Reply::ok(guild_json(own_guild(state, call, 1)?)))
}

pub(super) fn channels(state: &mut State, call: &Call) -> Answer {
    let guild = own_guild(state, call, 1)?;
    let channels = state
        .channels
        .values()
        .filter(|one| one.guild() == Some(guild.id) && one.thread.is_none());
    Ok(Reply::ok(
        channels.map(|one| state.channel_json(one)).collect(),
    ))
}

pub(super) fn roles(state: &mut State, call: &Call) -> Answer {
    let mut guild = guild_json(own_guild(state, call, 1)?);
    Ok(Reply::ok(guild["roles"].take()))
}

pub(super) fn member(state: &mut State, call: &Call) -> Answer {
    let guild = own_guild(state, call, 1)?;
    let id = if call.segment(3) == "@me" {
        call.bot()?
    } else {
        call.id(3)?
    };
    if !guild.members.contains_key(&id) {
        return Err(UNKNOWN_MEMBER);
    }
    let json: Value = state.member_json(guild, id);
    Ok(Reply::ok(json))
}

pub(super) fn channel(state: &mut State, call: &Call) -> Answer {
    let id: ChannelId = call.id(1)?;
    let channel = state.may(call.bot()?, id, Permissions::VIEW_CHANNEL)?;
    Ok(Reply::ok(state.channel_json(channel)))
}

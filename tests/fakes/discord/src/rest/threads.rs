//! Threads, and the few changes of channels that a bot makes.

use serde_json::json;

use super::call::Call;
use super::lookups::own_guild;
use super::reply::{Answer, Reply};
use crate::check::form::Form;
use crate::ids::{ChannelId, MessageId};
use crate::refusal::{MISSING_PERMISSIONS, Refusal, WRONG_CHANNEL_TYPE};
use crate::state::State;
use crate::state::permissions::Permissions;
use crate::state::threads::NewThread;

/// Minutes after which a thread may be made to archive itself.
const AUTO_ARCHIVE: [u64; 4] = [60, 1440, 4320, 10080];

/// The type of a public thread.
const PUBLIC: u64 = 11;

pub(super) fn begin_at_message(state: &mut State, call: &Call) -> Answer {
    begun(state, call, Some(call.id(3)?))
}

/// Without a message a thread is private, unless its body asks for the public type.
pub(super) fn begin(state: &mut State, call: &Call) -> Answer {
    begun(state, call, None)
}

fn begun(state: &mut State, call: &Call, at: Option<MessageId>) -> Answer {
    let (owner, parent) = (call.bot()?, call.id::<ChannelId>(1)?);
    let private = at.is_none() && call.body["type"] != PUBLIC;
    let needed = if private {
        Permissions::CREATE_PRIVATE_THREADS
    } else {
        Permissions::CREATE_PUBLIC_THREADS
    };
    state.may(owner, parent, needed)?;
    let (name, auto_archive) = checked(call, true)?;
    let new = NewThread {
        parent,
        at,
        name: name.unwrap_or_default(),
        owner,
        auto_archive,
        private,
    };
    let json = state.begin_thread(&new)?;
    Ok(Reply::created(json))
}

fn checked(call: &Call, named: bool) -> Result<(Option<&str>, Option<u64>), Refusal> {
    let mut form = Form::default();
    let body = &call.body;
    let name = if named || !body["name"].is_null() {
        form.text("name", &body["name"], &(1..=100))
    } else {
        None
    };
    let minutes = &body["auto_archive_duration"];
    let minutes = if minutes.is_null() {
        None
    } else {
        form.one_of("auto_archive_duration", minutes, &AUTO_ARCHIVE)
    };
    form.finish()?;
    Ok((name, minutes))
}

/// A thread's owner may archive and rename it; to lock it, or to open a locked one, it takes more.
pub(super) fn change(state: &mut State, call: &Call) -> Answer {
    let (who, id) = (call.bot()?, call.id::<ChannelId>(1)?);
    let channel = state.may(who, id, Permissions::VIEW_CHANNEL)?;
    let manages = state.permissions(who, id).has(Permissions::MANAGE_THREADS);
    let thread = channel.thread.as_ref().ok_or(MISSING_PERMISSIONS)?;
    let only_opens = call.body["archived"] == false
        && call.body.as_object().is_some_and(|parts| parts.len() == 1)
        && state
            .permissions(who, id)
            .has(Permissions::SEND_MESSAGES_IN_THREADS);
    let owns = thread.owner == who && call.body["locked"].is_null();
    if !(manages || (owns || only_opens) && !thread.locked) {
        return Err(MISSING_PERMISSIONS);
    }
    if thread.archived && call.body["archived"] != false {
        return Err(crate::refusal::THREAD_ARCHIVED);
    }
    checked(call, false)?;
    let json = state.change_channel(id, &call.body)?;
    Ok(Reply::ok(json))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let (who, id) = (call.bot()?, call.id::<ChannelId>(1)?);
    state.may(who, id, Permissions::MANAGE_THREADS)?;
    Ok(Reply::ok(state.remove_channel(id)?))
}

pub(super) fn active(state: &mut State, call: &Call) -> Answer {
    state.archive_the_quiet();
    let guild = own_guild(state, call, 1)?.id;
    let bot = call.bot()?;
    let threads = state.channels.values().filter(|one| {
        one.guild() == Some(guild) && one.thread.as_ref().is_some_and(|thread| !thread.archived)
    });
    let threads = threads
        .filter(|one| state.sees(bot, one.id))
        .map(|one| state.channel_json(one));
    Ok(Reply::ok(
        json!({ "threads": threads.collect::<Vec<_>>(), "members": [], "has_more": false }),
    ))
}

pub(super) fn archived(state: &mut State, call: &Call) -> Answer {
    state.archive_the_quiet();
    let parent: ChannelId = call.id(1)?;
    state.may(call.bot()?, parent, Permissions::READ_MESSAGE_HISTORY)?;
    let threads = state.threads_of(parent);
    let threads = threads.filter(|one| one.thread.as_ref().is_some_and(|thread| thread.archived));
    let mut threads: Vec<_> = threads.map(|one| state.channel_json(one)).collect();
    threads.reverse();
    Ok(Reply::ok(
        json!({ "threads": threads, "members": [], "has_more": false }),
    ))
}

pub(super) fn join(state: &mut State, call: &Call) -> Answer {
    let (who, id) = (call.bot()?, call.id::<ChannelId>(1)?);
    state.may(who, id, Permissions::VIEW_CHANNEL)?;
    let channel = state
        .channels
        .get_mut(&id)
        .and_then(|channel| channel.thread.as_mut());
    channel.ok_or(WRONG_CHANNEL_TYPE)?.members.insert(who);
    Ok(Reply::nothing())
}

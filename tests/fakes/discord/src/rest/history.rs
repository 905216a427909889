//! What was posted in a channel, in pages.

use serde_json::json;

use super::call::Call;
use super::messages::as_read;
use super::reply::{Answer, Reply};
use crate::check::form::Form;
use crate::ids::ChannelId;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::model::Message;
use crate::state::permissions::Permissions;

/// Messages that are handed out at once.
const PAGE: u64 = 100;
const DEFAULT_PAGE: u64 = 50;

/// From where a page is counted.
enum From {
    Before(u64),
    After(u64),
    Around(u64),
    End,
}

/// The newest first. Who may not read what was before gets an empty list.
pub(super) fn history(state: &mut State, call: &Call) -> Answer {
    let (reader, channel) = (call.bot()?, call.id::<ChannelId>(1)?);
    state.may(reader, channel, Permissions::VIEW_CHANNEL)?;
    let (from, size) = asked(call)?;
    let has = state.permissions(reader, channel);
    if !has.has(Permissions::READ_MESSAGE_HISTORY) {
        return Ok(Reply::ok(json!([])));
    }
    let all = state.messages.get(&channel);
    let all = all.into_iter().flat_map(|messages| messages.values());
    let all: Vec<&Message> = all.filter(|message| message.only_for.is_none()).collect();
    let page = page(&all, &from, size).iter().rev();
    Ok(Reply::ok(
        page.map(|message| as_read(state, call, message)).collect(),
    ))
}

/// A part of what is sorted by id.
fn page<'a, 'm>(all: &'a [&'m Message], from: &From, size: usize) -> &'a [&'m Message] {
    let before = |id: u64| all.partition_point(|message| message.id.0 < id);
    let (start, end) = match from {
        From::Before(id) => (before(*id).saturating_sub(size), before(*id)),
        From::After(id) => (before(id + 1), before(id + 1) + size),
        From::Around(id) => {
            let start = before(*id).saturating_sub(size / 2);
            (start, start + size)
        }
        From::End => (all.len().saturating_sub(size), all.len()),
    };
    &all[start..end.min(all.len())]
}

fn asked(call: &Call) -> Result<(From, usize), Refusal> {
    let mut form = Form::default();
    let size = call.page_size(&mut form, PAGE, DEFAULT_PAGE);
    let at = |name: &str| call.query.get(name).and_then(|id| id.parse().ok());
    let from = match (at("before"), at("after"), at("around")) {
        (Some(id), None, None) => From::Before(id),
        (None, Some(id), None) => From::After(id),
        (None, None, Some(id)) => From::Around(id),
        (None, None, None) => From::End,
        _ => {
            let message = "before, after and around are mutually exclusive";
            form.refuse("before", "MUTUALLY_EXCLUSIVE_FIELDS", message);
            From::End
        }
    };
    form.finish()?;
    Ok((from, size))
}

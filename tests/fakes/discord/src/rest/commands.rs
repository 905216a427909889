//! Registering commands.

use serde_json::Value;

use super::call::Call;
use super::lookups::own_guild;
use super::reply::{Answer, Reply};
use crate::check::commands::{COMMANDS, check, check_all, kind};
use crate::ids::{AppId, CommandId, GuildId};
use crate::refusal::{Refusal, TOO_MANY_COMMANDS, TOO_MANY_CREATED, UNKNOWN_COMMAND};
use crate::state::State;
use crate::state::model::Command;
use crate::state::render::command_json;

/// Commands that an application may create in a scope within a day; overwriting with what is there
/// does not count.
const CREATED_A_DAY: usize = 200;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Whose commands, and where they are known.
#[derive(Clone, Copy)]
struct Scope {
    app: AppId,
    guild: Option<GuildId>,
}

impl Scope {
    fn of(state: &State, call: &Call) -> Result<Self, Refusal> {
        let app = call.own_app(1)?;
        let guild = match call.segment(2) {
            "guilds" => Some(own_guild(state, call, 3)?.id),
            _ => None,
        };
        Ok(Self { app, guild })
    }

    fn has(self, command: &Command) -> bool {
        command.app == self.app && command.guild == self.guild
    }

    fn named(self, state: &State, body: &Value) -> Option<CommandId> {
        let same = |one: &&Command| {
            self.has(one) && one.body["name"] == body["name"] && kind(&one.body) == kind(body)
        };
        state.commands.iter().find(same).map(|command| command.id)
    }

    fn found(self, state: &State, call: &Call) -> Result<CommandId, Refusal> {
        let id: CommandId = call.id(call.segments.len() - 1)?;
        let mut all = state.commands.iter();
        all.find(|one| self.has(one) && one.id == id)
            .map(|one| one.id)
            .ok_or(UNKNOWN_COMMAND)
    }
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let scope = Scope::of(state, call)?;
    let own = state.commands.iter().filter(|one| scope.has(one));
    Ok(Reply::ok(own.map(command_json).collect()))
}

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let id = Scope::of(state, call)?.found(state, call)?;
    shown(state, id).map(Reply::ok)
}

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let scope = Scope::of(state, call)?;
    check(&call.body)?;
    let known = scope.named(state, &call.body);
    let own = state.commands.iter().filter(|one| scope.has(one)).count();
    if known.is_none() && own >= COMMANDS {
        return Err(TOO_MANY_COMMANDS);
    }
    let id = put(state, scope, &call.body)?;
    let json = shown(state, id)?;
    Ok(if known.is_some() {
        Reply::ok(json)
    } else {
        Reply::created(json)
    })
}

/// All commands of a scope at once: what is not in the list is gone, what has a known name keeps its id.
pub(super) fn overwrite(state: &mut State, call: &Call) -> Answer {
    let scope = Scope::of(state, call)?;
    let bodies = call.body.as_array().ok_or(crate::refusal::NOT_JSON)?;
    check_all(bodies)?;
    let fresh = bodies
        .iter()
        .filter(|body| scope.named(state, body).is_none())
        .count();
    may_create(state, scope, fresh)?;
    let mut kept = Vec::new();
    for body in bodies {
        kept.push(put(state, scope, body)?);
    }
    state
        .commands
        .retain(|one| !scope.has(one) || kept.contains(&one.id));
    let all: Result<Vec<Value>, Refusal> = kept.into_iter().map(|id| shown(state, id)).collect();
    Ok(Reply::ok(all?.into()))
}

pub(super) fn edit(state: &mut State, call: &Call) -> Answer {
    let id = Scope::of(state, call)?.found(state, call)?;
    let found = state
        .commands
        .iter()
        .find(|one| one.id == id)
        .ok_or(UNKNOWN_COMMAND)?;
    let mut body = found.body.clone();
    crate::state::render::merge(&mut body, call.body.clone());
    check(&body)?;
    change(state, id, &body);
    shown(state, id).map(Reply::ok)
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let id = Scope::of(state, call)?.found(state, call)?;
    state.commands.retain(|one| one.id != id);
    Ok(Reply::nothing())
}

fn shown(state: &State, id: CommandId) -> Result<Value, Refusal> {
    let found = state.commands.iter().find(|one| one.id == id);
    found.map(command_json).ok_or(UNKNOWN_COMMAND)
}

/// Changes the command of this name, or makes it.
fn put(state: &mut State, scope: Scope, body: &Value) -> Result<CommandId, Refusal> {
    if let Some(id) = scope.named(state, body) {
        change(state, id, body);
        return Ok(id);
    }
    may_create(state, scope, 1)?;
    let now = state.now_ms();
    state.created.push((scope.app, scope.guild, now));
    let id = CommandId(state.fresh());
    let command = Command {
        id,
        app: scope.app,
        guild: scope.guild,
        version: id.0,
        body: body.clone(),
    };
    state.commands.push(command);
    Ok(id)
}

fn change(state: &mut State, id: CommandId, body: &Value) {
    let version = state.fresh();
    if let Some(command) = state
        .commands
        .iter_mut()
        .find(|one| one.id == id && one.body != *body)
    {
        command.body = body.clone();
        command.version = version;
    }
}

fn may_create(state: &State, scope: Scope, count: usize) -> Result<(), Refusal> {
    let now = state.now_ms();
    let today = state.created.iter().filter(|(app, guild, at)| {
        *app == scope.app && *guild == scope.guild && now.saturating_sub(*at) < DAY_MS
    });
    if today.count() + count > CREATED_A_DAY {
        Err(TOO_MANY_CREATED)
    } else {
        Ok(())
    }
}

//! Which request goes where, and which bucket it counts in.

use super::call::Call;
use super::limits::Rule;
use super::reply::Answer;
use super::{commands, history, interactions, lookups, messages, threads};
use crate::state::State;

/// One route.
pub(crate) struct Route {
    pub(crate) handler: fn(&mut State, &Call) -> Answer,
    /// What shares its limit.
    pub(crate) bucket: &'static str,
    /// The place of the channel, guild or webhook in the path.
    pub(crate) major: Option<usize>,
    pub(crate) rule: Rule,
    /// A bot's token is asked for; else the path has one of its own.
    pub(crate) bots_only: bool,
}

const fn every(limit: u32, seconds: u64) -> Rule {
    Rule {
        limit,
        window_ms: seconds * 1_000,
    }
}

const PLAIN: Rule = every(10, 1);
const POSTS: Rule = every(5, 5);
const DELETES: Rule = every(5, 1);
const HISTORY: Rule = every(5, 5);
const THREADS: Rule = every(50, 300);
const REACTIONS: Rule = every(4, 1);
const COMMANDS: Rule = every(5, 20);
const WEBHOOKS: Rule = every(5, 2);
const CALLBACKS: Rule = every(5, 5);

/// Finds the route of a request.
pub(crate) fn find(method: &str, segments: &[&str]) -> Option<Route> {
    let bot = |handler, bucket, major, rule| Route {
        handler,
        bucket,
        major,
        rule,
        bots_only: true,
    };
    let open = |handler, bucket, major, rule| Route {
        bots_only: false,
        ..bot(handler, bucket, major, rule)
    };
    Some(match (method, segments) {
        ("GET", ["gateway"]) => open(lookups::gateway, "gateway", None, PLAIN),
        ("GET", ["gateway", "bot"]) => bot(lookups::gateway_bot, "gateway/bot", None, every(2, 5)),
        ("GET", ["users", "@me"]) => bot(lookups::own_user, "users/@me", None, PLAIN),
        ("POST", ["users", "@me", "channels"]) => {
            bot(lookups::direct, "users/@me/channels", None, PLAIN)
        }
        ("GET", ["users", "@me", "guilds"]) => {
            bot(lookups::own_guilds, "users/@me/guilds", None, PLAIN)
        }
        ("GET", ["users", _]) => bot(lookups::user, "users", None, PLAIN),
        ("GET", ["applications" | "oauth2", .., "@me"]) => {
            bot(lookups::own_app, "applications/@me", None, PLAIN)
        }
        ("GET", ["guilds", _]) => bot(lookups::guild, "guilds", Some(1), PLAIN),
        ("GET", ["guilds", _, "channels"]) => {
            bot(lookups::channels, "guilds/channels", Some(1), PLAIN)
        }
        ("GET", ["guilds", _, "roles"]) => bot(lookups::roles, "guilds/roles", Some(1), PLAIN),
        ("GET", ["guilds", _, "members", _]) => {
            bot(lookups::member, "guilds/members", Some(1), PLAIN)
        }
        ("GET", ["guilds", _, "threads", "active"]) => {
            bot(threads::active, "guilds/threads", Some(1), PLAIN)
        }
        ("GET", ["channels", _]) => bot(lookups::channel, "GET channels", Some(1), PLAIN),
        ("PATCH", ["channels", _]) => bot(threads::change, "PATCH channels", Some(1), POSTS),
        ("DELETE", ["channels", _]) => bot(threads::delete, "DELETE channels", Some(1), POSTS),
        ("POST", ["channels", _, "typing"]) => bot(messages::typing, "typing", Some(1), POSTS),
        ("GET", ["channels", _, "messages"]) => {
            bot(history::history, "GET messages", Some(1), HISTORY)
        }
        ("GET", ["channels", _, "messages", _]) => {
            bot(messages::get, "GET message", Some(1), HISTORY)
        }
        ("POST", ["channels", _, "messages"]) => {
            bot(messages::create, "POST messages", Some(1), POSTS)
        }
        ("PATCH", ["channels", _, "messages", _]) => {
            bot(messages::edit, "PATCH message", Some(1), POSTS)
        }
        ("DELETE", ["channels", _, "messages", _]) => {
            bot(messages::delete, "DELETE message", Some(1), DELETES)
        }
        ("PUT" | "DELETE", ["channels", _, "messages", _, "reactions", _, "@me"]) => {
            bot(messages::react, "reactions", Some(1), REACTIONS)
        }
        ("POST", ["channels", _, "messages", _, "threads"]) => {
            bot(threads::begin_at_message, "POST threads", Some(1), THREADS)
        }
        ("POST", ["channels", _, "threads"]) => {
            bot(threads::begin, "POST threads", Some(1), THREADS)
        }
        ("GET", ["channels", _, "threads", "archived", "public"]) => {
            bot(threads::archived, "GET archived threads", Some(1), PLAIN)
        }
        ("PUT", ["channels", _, "thread-members", "@me"]) => {
            bot(threads::join, "thread-members", Some(1), PLAIN)
        }
        ("POST", ["interactions", _, _, "callback"]) => {
            open(interactions::callback, "callback", Some(2), CALLBACKS)
        }
        (_, ["applications", _, .., "commands"] | ["applications", _, .., "commands", _]) => {
            commands(method, segments)?
        }
        (_, ["webhooks", ..]) => webhooks(method, segments)?,
        _ => return None,
    })
}

fn commands(method: &str, segments: &[&str]) -> Option<Route> {
    let handler = match (method, segments.last() == Some(&"commands")) {
        ("GET", true) => commands::list,
        ("POST", true) => commands::create,
        ("PUT", true) => commands::overwrite,
        ("GET", false) => commands::get,
        ("PATCH", false) => commands::edit,
        ("DELETE", false) => commands::delete,
        _ => return None,
    };
    let guild = (segments.get(2) == Some(&"guilds")).then_some(3);
    let bucket = match (method, guild) {
        ("GET", None) => "GET commands",
        ("GET", Some(_)) => "GET guild commands",
        (_, None) => "commands",
        (_, Some(_)) => "guild commands",
    };
    Some(Route {
        handler,
        bucket,
        major: guild,
        rule: COMMANDS,
        bots_only: true,
    })
}

/// All edits of `@original` share one bucket per application; follow-ups have one of their own.
fn webhooks(method: &str, segments: &[&str]) -> Option<Route> {
    type Handler = fn(&mut State, &Call) -> Answer;
    let (handler, bucket): (Handler, _) = match (method, segments) {
        ("POST", ["webhooks", _, _]) => (interactions::follow_up, "POST webhook"),
        ("GET", ["webhooks", _, _, "messages", _]) => (interactions::get, "GET webhook message"),
        ("PATCH", ["webhooks", _, _, "messages", _]) => {
            (interactions::edit, "PATCH webhook message")
        }
        ("DELETE", ["webhooks", _, _, "messages", _]) => {
            (interactions::delete, "DELETE webhook message")
        }
        _ => return None,
    };
    Some(Route {
        handler,
        bucket,
        major: Some(1),
        rule: WEBHOOKS,
        bots_only: false,
    })
}

//! How things look: a channel as one member sees it, as text that says the same each time.

use serde_json::Value;

use crate::check::components::{BUTTON, LINK};
use crate::ids::{AppId, ChannelId, UserId};
use crate::state::State;
use crate::state::interaction::{Interaction, Kind};
use crate::state::model::{Channel, Message};
use crate::state::permissions::Permissions;
use crate::state::posting::LOADING;
use crate::state::threads::STARTER;

/// A request to the API, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it came, in milliseconds since 1970 by this Discord's clock.
    pub at_ms: u64,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path after `/api/v10`.
    pub path: String,
    /// The status of the answer; none while it is being made.
    pub status: Option<u16>,
    /// Whose token came with it.
    pub app: Option<AppId>,
}

/// Somebody was pinged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// By whose message.
    pub by: UserId,
    /// Where.
    pub channel: ChannelId,
    /// `@everyone`, `@ann`, `@operators`.
    pub whom: String,
}

/// A channel with its messages and threads.
pub(crate) fn channel(state: &State, who: UserId, id: ChannelId) -> String {
    let Some(found) = state.channels.get(&id) else {
        return "(there is no such channel)\n".to_owned();
    };
    if !state.sees(who, id) {
        return format!("({} does not see this channel)\n", state.name(who));
    }
    let mark = if found.guild().is_some() { '#' } else { '@' };
    let mut text = format!("{mark}{}\n", found.name);
    text.push_str(&messages(state, who, id));
    for thread in state
        .threads_of(id)
        .filter(|one| state.message(id, crate::ids::MessageId(one.id.0)).is_err())
    {
        text.push_str(&thread_text(state, who, thread));
    }
    text
}

fn messages(state: &State, who: UserId, id: ChannelId) -> String {
    if !state
        .permissions(who, id)
        .has(Permissions::READ_MESSAGE_HISTORY)
    {
        return "(no history)\n".to_owned();
    }
    let all = state
        .messages
        .get(&id)
        .into_iter()
        .flat_map(|messages| messages.values());
    let visible = all.filter(|message| {
        message.kind != STARTER && message.only_for.is_none_or(|only| only == who)
    });
    visible.map(|one| message(state, who, one)).collect()
}

/// A message with what hangs at it.
pub(crate) fn message(state: &State, who: UserId, message: &Message) -> String {
    let mut text = format!(
        "{}{}:\n",
        state.name(message.author),
        header(state, message)
    );
    push_lines(&mut text, "  ", &body(state, message));
    if let Some(thread) = state.channels.get(&ChannelId(message.id.0)) {
        text.push_str(&indented(&thread_text(state, who, thread), "  "));
    }
    text
}

/// A message without the thread that hangs at it.
pub(crate) fn message_alone(state: &State, message: &Message) -> String {
    format!(
        "{}{}:\n{}",
        state.name(message.author),
        header(state, message),
        body(state, message)
    )
}

fn header(state: &State, message: &Message) -> String {
    let mut notes = Vec::new();
    if let Some(it) = message
        .interaction
        .and_then(|id| state.interactions.get(&id))
    {
        notes.push(match it.kind {
            Kind::Command => format!("to {}'s {}", state.name(it.user), used(&it.data)),
            _ => format!("to {}", state.name(it.user)),
        });
    }
    if let Some(only) = message.only_for {
        notes.push(format!("only {} sees this", state.name(only)));
    }
    if message.edited_ms.is_some() {
        notes.push("edited".to_owned());
    }
    if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    }
}

/// A command with its group and sub-command.
pub(crate) fn used(data: &Value) -> String {
    let mut text = format!("/{}", data["name"].as_str().unwrap_or_default());
    let mut options = &data["options"];
    while let Some(inner) = options[0]
        .as_object()
        .filter(|one| one.contains_key("options"))
    {
        text.push(' ');
        text.push_str(inner["name"].as_str().unwrap_or_default());
        options = &inner["options"];
    }
    text
}

fn body(state: &State, message: &Message) -> String {
    let mut text = String::new();
    if message.flags & LOADING != 0 {
        text.push_str("is thinking…\n");
    }
    push_lines(&mut text, "", &readable(state, message, &message.content));
    for embed in &message.embeds {
        push_lines(
            &mut text,
            "┃ ",
            &readable(state, message, &embed_text(embed)),
        );
    }
    for row in &message.components {
        let parts = row["components"]
            .as_array()
            .into_iter()
            .flatten()
            .map(component);
        push_lines(&mut text, "", &parts.collect::<Vec<_>>().join(" "));
    }
    for file in &message.attachments {
        push_lines(
            &mut text,
            "",
            &format!("file {} ({})", file.name, file.content_type),
        );
    }
    for (emoji, users) in &message.reactions {
        push_lines(&mut text, "", &format!("{emoji} {}", users.len()));
    }
    text
}

fn push_lines(to: &mut String, before: &str, text: &str) {
    for line in text.lines() {
        to.push_str(before);
        to.push_str(line);
        to.push('\n');
    }
}

fn indented(text: &str, by: &str) -> String {
    let mut result = String::new();
    push_lines(&mut result, by, text);
    result
}

fn embed_text(embed: &Value) -> String {
    let mut lines = Vec::new();
    let mut add = |value: &Value| {
        if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
            lines.push(text.to_owned());
        }
    };
    add(&embed["author"]["name"]);
    add(&embed["title"]);
    add(&embed["description"]);
    for field in embed["fields"].as_array().into_iter().flatten() {
        let (name, value) = (field["name"].as_str(), field["value"].as_str());
        let value = value.unwrap_or_default();
        let between = if value.contains('\n') { "\n" } else { " " };
        lines.push(format!("{}:{between}{value}", name.unwrap_or_default()));
    }
    for part in ["image", "thumbnail"] {
        if let Some(url) = embed[part]["url"].as_str() {
            lines.push(format!("{part} {}", url.rsplit('/').next().unwrap_or(url)));
        }
    }
    if let Some(text) = embed["footer"]["text"].as_str() {
        lines.push(format!("— {text}"));
    }
    lines.join("\n")
}

fn component(component: &Value) -> String {
    let label = component["label"]
        .as_str()
        .or_else(|| component["emoji"]["name"].as_str());
    let off = if component["disabled"] == true {
        ", disabled"
    } else {
        ""
    };
    if component["type"] == BUTTON {
        let label = label.unwrap_or_default();
        return match component["url"]
            .as_str()
            .filter(|_| component["style"] == LINK)
        {
            Some(url) => format!("[{label} → {url}]"),
            None => format!("[{label}{off}]"),
        };
    }
    let options = component["options"].as_array().into_iter().flatten();
    let options: Vec<&str> = options
        .filter_map(|option| option["label"].as_str())
        .collect();
    let placeholder = component["placeholder"]
        .as_str()
        .unwrap_or("Make a selection");
    format!("{{{placeholder}{off}: {}}}", options.join(" | "))
}

/// Mentions as names, as the client shows them.
fn readable(state: &State, message: &Message, text: &str) -> String {
    let guild = state.guild_of(message.channel);
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        result.push_str(before);
        let shown = after.split_once('>').and_then(|(inside, after)| {
            let number = |prefix: &str| inside.strip_prefix(prefix)?.parse::<u64>().ok();
            let name = if let Some(id) = number("@&") {
                let role = guild?.roles.get(&crate::ids::RoleId(id))?;
                format!("@{}", role.name.trim_start_matches('@'))
            } else if let Some(id) = number("@").or_else(|| number("@!")) {
                format!("@{}", state.users.get(&UserId(id))?.name)
            } else if let Some(id) = number("#") {
                format!("#{}", state.channels.get(&ChannelId(id))?.name)
            } else {
                inside
                    .strip_prefix('/')?
                    .split_once(':')
                    .map(|(name, _)| format!("/{name}"))?
            };
            Some((name, after))
        });
        if let Some((name, after)) = shown {
            result.push_str(&name);
            rest = after;
        } else {
            result.push('<');
            rest = after;
        }
    }
    result.push_str(rest);
    result
}

fn thread_text(state: &State, who: UserId, channel: &Channel) -> String {
    let visible = channel
        .thread
        .as_ref()
        .filter(|_| state.sees(who, channel.id));
    let Some(thread) = visible else {
        return String::new();
    };
    let notes: Vec<&str> = [("archived", thread.archived), ("locked", thread.locked)]
        .iter()
        .filter(|(_, is)| *is)
        .map(|(note, _)| *note)
        .collect();
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    };
    let inside = indented(&messages(state, who, channel.id), "  ");
    format!("└ thread {}{notes}\n{inside}", channel.name)
}

/// What a person sees of their own act.
pub(crate) fn act(state: &State, who: UserId, it: &Interaction) -> String {
    if it.has_failed(state.now_ms()) {
        return "The application did not respond\n".to_owned();
    }
    if let Some(modal) = &it.modal {
        return form(modal);
    }
    if it.kind == Kind::Autocomplete {
        let names = it
            .choices
            .iter()
            .filter_map(|choice| choice["name"].as_str());
        let names: Vec<&str> = names.collect();
        return indented(&names.join("\n"), "");
    }
    let shown = it.original.iter().chain(&it.followups);
    let found = shown.filter_map(|id| state.message(it.channel, *id).ok());
    found.map(|one| message(state, who, one)).collect()
}

fn form(modal: &Value) -> String {
    let mut text = format!("form {}\n", modal["title"].as_str().unwrap_or_default());
    let rows = modal["components"].as_array().into_iter().flatten();
    for input in rows.flat_map(|row| row["components"].as_array().into_iter().flatten()) {
        let label = input["label"].as_str().unwrap_or_default();
        let optional = if input["required"] == false {
            " (optional)"
        } else {
            ""
        };
        let value = input["value"].as_str().unwrap_or_default();
        text.push_str(format!("  {label}{optional}: {value}").trim_end());
        text.push('\n');
    }
    text
}

/// Who was pinged by whom, in the order in which it happened.
pub(crate) fn pings(state: &State) -> Vec<Ping> {
    let mut all: Vec<&Message> = state
        .messages
        .values()
        .flat_map(|messages| messages.values())
        .collect();
    all.sort_by_key(|message| message.id);
    let mut pings = Vec::new();
    for message in all
        .into_iter()
        .filter(|message| !message.mentions.is_empty())
    {
        let mut add = |whom: String| {
            pings.push(Ping {
                by: message.author,
                channel: message.channel,
                whom,
            });
        };
        if message.mentions.everyone {
            add("@everyone".to_owned());
        }
        for user in &message.mentions.users {
            add(format!("@{}", state.name(*user)));
        }
        let guild = state.guild_of(message.channel);
        for role in &message.mentions.roles {
            let role = guild.and_then(|guild| guild.roles.get(role));
            add(format!(
                "@{}",
                role.map_or("role", |role| role.name.as_str())
            ));
        }
    }
    pings
}

//! A line like `/deploy service:shop/web version:v2`, read by what the command has registered.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{Error, refused};
use crate::ids::{AttachmentId, ChannelId, GuildId, RoleId, UserId};
use crate::state::State;
use crate::state::model::Attachment;
use crate::state::permissions::Permissions;

const SUB_COMMAND: u64 = 1;
const SUB_COMMAND_GROUP: u64 = 2;
const STRING: u64 = 3;
const INTEGER: u64 = 4;
const BOOLEAN: u64 = 5;
const USER: u64 = 6;
const CHANNEL: u64 = 7;
const ROLE: u64 = 8;
const MENTIONABLE: u64 = 9;
const NUMBER: u64 = 10;
const ATTACHMENT: u64 = 11;

/// What a person gives for an option.
#[derive(Clone, Debug)]
pub enum Given {
    /// What is typed: a text, a number, `true`, `@ann`, `#ops`, the name of a choice.
    Typed(String),
    /// A person picked from the list.
    User(UserId),
    /// A channel picked from the list.
    Channel(ChannelId),
    /// A role picked from the list.
    Role(RoleId),
    /// A file.
    File {
        /// Its name.
        name: String,
        /// Its MIME type.
        content_type: String,
        /// What is in it.
        bytes: Bytes,
    },
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Typed(text.to_owned())
    }
}

/// A line cut into its words: the way to the command's options, and what is given for each.
pub(crate) struct Line<'a> {
    /// The command and, if there are any, group and sub-command.
    pub(crate) words: Vec<&'a str>,
    pub(crate) given: Vec<(String, Given)>,
}

/// An interaction's data, and the type of the option that is being typed.
pub(crate) struct Data {
    pub(crate) json: Value,
    pub(crate) option_type: u64,
}

/// Cuts a line by the options that its command has.
pub(crate) fn cut<'a>(line: &'a str, command: &Value) -> Result<Line<'a>, Error> {
    let Some(rest) = line.strip_prefix('/') else {
        return refused(format!(
            "\"{line}\" is not a command: it has no / before it"
        ));
    };
    let (name, mut rest) = word(rest);
    let mut words = vec![name];
    let mut options = &command["options"];
    while let Some(inner) = nested(options) {
        let (name, after) = word(rest);
        let Some(found) = inner.iter().find(|option| option["name"] == name) else {
            return refused(format!("/{} has no \"{name}\"", words.join(" ")));
        };
        words.push(name);
        (rest, options) = (after, &found["options"]);
    }
    let names: Vec<&str> = options
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["name"].as_str())
        .collect();
    let given = pairs(rest, &names).map_err(|left| {
        Error::Refused(format!("/{} has no option for \"{left}\"", words.join(" ")))
    })?;
    Ok(Line { words, given })
}

fn word(text: &str) -> (&str, &str) {
    text.split_once(' ')
        .map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

/// The sub-commands and groups of a level, if it has such.
fn nested(options: &Value) -> Option<&Vec<Value>> {
    let options = options.as_array()?;
    let is_nested = |option: &Value| {
        matches!(
            option["type"].as_u64(),
            Some(SUB_COMMAND | SUB_COMMAND_GROUP)
        )
    };
    options.iter().any(is_nested).then_some(options)
}

/// The values between the names; the error is what stands before the first name.
fn pairs(text: &str, names: &[&str]) -> Result<Vec<(String, Given)>, String> {
    let mut starts: Vec<(usize, &str)> = Vec::new();
    for name in names {
        let mark = format!("{name}:");
        for (at, _) in text.match_indices(&mark) {
            if (at == 0 || text[..at].ends_with(' '))
                && starts.iter().all(|(_, known)| known != name)
            {
                starts.push((at, name));
            }
        }
    }
    starts.sort_unstable();
    let first = starts.first().map_or(text.len(), |(at, _)| *at);
    if !text[..first].trim().is_empty() {
        return Err(text[..first].trim().to_owned());
    }
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    let cut = starts.iter().zip(ends).map(|((at, name), end)| {
        let value = text[at + name.len() + 1..end].trim();
        ((*name).to_owned(), Given::Typed(value.to_owned()))
    });
    Ok(cut.collect())
}

/// Fits what is given to the options of a command. Being typed (`focused`), nothing has to be complete.
pub(crate) fn fit(
    state: &mut State,
    guild: GuildId,
    command: &Value,
    line: Line<'_>,
    focused: Option<&str>,
) -> Result<Data, Error> {
    let mut options = &command["options"];
    let mut path = Vec::new();
    for word in line.words.iter().skip(1) {
        let found = options
            .as_array()
            .and_then(|all| all.iter().find(|one| one["name"] == *word));
        let Some(found) = found else {
            return refused(format!("/{} is not a command", line.words.join(" ")));
        };
        path.push(found);
        options = &found["options"];
    }
    let mut fitting = Fitting {
        state,
        guild,
        resolved: json!({}),
    };
    let (mut fitted, mut option_type) = (Vec::new(), STRING);
    let registered = options.as_array().map_or(&[][..], Vec::as_slice);
    for (name, _) in &line.given {
        if !registered
            .iter()
            .any(|option| option["name"] == name.as_str())
        {
            return refused(format!("/{} has no option {name}", line.words.join(" ")));
        }
    }
    for (name, given) in line.given {
        let Some(option) = registered
            .iter()
            .find(|option| option["name"] == name.as_str())
        else {
            continue;
        };
        if focused == Some(&name) {
            let Given::Typed(typed) = given else { continue };
            if option["autocomplete"] != true {
                return refused(format!("the option {name} has no autocomplete"));
            }
            option_type = option["type"].as_u64().unwrap_or(STRING);
            fitted.push(
                json!({ "name": name, "type": option_type, "value": typed, "focused": true }),
            );
            continue;
        }
        match fitting.value(option, given) {
            Ok(value) => {
                fitted.push(json!({ "name": name, "type": option["type"], "value": value }));
            }
            Err(_) if focused.is_some() => {}
            Err(why) => return refused(format!("the option {name}: {why}")),
        }
    }
    if focused.is_none() {
        let given = |option: &Value| fitted.iter().any(|one| one["name"] == option["name"]);
        if let Some(missing) = registered
            .iter()
            .find(|one| one["required"] == true && !given(one))
        {
            let name = missing["name"].as_str().unwrap_or_default();
            return refused(format!("/{} needs the option {name}", line.words.join(" ")));
        }
    } else if !fitted.iter().any(|one| one["focused"] == true) {
        return refused("no option is being typed");
    }
    let resolved = fitting.resolved;
    let mut options = Value::from(fitted);
    for level in path.iter().rev() {
        options = json!([{ "name": level["name"], "type": level["type"], "options": options }]);
    }
    let mut json = json!({ "name": command["name"], "type": 1, "options": options });
    if resolved != json!({}) {
        json["resolved"] = resolved;
    }
    Ok(Data { json, option_type })
}

/// Turns what is given into values, and notes what Discord tells about the ids among them.
struct Fitting<'a> {
    state: &'a mut State,
    guild: GuildId,
    resolved: Value,
}

impl Fitting<'_> {
    fn value(&mut self, option: &Value, given: Given) -> Result<Value, String> {
        let kind = option["type"].as_u64().unwrap_or(STRING);
        match (kind, given) {
            (STRING | INTEGER | NUMBER, Given::Typed(text)) => {
                let choices = option["choices"]
                    .as_array()
                    .filter(|choices| !choices.is_empty());
                match choices {
                    Some(choices) => choice(choices, &text),
                    None => plain(option, kind, &text),
                }
            }
            (BOOLEAN, Given::Typed(text)) => match text.to_lowercase().as_str() {
                "true" => Ok(true.into()),
                "false" => Ok(false.into()),
                _ => Err(format!("\"{text}\" is neither true nor false")),
            },
            (USER | MENTIONABLE, Given::User(id)) => self.user(id),
            (ROLE | MENTIONABLE, Given::Role(id)) => self.role(id),
            (CHANNEL, Given::Channel(id)) => self.channel(id),
            (USER | MENTIONABLE, Given::Typed(text)) if self.user_named(&text).is_some() => self
                .user_named(&text)
                .ok_or_else(String::new)
                .and_then(|id| self.user(id)),
            (ROLE | MENTIONABLE, Given::Typed(text)) => {
                let id = self
                    .role_named(&text)
                    .ok_or_else(|| format!("there is no {text}"))?;
                self.role(id)
            }
            (CHANNEL, Given::Typed(text)) => {
                let id = self
                    .channel_named(&text)
                    .ok_or_else(|| format!("there is no {text}"))?;
                self.channel(id)
            }
            (
                ATTACHMENT,
                Given::File {
                    name,
                    content_type,
                    bytes,
                },
            ) => Ok(self.file(name, content_type, bytes)),
            (_, given) => Err(format!("{given:?} does not fit")),
        }
    }

    fn note(&mut self, list: &str, id: &str, what: Value) {
        if self.resolved[list].is_null() {
            self.resolved[list] = json!({});
        }
        self.resolved[list][id] = what;
    }

    fn user_named(&self, text: &str) -> Option<UserId> {
        let name = text.trim_start_matches('@');
        let guild = self.state.guilds.get(&self.guild)?;
        let mut members = guild.members.keys();
        members
            .find(|id| {
                self.state
                    .users
                    .get(id)
                    .is_some_and(|user| user.name == name)
            })
            .copied()
    }

    fn user(&mut self, id: UserId) -> Result<Value, String> {
        let guild = self.state.guilds.get(&self.guild).ok_or("no such guild")?;
        let mut member = self.state.member_json(guild, id);
        let permissions = guild
            .members
            .get(&id)
            .map(|_| Permissions::EVERYONE)
            .unwrap_or_default();
        member["permissions"] = permissions.0.to_string().into();
        if let Value::Object(parts) = &mut member {
            for left_out in ["user", "deaf", "mute"] {
                parts.remove(left_out);
            }
        }
        let user = self.state.user_json(id);
        self.note("users", &id.to_string(), user);
        self.note("members", &id.to_string(), member);
        Ok(json!(id))
    }

    fn role_named(&self, text: &str) -> Option<RoleId> {
        let name = text.trim_start_matches('@');
        let guild = self.state.guilds.get(&self.guild)?;
        guild
            .roles
            .iter()
            .find(|(_, role)| role.name == name)
            .map(|(id, _)| *id)
    }

    fn role(&mut self, id: RoleId) -> Result<Value, String> {
        let guild = self.state.guilds.get(&self.guild).ok_or("no such guild")?;
        let guild = crate::state::render::guild_json(guild);
        let roles = guild["roles"].as_array();
        let role = roles.and_then(|roles| roles.iter().find(|role| role["id"] == id.to_string()));
        let role = role.cloned().ok_or("no such role")?;
        self.note("roles", &id.to_string(), role);
        Ok(json!(id))
    }

    fn channel_named(&self, text: &str) -> Option<ChannelId> {
        let name = text.trim_start_matches('#');
        let mut channels = self.state.channels.values();
        channels
            .find(|one| one.guild == self.guild && one.name == name)
            .map(|one| one.id)
    }

    fn channel(&mut self, id: ChannelId) -> Result<Value, String> {
        let channel = self.state.channels.get(&id).ok_or("no such channel")?;
        let mut json = self.state.channel_json(channel);
        json["permissions"] = Permissions::EVERYONE.0.to_string().into();
        self.note("channels", &id.to_string(), json);
        Ok(json!(id))
    }

    fn file(&mut self, name: String, content_type: String, bytes: Bytes) -> Value {
        let id = AttachmentId(self.state.fresh());
        let file = Attachment {
            id,
            name,
            content_type,
            description: None,
            bytes,
            ephemeral: true,
        };
        let json = self.state.attachment_json(ChannelId(0), &file);
        self.state.handed_in.push(file);
        self.note("attachments", &id.to_string(), json);
        json!(id)
    }
}

fn choice(choices: &[Value], text: &str) -> Result<Value, String> {
    let typed = |choice: &&Value| {
        let value = &choice["value"];
        let written = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        choice["name"] == text || written == text
    };
    let found = choices
        .iter()
        .find(typed)
        .map(|choice| choice["value"].clone());
    found.ok_or_else(|| format!("\"{text}\" is not one of the choices"))
}

fn plain(option: &Value, kind: u64, text: &str) -> Result<Value, String> {
    let outside = || format!("\"{text}\" is outside what is allowed");
    match kind {
        INTEGER => {
            let number: i64 = text
                .parse()
                .map_err(|_| format!("\"{text}\" is not a whole number"))?;
            let least = option["min_value"].as_i64().unwrap_or(-(1 << 53));
            let most = option["max_value"].as_i64().unwrap_or(1 << 53);
            if (least..=most).contains(&number) {
                Ok(number.into())
            } else {
                Err(outside())
            }
        }
        NUMBER => {
            let number: f64 = text
                .parse()
                .map_err(|_| format!("\"{text}\" is not a number"))?;
            let least = option["min_value"].as_f64().unwrap_or(f64::MIN);
            let most = option["max_value"].as_f64().unwrap_or(f64::MAX);
            if (least..=most).contains(&number) {
                Ok(number.into())
            } else {
                Err(outside())
            }
        }
        _ => {
            let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
            let least = option["min_length"].as_u64().unwrap_or(0);
            let most = option["max_length"].as_u64().unwrap_or(6000);
            if (least..=most).contains(&length) {
                Ok(text.into())
            } else {
                Err(outside())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deploy() -> Value {
        json!({ "name": "deploy", "options": [
            { "type": STRING, "name": "service", "required": true },
            { "type": STRING, "name": "note" },
        ] })
    }

    fn given(line: &Line<'_>) -> Vec<String> {
        let one = |(name, given): &(String, Given)| match given {
            Given::Typed(text) => format!("{name}={text}"),
            _ => name.clone(),
        };
        line.given.iter().map(one).collect()
    }

    #[test]
    fn a_value_goes_on_until_the_next_option() {
        let line = cut("/deploy service:shop/web note:at last: v2", &deploy()).unwrap();
        assert_eq!(given(&line), ["service=shop/web", "note=at last: v2"]);
    }

    #[test]
    fn what_is_no_option_is_refused() {
        let error = cut("/deploy server:web", &deploy()).err().unwrap();
        assert_eq!(
            error.to_string(),
            "/deploy has no option for \"server:web\""
        );
    }

    #[test]
    fn a_sub_command_is_part_of_the_way() {
        let command = json!({ "name": "db", "options": [
            { "type": SUB_COMMAND, "name": "backup", "options": [{ "type": STRING, "name": "name" }] },
        ] });
        let line = cut("/db backup name:app", &command).unwrap();
        assert_eq!(line.words, ["db", "backup"]);
        assert_eq!(given(&line), ["name=app"]);
        assert!(cut("/db restore", &command).is_err());
    }
}

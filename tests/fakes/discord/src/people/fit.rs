//! What is given, fitted to the options that a command has registered, as Discord's client does it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::line::{Given, Line};
use crate::error::{Error, refused};
use crate::ids::{AttachmentId, ChannelId, RoleId, UserId};
use crate::state::State;
use crate::state::model::{Attachment, Home};

pub(super) const SUB_COMMAND: u64 = 1;
pub(super) const SUB_COMMAND_GROUP: u64 = 2;
pub(super) const STRING: u64 = 3;
const INTEGER: u64 = 4;
const BOOLEAN: u64 = 5;
const USER: u64 = 6;
const CHANNEL: u64 = 7;
const ROLE: u64 = 8;
const MENTIONABLE: u64 = 9;
const NUMBER: u64 = 10;
const ATTACHMENT: u64 = 11;

/// An interaction's data, and the type of the option that is being typed.
pub(crate) struct Data {
    pub(crate) json: Value,
    pub(crate) option_type: u64,
}

/// Who gives it, and where.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
}

/// Fits what is given to the options of a command. While an option is being typed (`focused`),
/// nothing has to be complete.
pub(crate) fn fit(
    state: &mut State,
    at: Place,
    command: &Value,
    line: Line<'_>,
    focused: Option<&str>,
) -> Result<Data, Error> {
    let used = format!("/{}", line.words.join(" "));
    let path = way(command, &line.words)?;
    let registered = &path.last().unwrap_or(&command)["options"];
    let registered = registered.as_array().map_or(&[][..], Vec::as_slice);
    let mut fitting = Fitting {
        state,
        at,
        resolved: json!({}),
    };
    let (mut fitted, mut option_type) = (Vec::new(), STRING);
    for (name, given) in line.given {
        let Some(option) = registered
            .iter()
            .find(|option| option["name"] == name.as_str())
        else {
            return refused(format!("{used} has no option {name}"));
        };
        if focused == Some(&name) {
            option_type = option["type"].as_u64().unwrap_or(STRING);
            fitted.push(typed(option, given)?);
            continue;
        }
        match fitting.value(option, given) {
            Ok(value) => {
                fitted.push(json!({ "name": name, "type": option["type"], "value": value }));
            }
            Err(why) if focused.is_none() => return refused(format!("the option {name}: {why}")),
            Err(_) => {}
        }
    }
    is_complete(&used, registered, &fitted, focused)?;
    let mut json = json!({ "name": command["name"], "type": 1, "options": nest(&path, fitted) });
    if fitting.resolved != json!({}) {
        json["resolved"] = fitting.resolved;
    }
    Ok(Data { json, option_type })
}

/// The group and the sub-command that a line names after the command.
fn way<'a>(command: &'a Value, words: &[&str]) -> Result<Vec<&'a Value>, Error> {
    let mut path = Vec::new();
    for word in words.iter().skip(1) {
        let options = &path.last().unwrap_or(&command)["options"];
        let mut options = options.as_array().into_iter().flatten();
        let Some(found) = options.find(|one| one["name"] == *word) else {
            return refused(format!("/{} is not a command", words.join(" ")));
        };
        path.push(found);
    }
    Ok(path)
}

/// The option that is being typed: as it is, whatever its type.
fn typed(option: &Value, given: Given) -> Result<Value, Error> {
    match given {
        Given::Typed(text) if option["autocomplete"] == true => Ok(json!({
            "name": option["name"],
            "type": option["type"],
            "value": text,
            "focused": true,
        })),
        _ => refused(format!("the option {} has no autocomplete", option["name"])),
    }
}

fn is_complete(
    used: &str,
    registered: &[Value],
    fitted: &[Value],
    focused: Option<&str>,
) -> Result<(), Error> {
    let given = |option: &Value| fitted.iter().any(|one| one["name"] == option["name"]);
    let missing = registered
        .iter()
        .find(|one| one["required"] == true && !given(one));
    match (focused, missing) {
        (None, Some(missing)) => {
            let name = missing["name"].as_str().unwrap_or_default();
            refused(format!("{used} needs the option {name}"))
        }
        (Some(_), _) if !fitted.iter().any(|one| one["focused"] == true) => {
            refused("no option is being typed")
        }
        _ => Ok(()),
    }
}

/// Options stand inside the sub-command and the group that they belong to.
fn nest(path: &[&Value], fitted: Vec<Value>) -> Value {
    path.iter().rev().fold(Value::from(fitted), |options, level| {
        json!([{ "name": level["name"], "type": level["type"], "options": options }])
    })
}

/// Turns what is given into values, and notes what Discord tells about the ids among them.
struct Fitting<'a> {
    state: &'a mut State,
    at: Place,
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
            (USER | MENTIONABLE, Given::User(id)) => Ok(self.user(id)),
            (ROLE | MENTIONABLE, Given::Role(id)) => self.role(id),
            (CHANNEL, Given::Channel(id)) => self.channel(id),
            (USER, Given::Typed(text)) => {
                let id = self
                    .user_named(&text)
                    .ok_or_else(|| format!("there is no {text}"))?;
                Ok(self.user(id))
            }
            (ROLE, Given::Typed(text)) => {
                let id = self
                    .role_named(&text)
                    .ok_or_else(|| format!("there is no {text}"))?;
                self.role(id)
            }
            (MENTIONABLE, Given::Typed(text)) => match self.user_named(&text) {
                Some(id) => Ok(self.user(id)),
                None => self.value(&json!({ "type": ROLE }), Given::Typed(text)),
            },
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
        let home = self.state.channels.get(&self.at.channel)?.home;
        let here = match home {
            Home::Guild(guild) => self
                .state
                .guilds
                .get(&guild)?
                .members
                .keys()
                .copied()
                .collect(),
            Home::Direct { person, bot } => vec![person, bot],
        };
        here.into_iter().find(|id| self.state.name(*id) == name)
    }

    fn user(&mut self, id: UserId) -> Value {
        let user = self.state.user_json(id);
        self.note("users", &id.to_string(), user);
        if let Some(guild) = self.state.guild_of(self.at.channel) {
            let mut member = self.state.member_json(guild, id);
            let permissions = self.state.permissions(id, self.at.channel);
            member["permissions"] = permissions.0.to_string().into();
            if let Value::Object(parts) = &mut member {
                parts.retain(|part, _| !["user", "deaf", "mute"].contains(&part.as_str()));
            }
            self.note("members", &id.to_string(), member);
        }
        json!(id)
    }

    fn role_named(&self, text: &str) -> Option<RoleId> {
        let name = text.trim_start_matches('@');
        let mut roles = self.state.guild_of(self.at.channel)?.roles.iter();
        roles.find(|(_, role)| role.name == name).map(|(id, _)| *id)
    }

    fn role(&mut self, id: RoleId) -> Result<Value, String> {
        let guild = self
            .state
            .guild_of(self.at.channel)
            .ok_or("there are no roles here")?;
        let guild = crate::state::render::guild_json(guild);
        let mut roles = guild["roles"].as_array().into_iter().flatten();
        let role = roles.find(|role| role["id"] == id.to_string()).cloned();
        self.note(
            "roles",
            &id.to_string(),
            role.ok_or("there is no such role")?,
        );
        Ok(json!(id))
    }

    fn channel_named(&self, text: &str) -> Option<ChannelId> {
        let name = text.trim_start_matches('#');
        let guild = self.state.guild_of(self.at.channel)?.id;
        let mut channels = self.state.channels.values();
        channels
            .find(|one| one.guild() == Some(guild) && one.name == name)
            .map(|one| one.id)
    }

    fn channel(&mut self, id: ChannelId) -> Result<Value, String> {
        let channel = self
            .state
            .channels
            .get(&id)
            .ok_or("there is no such channel")?;
        let mut json = self.state.channel_json(channel);
        json["permissions"] = self
            .state
            .permissions(self.at.user, id)
            .0
            .to_string()
            .into();
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

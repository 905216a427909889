//! Messages: posted, edited, deleted, each told to the gateway.

use bytes::Bytes;
use serde_json::{Value, json};

use super::State;
use super::model::{Attachment, Mentions, Message};
use super::permissions::Permissions;
use super::render::UPLOAD_LIMIT;
use super::threads::STARTER;
use crate::gateway::events::Event;
use crate::ids::{AttachmentId, ChannelId, MessageId, UserId};
use crate::refusal::{EMPTY_MESSAGE, Refusal, TOO_LARGE};

/// The flag of a message that only one person sees.
pub(crate) const EPHEMERAL: u64 = 1 << 6;
/// The flag of "is thinking…".
pub(crate) const LOADING: u64 = 1 << 7;
/// Flags that who posts may set: no link previews, ephemeral, silent.
const SETTABLE: u64 = 1 << 2 | EPHEMERAL | 1 << 12;

/// A file that came with a request.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// The n of `files[n]`.
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
}

/// What is to be posted: a checked body and its files.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) author: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) body: &'a Value,
    pub(crate) files: &'a [Upload],
}

/// Files have a limit: 40005.
pub(crate) fn fit(files: &[Upload]) -> Result<(), Refusal> {
    if files.iter().any(|file| file.bytes.len() > UPLOAD_LIMIT) {
        return Err(TOO_LARGE);
    }
    Ok(())
}

impl Draft<'_> {
    /// A message has content, an embed, a file or a component: 50006 else.
    pub(crate) fn whole(&self) -> Result<(), Refusal> {
        fit(self.files)?;
        let content = self.body["content"]
            .as_str()
            .is_some_and(|content| !content.trim().is_empty());
        let lists = ["embeds", "components", "sticker_ids"];
        let listed = lists.iter().any(|list| {
            self.body[*list]
                .as_array()
                .is_some_and(|list| !list.is_empty())
        });
        if content || listed || !self.files.is_empty() || !self.body["poll"].is_null() {
            Ok(())
        } else {
            Err(EMPTY_MESSAGE)
        }
    }
}

impl State {
    /// The message of a draft, not yet posted.
    pub(crate) fn compose(&mut self, draft: Draft<'_>) -> Message {
        let id = MessageId(self.fresh());
        let flags = draft.body["flags"].as_u64().unwrap_or(0) & SETTABLE;
        let mut message = Message {
            id,
            channel: draft.channel,
            author: draft.author,
            kind: 0,
            content: String::new(),
            embeds: Vec::new(),
            components: Vec::new(),
            attachments: Vec::new(),
            flags,
            nonce: Some(draft.body["nonce"].clone()).filter(|nonce| !nonce.is_null()),
            edited_ms: None,
            replies_to: draft.body["message_reference"]["message_id"]
                .as_str()
                .and_then(|id| id.parse().ok()),
            interaction: None,
            only_for: None,
            mentions: Mentions::default(),
            reactions: std::collections::BTreeMap::new(),
        };
        if message.replies_to.is_some() {
            message.kind = 19;
        }
        self.write_into(&mut message, draft.body, draft.files);
        message
    }

    /// Writes what a body names into a message; what it does not name stays.
    pub(crate) fn write_into(&mut self, message: &mut Message, body: &Value, files: &[Upload]) {
        if let Some(content) = body.get("content") {
            let content = content.as_str().unwrap_or_default().trim();
            content.clone_into(&mut message.content);
            message.mentions = self.mentions_of(message, &body["allowed_mentions"]);
        }
        if let Some(embeds) = body.get("embeds") {
            let embeds = embeds.as_array().cloned().unwrap_or_default();
            message.embeds = embeds.into_iter().map(rich).collect();
        }
        if let Some(components) = body.get("components") {
            message.components = components.as_array().cloned().unwrap_or_default();
            number(&mut message.components, &mut 1);
        }
        self.attach(message, body, files);
    }

    fn mentions_of(&self, message: &Message, allowed: &Value) -> Mentions {
        let Some(guild) = self.guild_of(message.channel) else {
            return Mentions::default();
        };
        let may = self
            .permissions(message.author, message.channel)
            .has(Permissions::MENTION_EVERYONE);
        Mentions::of(&message.content, allowed, guild, may)
    }

    /// `attachments` in an edit lists what is kept and describes what is new.
    fn attach(&mut self, message: &mut Message, body: &Value, files: &[Upload]) {
        let described = body["attachments"].as_array();
        if let Some(kept) = described {
            message.attachments.retain(|file| {
                kept.iter()
                    .any(|one| number_of(&one["id"]) == Some(file.id.0))
            });
        }
        for file in files {
            let described = described.and_then(|list| {
                list.iter()
                    .find(|one| number_of(&one["id"]) == Some(file.number))
            });
            let name = described
                .and_then(|one| one["filename"].as_str())
                .unwrap_or(&file.name);
            let attachment = Attachment {
                id: AttachmentId(self.fresh()),
                name: safe(name),
                content_type: kind_of(name).unwrap_or(&file.content_type).to_owned(),
                description: described
                    .and_then(|one| one["description"].as_str())
                    .map(str::to_owned),
                bytes: file.bytes.clone(),
                ephemeral: message.flags & EPHEMERAL != 0,
            };
            self.show_in_embeds(message, &attachment);
            message.attachments.push(attachment);
        }
    }

    /// `attachment://name` in an embed becomes the address of the file.
    fn show_in_embeds(&self, message: &mut Message, file: &Attachment) {
        let named = format!("attachment://{}", file.name);
        let url = self.attachment_json(message.channel, file)["url"].clone();
        for embed in &mut message.embeds {
            for part in ["image", "thumbnail"] {
                if embed[part]["url"] == named {
                    embed[part]["url"] = url.clone();
                }
            }
        }
    }

    /// Posts a composed message and tells it.
    pub(crate) fn post(&mut self, message: Message) -> MessageId {
        let (id, channel) = (message.id, message.channel);
        let now = self.now_ms();
        if let Some(thread) = self
            .channels
            .get_mut(&channel)
            .and_then(|one| one.thread.as_mut())
        {
            thread.posted += u64::from(message.kind != STARTER);
            thread.active_ms = now;
            thread.members.insert(message.author);
        }
        let json = self.message_json(&message);
        let only_for = message.only_for;
        self.messages
            .entry(channel)
            .or_default()
            .insert(id, message);
        if only_for.is_none() {
            self.tell_of_message("MESSAGE_CREATE", channel, json);
        }
        id
    }

    /// Changes a message as a body says and tells it.
    pub(crate) fn edit(
        &mut self,
        channel: ChannelId,
        id: MessageId,
        body: &Value,
        files: &[Upload],
    ) -> Result<Value, Refusal> {
        fit(files)?;
        let mut message = self.message(channel, id)?.clone();
        self.write_into(&mut message, body, files);
        if message.flags & LOADING == 0 {
            message.edited_ms = Some(self.now_ms());
        }
        message.flags &= !LOADING;
        if let Some(flags) = body["flags"].as_u64() {
            message.flags = message.flags & !(1 << 2) | flags & 1 << 2;
        }
        let json = self.message_json(&message);
        let told = message.only_for.is_none();
        *self.message_mut(channel, id)? = message;
        if told {
            self.tell_of_message("MESSAGE_UPDATE", channel, json.clone());
        }
        Ok(json)
    }

    /// Deletes a message and tells it; a thread that hangs at it stays.
    pub(crate) fn delete(&mut self, channel: ChannelId, id: MessageId) -> Result<(), Refusal> {
        let told = self.message(channel, id)?.only_for.is_none();
        if let Some(messages) = self.messages.get_mut(&channel) {
            messages.remove(&id);
        }
        let guild = self.channel(channel)?.guild();
        if told {
            let mut data = json!({ "id": id, "channel_id": channel });
            if let Some(guild) = guild {
                data["guild_id"] = json!(guild);
            }
            self.dispatch(&Event::of_messages("MESSAGE_DELETE", guild, channel), &data);
        }
        Ok(())
    }

    /// A file of a message, or one that a person has handed in with a command.
    pub(crate) fn file(&self, channel: ChannelId, id: AttachmentId) -> Option<Attachment> {
        let messages = self
            .messages
            .get(&channel)
            .into_iter()
            .flat_map(|messages| messages.values());
        let mut files = messages
            .flat_map(|message| &message.attachments)
            .chain(&self.handed_in);
        files.find(|file| file.id == id).cloned()
    }

    fn tell_of_message(&mut self, name: &'static str, channel: ChannelId, mut json: Value) {
        let guild = self.guild_of(channel);
        if let Some(guild) = guild {
            json["guild_id"] = json!(guild.id);
            if let Some(author) = json["author"]["id"].as_str().and_then(|id| id.parse().ok()) {
                json["member"] = self.member_json(guild, author);
            }
        }
        if let Value::Object(parts) = &mut json["member"] {
            parts.remove("user");
        }
        let guild = guild.map(|guild| guild.id);
        self.dispatch(&Event::of_messages(name, guild, channel), &json);
    }
}

/// Embeds of a bot are of the type "rich".
fn rich(mut embed: Value) -> Value {
    embed["type"] = "rich".into();
    if let Value::Object(parts) = &mut embed {
        parts.retain(|_, part| !part.is_null());
    }
    embed
}

/// Components are numbered from the top when they do not bring a number.
fn number(components: &mut [Value], next: &mut u64) {
    for component in components {
        if component["id"].is_null() {
            component["id"] = (*next).into();
        }
        *next += 1;
        if let Some(inner) = component["components"].as_array_mut() {
            number(inner, next);
        }
    }
}

/// An id in a body: a number or a text.
fn number_of(id: &Value) -> Option<u64> {
    id.as_u64().or_else(|| id.as_str()?.parse().ok())
}

/// The MIME type that a name says.
fn kind_of(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "txt" | "log" => "text/plain; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json; charset=utf-8",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

/// A name that can stand in an address.
fn safe(name: &str) -> String {
    let kept = |c: char| {
        if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') {
            c
        } else {
            '_'
        }
    };
    name.chars().map(kept).collect()
}

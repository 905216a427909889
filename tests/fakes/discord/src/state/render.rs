//! How Discord writes things as JSON.

use serde_json::{Value, json};

use super::State;
use super::model::{Attachment, Channel, Command, Guild, Home, Member, Message, Whom};
use super::threads::STARTER;
use crate::clock::iso;
use crate::ids::{AppId, ChannelId, RoleId, UserId, made_ms};

/// Bytes that a file may have in a guild without boosts.
pub(crate) const UPLOAD_LIMIT: usize = 10 * 1024 * 1024;

/// The colour that roles without one have.
const NO_COLOR: u32 = 0;

impl State {
    pub(crate) fn user_json(&self, id: UserId) -> Value {
        let user = self.users.get(&id);
        json!({
            "id": id,
            "username": user.map_or("Deleted User", |user| user.name.as_str()),
            "discriminator": if user.is_some_and(|user| user.bot) { "0001" } else { "0" },
            "global_name": null,
            "avatar": null,
            "bot": user.is_some_and(|user| user.bot),
            "system": false,
            "public_flags": 0,
        })
    }

    pub(crate) fn app_json(&self, id: AppId) -> Value {
        let app = &self.apps.get(&id);
        json!({
            "id": id,
            "name": app.map_or("", |app| app.name.as_str()),
            "icon": null,
            "description": "",
            "summary": "",
            "bot_public": true,
            "bot_require_code_grant": false,
            "verify_key": app.map(|app| hex::encode(app.key.verifying_key().as_bytes())),
            "flags": self.app_flags(id),
            "interactions_endpoint_url": app.and_then(|app| app.endpoint.clone()),
            "team": null,
            "bot": self.user_json(id.bot()),
        })
    }

    /// Which privileged intents an application has, as its flags say it.
    pub(crate) fn app_flags(&self, id: AppId) -> u64 {
        let privileged = self.apps.get(&id).map_or(0, |app| app.privileged);
        let flag = |intent: u64, flag: u64| if privileged & intent == 0 { 0 } else { flag };
        flag(1 << 8, 1 << 13) | flag(1 << 1, 1 << 15) | flag(1 << 15, 1 << 19)
    }

    pub(crate) fn member_json(&self, guild: &Guild, id: UserId) -> Value {
        let mut member = guild
            .members
            .get(&id)
            .map_or_else(|| member_json(&Member::default()), member_json);
        member["user"] = self.user_json(id);
        member
    }

    pub(crate) fn channel_json(&self, channel: &Channel) -> Value {
        let last = self
            .messages
            .get(&channel.id)
            .and_then(|messages| messages.last_key_value());
        let last = last.map(|(id, _)| id);
        if let Home::Direct { person, .. } = channel.home {
            return json!({
                "id": channel.id,
                "type": 1,
                "last_message_id": last,
                "recipients": [self.user_json(person)],
                "flags": 0,
            });
        }
        let mut json = json!({
            "id": channel.id,
            "guild_id": channel.guild(),
            "name": channel.name,
            "last_message_id": last,
            "rate_limit_per_user": 0,
            "flags": 0,
        });
        let more = match &channel.thread {
            None => json!({
                "type": 0,
                "position": 0,
                "parent_id": null,
                "topic": null,
                "nsfw": false,
                "last_pin_timestamp": null,
                "permission_overwrites": overwrites_json(channel),
            }),
            Some(thread) => json!({
                "type": if thread.private { 12 } else { 11 },
                "parent_id": thread.parent,
                "owner_id": thread.owner,
                "message_count": self.said_in(channel.id),
                "total_message_sent": thread.posted,
                "member_count": thread.members.len(),
                "thread_metadata": {
                    "archived": thread.archived,
                    "auto_archive_duration": thread.auto_archive,
                    "archive_timestamp": iso(thread.changed_ms),
                    "create_timestamp": iso(made_ms(channel.id.0)),
                    "locked": thread.locked,
                },
            }),
        };
        merge(&mut json, more);
        json
    }

    /// Messages of a thread, without the one that only points to where it began.
    fn said_in(&self, thread: ChannelId) -> usize {
        let all = self
            .messages
            .get(&thread)
            .into_iter()
            .flat_map(|messages| messages.values());
        all.filter(|message| message.kind != STARTER).count()
    }

    /// A guild as the gateway tells it to a bot that has just connected.
    pub(crate) fn guild_create_json(&self, guild: &Guild, bot: UserId) -> Value {
        let mine = self
            .channels
            .values()
            .filter(|one| one.guild() == Some(guild.id) && self.sees(bot, one.id));
        let (threads, channels): (Vec<_>, Vec<_>) = mine.partition(|one| one.thread.is_some());
        let live = threads
            .into_iter()
            .filter(|one| !one.thread.as_ref().is_some_and(|thread| thread.archived));
        let mut json = guild_json(guild);
        let members: Vec<Value> = guild
            .members
            .keys()
            .map(|id| self.member_json(guild, *id))
            .collect();
        let joined_ms = guild.members.get(&bot).map_or(0, |member| member.joined_ms);
        merge(
            &mut json,
            json!({
                "joined_at": iso(joined_ms),
                "large": false,
                "unavailable": false,
                "member_count": guild.members.len(),
                "members": members,
                "channels": channels.into_iter().map(|one| self.channel_json(one)).collect::<Vec<_>>(),
                "threads": live.map(|one| self.channel_json(one)).collect::<Vec<_>>(),
                "voice_states": [],
                "presences": [],
                "stage_instances": [],
                "guild_scheduled_events": [],
                "soundboard_sounds": [],
            }),
        );
        json
    }

    pub(crate) fn message_json(&self, message: &Message) -> Value {
        let thread = self.channels.get(&ChannelId(message.id.0));
        let interaction = message
            .interaction
            .and_then(|id| self.interactions.get(&id));
        let attachments = message.attachments.iter();
        let attachments: Vec<Value> = attachments
            .map(|file| self.attachment_json(message.channel, file))
            .collect();
        let mut json = json!({
            "id": message.id,
            "channel_id": message.channel,
            "type": message.kind,
            "author": self.user_json(message.author),
            "content": message.content,
            "timestamp": iso(made_ms(message.id.0)),
            "edited_timestamp": message.edited_ms.map(iso),
            "tts": false,
            "pinned": false,
            "mention_everyone": message.mentions.everyone,
            "mentions": message.mentions.users.iter().map(|id| self.user_json(*id)).collect::<Vec<_>>(),
            "mention_roles": message.mentions.roles.iter().collect::<Vec<&RoleId>>(),
            "attachments": attachments,
            "embeds": message.embeds,
            "components": message.components,
            "flags": message.flags | if thread.is_some() { HAS_THREAD } else { 0 },
            "reactions": reactions_json(message),
        });
        if let Some(nonce) = &message.nonce {
            json["nonce"] = nonce.clone();
        }
        if let Some(thread) = thread {
            json["thread"] = self.channel_json(thread);
        }
        if let Some(original) = message.replies_to {
            let parent = self.thread(message.channel).map(|thread| thread.parent);
            let place = parent
                .filter(|_| message.kind == STARTER)
                .unwrap_or(message.channel);
            json["message_reference"] = json!({
                "type": 0,
                "message_id": original,
                "channel_id": place,
                "guild_id": self.guild_of(place).map(|guild| guild.id),
            });
        }
        if self.users.get(&message.author).is_some_and(|user| user.bot) && interaction.is_some() {
            json["webhook_id"] = json!(message.author);
            json["application_id"] = json!(message.author);
        }
        if let Some(interaction) = interaction {
            json["interaction_metadata"] = json!({
                "id": interaction.id,
                "type": interaction.kind.number(),
                "user": self.user_json(interaction.user),
                "authorizing_integration_owners": {},
            });
            if interaction.kind.number() == 2 {
                json["interaction"] = json!({
                    "id": interaction.id,
                    "type": 2,
                    "name": interaction.data["name"],
                    "user": self.user_json(interaction.user),
                });
            }
        }
        json
    }

    pub(crate) fn attachment_json(&self, channel: ChannelId, file: &Attachment) -> Value {
        let url = format!(
            "{}/attachments/{channel}/{}/{}",
            self.origin, file.id, file.name
        );
        json!({
            "id": file.id,
            "filename": file.name,
            "description": file.description,
            "content_type": file.content_type,
            "size": file.bytes.len(),
            "url": url,
            "proxy_url": url,
            "ephemeral": file.ephemeral,
        })
    }
}

/// The flag of a message at which a thread hangs.
const HAS_THREAD: u64 = 1 << 5;

pub(crate) fn guild_json(guild: &Guild) -> Value {
    let roles = guild.roles.iter().map(|(id, role)| {
        let tags = role.of_bot.map(|app| json!({ "bot_id": app }));
        let mut json = json!({
            "id": id,
            "name": role.name,
            "color": NO_COLOR,
            "colors": { "primary_color": NO_COLOR, "secondary_color": null, "tertiary_color": null },
            "hoist": false,
            "icon": null,
            "unicode_emoji": null,
            "position": usize::from(id.0 != guild.id.0),
            "permissions": role.permissions.0.to_string(),
            "managed": role.of_bot.is_some(),
            "mentionable": role.mentionable,
            "flags": 0,
        });
        if let Some(tags) = tags {
            json["tags"] = tags;
        }
        json
    });
    json!({
        "id": guild.id,
        "name": guild.name,
        "icon": null,
        "icon_hash": null,
        "splash": null,
        "discovery_splash": null,
        "owner_id": guild.owner,
        "afk_channel_id": null,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "roles": roles.collect::<Vec<_>>(),
        "emojis": [],
        "features": [],
        "mfa_level": 0,
        "application_id": null,
        "system_channel_id": null,
        "system_channel_flags": 0,
        "rules_channel_id": null,
        "public_updates_channel_id": null,
        "safety_alerts_channel_id": null,
        "max_members": 500_000,
        "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50,
        "vanity_url_code": null,
        "description": null,
        "banner": null,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": false,
        "preferred_locale": "en-US",
        "nsfw_level": 0,
        "nsfw": false,
        "stickers": [],
    })
}

fn member_json(member: &Member) -> Value {
    json!({
        "user": null,
        "nick": null,
        "avatar": null,
        "banner": null,
        "roles": member.roles.iter().collect::<Vec<_>>(),
        "joined_at": iso(member.joined_ms),
        "premium_since": null,
        "deaf": false,
        "mute": false,
        "flags": 0,
        "pending": false,
        "communication_disabled_until": null,
    })
}

fn overwrites_json(channel: &Channel) -> Vec<Value> {
    let one = |overwrite: &super::model::Overwrite| {
        let (id, kind) = match overwrite.whom {
            Whom::Role(role) => (role.0, 0),
            Whom::Member(user) => (user.0, 1),
        };
        json!({
            "id": id.to_string(),
            "type": kind,
            "allow": overwrite.allow.0.to_string(),
            "deny": overwrite.deny.0.to_string(),
        })
    };
    channel.overwrites.iter().map(one).collect()
}

fn reactions_json(message: &Message) -> Vec<Value> {
    let one = |(emoji, users): (&String, &std::collections::BTreeSet<UserId>)| {
        json!({
            "emoji": { "id": null, "name": emoji },
            "count": users.len(),
            "count_details": { "burst": 0, "normal": users.len() },
            "burst_colors": [],
            "me": false,
            "me_burst": false,
        })
    };
    message.reactions.iter().map(one).collect()
}

pub(crate) fn command_json(command: &Command) -> Value {
    let body = &command.body;
    let or = |part: &str, else_: Value| {
        if body[part].is_null() {
            else_
        } else {
            body[part].clone()
        }
    };
    let mut json = json!({
        "id": command.id,
        "application_id": command.app,
        "version": command.version.to_string(),
        "default_member_permissions": body["default_member_permissions"],
        "type": or("type", 1.into()),
        "name": body["name"],
        "name_localizations": body["name_localizations"],
        "description": or("description", "".into()),
        "description_localizations": body["description_localizations"],
        "dm_permission": or("dm_permission", true.into()),
        "contexts": body["contexts"],
        "integration_types": or("integration_types", json!([0])),
        "nsfw": or("nsfw", false.into()),
    });
    if let Some(options) = body["options"].as_array() {
        json["options"] = options.iter().map(option_json).collect();
    }
    if let Some(guild) = command.guild {
        json["guild_id"] = json!(guild);
    }
    json
}

/// Discord leaves out what is false in an option, and empty lists.
fn option_json(option: &Value) -> Value {
    let mut json = option.clone();
    if let Value::Object(parts) = &mut json {
        parts
            .retain(|_, part| !part.is_null() && *part != Value::Bool(false) && *part != json!([]));
        if let Some(Value::Array(inner)) = parts.get_mut("options") {
            *inner = inner.iter().map(option_json).collect();
        }
    }
    json
}

/// Adds the members of one object to another.
pub(crate) fn merge(to: &mut Value, from: Value) {
    if let (Value::Object(to), Value::Object(from)) = (to, from) {
        to.extend(from);
    }
}

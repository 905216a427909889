//! Guilds, channels, roles and people, as a test sets them up.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use serde_json::json;

use super::State;
use super::model::{App, Channel, Guild, Home, Member, Overwrite, Role, User, Whom};
use super::permissions::Permissions;
use crate::gateway::events::Event;
use crate::ids::{AppId, ChannelId, GuildId, RoleId, UserId};

/// Identifies that an application has in a day.
const STARTS: u32 = 1000;
/// What a bot is invited with.
const INVITED_WITH: [Permissions; 7] = [
    Permissions::VIEW_CHANNEL,
    Permissions::SEND_MESSAGES,
    Permissions::SEND_MESSAGES_IN_THREADS,
    Permissions::CREATE_PUBLIC_THREADS,
    Permissions::EMBED_LINKS,
    Permissions::ATTACH_FILES,
    Permissions::READ_MESSAGE_HISTORY,
];

impl State {
    pub(crate) fn add_app(
        &mut self,
        name: &str,
        token: String,
        key: SigningKey,
        privileged: u64,
    ) -> AppId {
        let id = AppId(self.fresh());
        self.users.insert(
            id.bot(),
            User {
                name: name.to_owned(),
                bot: true,
            },
        );
        let app = App {
            name: name.to_owned(),
            token,
            revoked: false,
            key,
            privileged,
            endpoint: None,
            starts_left: STARTS,
        };
        self.apps.insert(id, app);
        let guilds: Vec<GuildId> = self.guilds.keys().copied().collect();
        for guild in guilds {
            self.invite(id, guild);
        }
        id
    }

    pub(crate) fn add_guild(&mut self, name: &str) -> GuildId {
        let owner = UserId(self.fresh());
        self.users.insert(
            owner,
            User {
                name: format!("owner-of-{name}"),
                bot: false,
            },
        );
        let id = GuildId(self.fresh());
        let everyone = Role {
            name: "@everyone".into(),
            permissions: Permissions::EVERYONE,
            mentionable: false,
            of_bot: None,
        };
        let now = self.now_ms();
        let guild = Guild {
            id,
            name: name.to_owned(),
            owner,
            roles: BTreeMap::from([(id.everyone(), everyone)]),
            members: BTreeMap::from([(
                owner,
                Member {
                    roles: BTreeSet::new(),
                    joined_ms: now,
                },
            )]),
        };
        self.guilds.insert(id, guild);
        let apps: Vec<AppId> = self.apps.keys().copied().collect();
        for app in apps {
            self.invite(app, id);
        }
        id
    }

    /// Puts a bot into a guild, with a role of its own.
    fn invite(&mut self, app: AppId, guild: GuildId) {
        let role = RoleId(self.fresh());
        let now = self.now_ms();
        let name = self
            .apps
            .get(&app)
            .map(|app| app.name.clone())
            .unwrap_or_default();
        let permissions = INVITED_WITH
            .into_iter()
            .fold(Permissions::NONE, |all, one| all | one);
        if let Some(guild) = self.guilds.get_mut(&guild) {
            guild.roles.insert(
                role,
                Role {
                    name,
                    permissions,
                    mentionable: false,
                    of_bot: Some(app),
                },
            );
            let member = Member {
                roles: BTreeSet::from([role]),
                joined_ms: now,
            };
            guild.members.insert(app.bot(), member);
        }
        if let Some(guild) = self.guilds.get(&guild) {
            let json = self.guild_create_json(guild, app.bot());
            self.dispatch(&Event::of_app("GUILD_CREATE", app), &json);
        }
    }

    /// Puts a bot out of a guild, with the role that came with it.
    pub(crate) fn put_out(&mut self, app: AppId, guild: GuildId) {
        if let Some(found) = self.guilds.get_mut(&guild) {
            found.members.remove(&app.bot());
            found.roles.retain(|_, role| role.of_bot != Some(app));
        }
        self.dispatch(&Event::of_app("GUILD_DELETE", app), &json!({ "id": guild }));
    }

    /// The role that came with a bot.
    pub(crate) fn role_of_bot(&self, app: AppId, guild: GuildId) -> Option<RoleId> {
        let mut roles = self.guilds.get(&guild)?.roles.iter();
        let role = roles.find(|(_, role)| role.of_bot == Some(app));
        role.map(|(id, _)| *id)
    }

    /// From now on a role permits this and no more.
    pub(crate) fn permit(&mut self, guild: GuildId, role: RoleId, permissions: Permissions) {
        let found = self
            .guilds
            .get_mut(&guild)
            .and_then(|guild| guild.roles.get_mut(&role));
        if let Some(found) = found {
            found.permissions = permissions;
            self.tell_of_role("GUILD_ROLE_UPDATE", guild, role);
        }
    }

    /// From now on anybody may ping a role.
    pub(crate) fn let_all_mention(&mut self, guild: GuildId, role: RoleId) {
        let found = self
            .guilds
            .get_mut(&guild)
            .and_then(|guild| guild.roles.get_mut(&role));
        if let Some(found) = found {
            found.mentionable = true;
            self.tell_of_role("GUILD_ROLE_UPDATE", guild, role);
        }
    }

    pub(crate) fn add_channel(&mut self, guild: GuildId, name: &str) -> ChannelId {
        let id = ChannelId(self.fresh());
        let channel = Channel {
            id,
            home: Home::Guild(guild),
            name: name.to_owned(),
            overwrites: Vec::new(),
            thread: None,
        };
        let json = self.channel_json(&channel);
        self.channels.insert(id, channel);
        self.dispatch(&Event::of_guild("CHANNEL_CREATE", guild, Some(id)), &json);
        id
    }

    /// The channel between a person and a bot; there is only one.
    pub(crate) fn direct(&mut self, person: UserId, bot: UserId) -> ChannelId {
        let home = Home::Direct { person, bot };
        if let Some(known) = self.channels.values().find(|channel| channel.home == home) {
            return known.id;
        }
        let id = ChannelId(self.fresh());
        let channel = Channel {
            id,
            home,
            name: self.name(bot).to_owned(),
            overwrites: Vec::new(),
            thread: None,
        };
        self.channels.insert(id, channel);
        id
    }

    pub(crate) fn add_role(
        &mut self,
        guild: GuildId,
        name: &str,
        permissions: Permissions,
    ) -> RoleId {
        let id = RoleId(self.fresh());
        let role = Role {
            name: name.to_owned(),
            permissions,
            mentionable: false,
            of_bot: None,
        };
        if let Some(guild) = self.guilds.get_mut(&guild) {
            guild.roles.insert(id, role);
        }
        self.tell_of_role("GUILD_ROLE_CREATE", guild, id);
        id
    }

    fn tell_of_role(&mut self, name: &'static str, guild: GuildId, role: RoleId) {
        let Some(found) = self.guilds.get(&guild) else {
            return;
        };
        let json = super::render::guild_json(found);
        let roles = json["roles"].as_array();
        let json = roles.and_then(|roles| roles.iter().find(|one| one["id"] == role.to_string()));
        let data = json!({ "guild_id": guild, "role": json });
        self.dispatch(&Event::of_guild(name, guild, None), &data);
    }

    /// A person of this name is one user in all guilds.
    pub(crate) fn add_member(&mut self, guild: GuildId, name: &str, roles: &[RoleId]) -> UserId {
        let known = self
            .users
            .iter()
            .find(|(_, user)| !user.bot && user.name == name);
        let id = known.map(|(id, _)| *id);
        let id = id.unwrap_or_else(|| UserId(self.fresh()));
        self.users.insert(
            id,
            User {
                name: name.to_owned(),
                bot: false,
            },
        );
        let member = Member {
            roles: roles.iter().copied().collect(),
            joined_ms: self.now_ms(),
        };
        if let Some(guild) = self.guilds.get_mut(&guild) {
            guild.members.insert(id, member);
        }
        id
    }

    /// From now on a member has these roles.
    pub(crate) fn set_roles(&mut self, guild: GuildId, user: UserId, roles: &[RoleId]) {
        let found = self
            .guilds
            .get_mut(&guild)
            .and_then(|guild| guild.members.get_mut(&user));
        if let Some(member) = found {
            member.roles = roles.iter().copied().collect();
        }
    }

    /// Allows or denies somebody something in a channel.
    pub(crate) fn overwrite(
        &mut self,
        channel: ChannelId,
        whom: Whom,
        allow: Permissions,
        deny: Permissions,
    ) {
        let Some(id) = self.channels.get(&channel).map(Channel::ruled_by) else {
            return;
        };
        let Some(found) = self.channels.get_mut(&id) else {
            return;
        };
        match found.overwrites.iter_mut().find(|one| one.whom == whom) {
            Some(one) => {
                one.allow = (one.allow & !deny) | allow;
                one.deny = (one.deny & !allow) | deny;
            }
            None => found.overwrites.push(Overwrite { whom, allow, deny }),
        }
        let guild = found.guild();
        if let Ok(channel) = self.channel(id) {
            let json = self.channel_json(channel);
            self.dispatch(&Event::of_guild("CHANNEL_UPDATE", guild, Some(id)), &json);
        }
    }
}

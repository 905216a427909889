//! Tells Discord which commands there are: all of a server's by one request, and only when they are others
//! than those that it was told of last.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::api::{Api, ApiError, Route};
use super::live::PLATFORM;
use super::{Settings, Us, built_in, complete};
use crate::domain::digest::Digest;
use crate::domain::input::{InputSpec, InputType};
use crate::service::{CatalogEntry, Service};

/// How long Discord may take: commands have narrow limits of their own.
const PATIENCE: Duration = Duration::from_mins(2);

/// How soon it is tried again when Discord did not take them.
const AGAIN: Duration = Duration::from_mins(1);

/// Discord takes no longer description, in UTF-16 units.
const LONGEST_DESCRIPTION: usize = 100;

/// The scope of what is published for direct messages: no server has this id.
const DIRECT: &str = "@me";

/// `GUILD_INSTALL`: the bot is there because somebody has let it into a server.
const LET_INTO_A_SERVER: u8 = 0;

/// `USE_APPLICATION_COMMANDS`: whoever may use commands at all sees them, until somebody says otherwise in
/// the server's settings. Who may *give* one is checked when it is given.
const WHO_SEES: &str = "2147483648";

/// The kinds of options, as Discord numbers them.
mod kind {
    pub(super) const SUB_COMMAND: u8 = 1;
    pub(super) const GROUP: u8 = 2;
    pub(super) const STRING: u8 = 3;
    pub(super) const INTEGER: u8 = 4;
    pub(super) const BOOLEAN: u8 = 5;
    pub(super) const USER: u8 = 6;
    pub(super) const CHANNEL: u8 = 7;
    pub(super) const ROLE: u8 = 8;
    pub(super) const NUMBER: u8 = 10;
}

/// Where commands are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// In the channels of a server.
    Server,
    /// In messages between a person and the bot.
    Direct,
}

impl Where {
    /// Discord's number of it: `GUILD`, `BOT_DM`.
    fn context(self) -> u8 {
        match self {
            Self::Server => 0,
            Self::Direct => 1,
        }
    }
}

/// Whoever publishes.
pub(super) struct Publisher<'a> {
    pub(super) api: &'a Api,
    pub(super) service: &'a Service,
    pub(super) us: &'a Us,
}

/// Publishes the commands of each catalog in all servers, and for direct messages, until it is told to stop.
pub(super) async fn keep_published(
    publisher: &Publisher<'_>,
    settings: &Settings,
    shutdown: &CancellationToken,
) {
    let mut catalogs = publisher.service.catalogs();
    let mut direct = if settings.direct_messages {
        Direct::Wanted
    } else {
        Direct::Unwanted
    };
    loop {
        catalogs.mark_unchanged();
        let is_done = tokio::select! {
            is_done = publisher.publish_all(&settings.guilds, &mut direct) => is_done,
            () = shutdown.cancelled() => return,
        };
        tokio::select! {
            () = sleep(AGAIN), if !is_done => {}
            changed = catalogs.changed() => if changed.is_err() { return },
            () = shutdown.cancelled() => return,
        }
    }
}

/// What becomes of the commands for direct messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direct {
    /// They are those of the catalog.
    Wanted,
    /// There are to be none.
    Unwanted,
    /// There are none.
    Gone,
}

impl Publisher<'_> {
    /// Whether all are there then.
    async fn publish_all(&self, guilds: &[String], direct: &mut Direct) -> bool {
        let commands = all(self.service.commands(), Where::Server);
        let mut is_done = true;
        for guild in guilds {
            if let Err(why) = self.publish(Some(guild), &commands).await {
                tracing::warn!(guild, %why, "the commands are not in Discord as they are here; trying again");
                is_done = false;
            }
        }
        match self.for_direct_messages(*direct).await {
            Ok(now) => *direct = now,
            Err(why) => {
                tracing::warn!(%why, "the commands for direct messages are not in Discord as they are here; trying again");
                is_done = false;
            }
        }
        is_done
    }

    async fn for_direct_messages(&self, direct: Direct) -> Result<Direct, String> {
        match direct {
            Direct::Wanted => {
                let commands = all(self.service.commands(), Where::Direct);
                self.publish(None, &commands).await?;
                Ok(direct)
            }
            Direct::Unwanted => {
                let nothing = json!([]);
                if self.is_there_anything().await? {
                    self.put(None, &nothing).await?;
                } else if self.last_published(None).await?.is_some() {
                    self.note(None, &nothing).await?;
                }
                Ok(Direct::Gone)
            }
            Direct::Gone => Ok(direct),
        }
    }

    async fn is_there_anything(&self) -> Result<bool, String> {
        let route = Route::commands(&self.us.application, None);
        let there = self.api.call(&route, None, &[], PATIENCE).await;
        let there = there.map_err(|error| error.to_string())?;
        Ok(there.as_array().is_some_and(|there| !there.is_empty()))
    }

    /// In a server, or in none, where these are not there already.
    async fn publish(&self, guild: Option<&str>, commands: &Value) -> Result<(), String> {
        if self.last_published(guild).await? == Some(digest_of(commands)) {
            return Ok(());
        }
        self.put(guild, commands).await
    }

    async fn put(&self, guild: Option<&str>, commands: &Value) -> Result<(), String> {
        let route = Route::put_commands(&self.us.application, guild);
        let put = self.api.call(&route, Some(commands), &[], PATIENCE).await;
        put.map_err(|error| explain(&error))?;
        self.note(guild, commands).await?;
        let commands = commands.as_array().map_or(0, Vec::len);
        tracing::info!(
            place = guild.unwrap_or("direct messages"),
            commands,
            "the commands are in Discord as they are here"
        );
        Ok(())
    }

    async fn last_published(&self, guild: Option<&str>) -> Result<Option<Digest>, String> {
        let last = self.service.published_commands(&self.scope(guild)).await;
        last.map_err(|error| error.to_string())
    }

    /// Writes down that these are there.
    async fn note(&self, guild: Option<&str>, commands: &Value) -> Result<(), String> {
        let (scope, digest) = (self.scope(guild), digest_of(commands));
        let kept = self.service.commands_published(&scope, &digest).await;
        kept.map_err(|error| error.to_string())
    }

    fn scope(&self, guild: Option<&str>) -> String {
        let guild = guild.unwrap_or(DIRECT);
        format!("{PLATFORM}/{}/{guild}", self.us.application)
    }
}

fn digest_of(commands: &Value) -> Digest {
    Digest::of_bytes(commands.to_string().as_bytes())
}

fn explain(error: &ApiError) -> String {
    if error.is_forbidden() {
        return format!(
            "{error}: invite the bot into this server with the scope `applications.commands`"
        );
    }
    error.to_string()
}

/// All commands as Discord wants them, those of Purser itself among them.
pub(super) fn all(commands: Vec<CatalogEntry>, place: Where) -> Value {
    let mut groups: BTreeMap<String, Node> = BTreeMap::new();
    for command in commands {
        let name = command.name.clone();
        let mut words = name.split(' ');
        let mut nodes = &mut groups;
        let mut last = words.next().unwrap_or_default();
        for word in words {
            let node = nodes.entry(last.to_owned()).or_default();
            (nodes, last) = (&mut node.below, word);
        }
        nodes.entry(last.to_owned()).or_default().command = Some(command);
    }
    let own = built_in::command(place);
    let commands = groups.iter().map(|(name, node)| {
        let mut command = node.json(name);
        command["type"] = json!(1);
        command
    });
    let all = commands.chain([own]).map(|mut command| {
        command["contexts"] = json!([place.context()]);
        match place {
            Where::Server => command["default_member_permissions"] = json!(WHO_SEES),
            Where::Direct => command["integration_types"] = json!([LET_INTO_A_SERVER]),
        }
        command
    });
    Value::Array(all.collect())
}

/// A word of a command's name: a command, or a group of others.
#[derive(Default)]
struct Node {
    command: Option<CatalogEntry>,
    below: BTreeMap<String, Node>,
}

impl Node {
    fn json(&self, name: &str) -> Value {
        if let Some(command) = &self.command {
            return json!({
                "name": name,
                "description": cut(&command.summary),
                "options": options(command.inputs.iter()),
            });
        }
        let names: Vec<_> = self.below.keys().map(String::as_str).collect();
        let below = self.below.iter().map(|(name, node)| {
            let mut option = node.json(name);
            option["type"] = json!(match node.command {
                Some(_) => kind::SUB_COMMAND,
                None => kind::GROUP,
            });
            option
        });
        json!({
            "name": name,
            "description": cut(&names.join(", ")),
            "options": below.collect::<Vec<_>>(),
        })
    }
}

/// Those that must be given come first: Discord wants it so.
pub(super) fn options<'o>(options: impl Iterator<Item = (&'o String, &'o InputSpec)>) -> Value {
    let mut all: Vec<_> = options.collect();
    all.sort_by_key(|(_, spec)| !is_required(spec));
    all.into_iter()
        .map(|(name, spec)| option(name, spec))
        .collect()
}

fn is_required(spec: &InputSpec) -> bool {
    spec.required && spec.default.is_none()
}

fn option(name: &str, spec: &InputSpec) -> Value {
    let mut option = json!({
        "type": match spec.kind {
            InputType::String | InputType::Choice | InputType::List => kind::STRING,
            InputType::Integer => kind::INTEGER,
            InputType::Number => kind::NUMBER,
            InputType::Boolean => kind::BOOLEAN,
            InputType::User => kind::USER,
            InputType::Channel => kind::CHANNEL,
            InputType::Role => kind::ROLE,
        },
        "name": name,
        "description": cut(spec.summary.as_deref().unwrap_or(name)),
        "required": is_required(spec),
    });
    if spec.kind == InputType::Choice {
        let choices = spec.choices.iter();
        let choices = choices.map(|choice| json!({ "name": choice, "value": choice }));
        option["choices"] = choices.collect();
    } else if complete::is_completed(spec.kind, spec.suggest.as_deref()) {
        option["autocomplete"] = json!(true);
    }
    option
}

fn cut(text: &str) -> String {
    super::render::limits::beginning(text, LONGEST_DESCRIPTION)
}

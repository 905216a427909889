//! Tells Discord which commands there are: all of a server's by one request, and only when they are others
//! than those that it was told of last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::api::{Api, ApiError, Route};
use super::live::PLATFORM;
use super::{Us, built_in, complete};
use crate::domain::digest::Digest;
use crate::domain::input::{InputSpec, InputType};
use crate::service::{CatalogEntry, Service};

/// How long Discord may take: commands have narrow limits of their own.
const PATIENCE: Duration = Duration::from_mins(2);

/// How soon it is tried again when Discord did not take them.
const AGAIN: Duration = Duration::from_mins(1);

/// Discord takes no longer description, in UTF-16 units.
const LONGEST_DESCRIPTION: usize = 100;

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
    pub(super) const ATTACHMENT: u8 = 11;
}

/// Publishes the commands of each catalog in all servers, until it is told to stop.
pub(super) async fn keep_published(
    api: &Api,
    service: &Arc<Service>,
    us: &Us,
    guilds: &[String],
    shutdown: &CancellationToken,
) {
    let mut catalogs = service.catalogs();
    loop {
        catalogs.mark_unchanged();
        let commands = all(service.commands());
        let mut is_done = true;
        for guild in guilds {
            let published = tokio::select! {
                published = publish(api, service, us, guild, &commands) => published,
                () = shutdown.cancelled() => return,
            };
            if let Err(why) = published {
                tracing::warn!(guild, %why, "the commands are not in Discord as they are here; trying again");
                is_done = false;
            }
        }
        tokio::select! {
            () = sleep(AGAIN), if !is_done => {}
            changed = catalogs.changed() => if changed.is_err() { return },
            () = shutdown.cancelled() => return,
        }
    }
}

async fn publish(
    api: &Api,
    service: &Service,
    us: &Us,
    guild: &str,
    commands: &Value,
) -> Result<(), String> {
    let scope = format!("{PLATFORM}/{}/{guild}", us.application);
    let digest = Digest::of_bytes(commands.to_string().as_bytes());
    let before = service.published_commands(&scope).await;
    if before.map_err(|error| error.to_string())? == Some(digest.clone()) {
        return Ok(());
    }
    let route = Route::put_commands(&us.application, guild);
    let put = api.call(&route, Some(commands), &[], PATIENCE).await;
    put.map_err(|error| explain(&error))?;
    let kept = service.commands_published(&scope, &digest).await;
    kept.map_err(|error| error.to_string())?;
    let commands = commands.as_array().map_or(0, Vec::len);
    tracing::info!(
        guild,
        commands,
        "the commands are in Discord as they are here"
    );
    Ok(())
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
pub(super) fn all(commands: Vec<CatalogEntry>) -> Value {
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
    let own = built_in::command();
    let commands = groups.iter().map(|(name, node)| {
        let mut command = node.json(name);
        command["type"] = json!(1);
        command
    });
    let all = commands.chain([own]).map(|mut command| {
        command["default_member_permissions"] = json!(WHO_SEES);
        // Never in direct messages.
        command["contexts"] = json!([0]);
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

/// Those that must be given come first: Discord wants it so. Secret ones are asked for in a window.
pub(super) fn options<'o>(options: impl Iterator<Item = (&'o String, &'o InputSpec)>) -> Value {
    let mut all: Vec<_> = options.filter(|(_, spec)| !spec.secret).collect();
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
            InputType::File => kind::ATTACHMENT,
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

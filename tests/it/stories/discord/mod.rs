//! What people see in Discord when they talk to the real program there, on real parts. Discord itself is
//! the local one (`tests/fakes/discord`), which discord.js shows to be like the real one.

mod answers;
mod channels;
mod check;
mod clicks;
mod commands;
mod conversation;
mod direct;
mod files;
mod links;
mod mouths;
mod posts;
mod restarts;
mod rotations;
mod secrets;
mod standby;
mod stuck;
mod told;
mod undo;

use std::fs;
use std::time::Duration;

use fake_discord::{Acted, ChannelId, Discord, GuildId, UserId};
use serde_json::Value;

use super::plain::shapes_replaced;
use super::{MIGRATE, Story};
use crate::support::program::Home;

/// Longer than anything takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A team in Discord with a Purser of its own.
struct Talk {
    story: Story,
    discord: Discord,
    guild: GuildId,
    /// The channel that everybody is in.
    ops: ChannelId,
    /// An operator.
    ann: UserId,
    /// Another one.
    bo: UserId,
    /// Known, and without a role that any workflow asks for.
    cy: UserId,
    /// Somebody whom Purser does not know.
    dee: UserId,
}

impl Talk {
    /// Files for a Docker engine and a team; nothing runs yet.
    async fn new() -> Self {
        Self::of(Story::of_docker()).await
    }

    /// The team, and this home's Purser.
    async fn of(story: Story) -> Self {
        let discord = Discord::start().await.unwrap();
        discord.set_patience(PATIENCE);
        let guild = discord.guild("shop");
        let ops = discord.channel(guild, "ops");
        let member = |name: &str| discord.member(guild, name, &[]);
        let (ann, bo, cy, dee) = (member("ann"), member("bo"), member("cy"), member("dee"));
        let talk = Self {
            story,
            discord,
            guild,
            ops,
            ann,
            bo,
            cy,
            dee,
        };
        talk.joins(&talk.story.home);
        talk
    }

    /// Has a home's Purser in Discord, and its people known there.
    fn joins(&self, home: &Home) {
        home.write("discord-token", self.discord.token());
        let config = fs::read_to_string(home.path("purser.toml")).unwrap();
        let people = [("ann", self.ann), ("bo", self.bo), ("cy", self.cy)];
        let config = people.iter().fold(config, |config, (name, user)| {
            let (before, after) = (
                format!("{name} = {{ "),
                format!("{name} = {{ discord = '{user}', "),
            );
            assert!(config.contains(&before));
            config.replace(&before, &after)
        });
        home.write("purser.toml", &config);
        home.configure(&format!(
            "[discord]\ntoken_file = 'discord-token'\nguilds = ['{}']\napi = '{}'",
            self.guild,
            self.discord.api()
        ));
    }

    /// The same with a workflow of one step that runs a job, the command for it, and the server.
    async fn of_job(more: &str, reply: &str) -> Self {
        let mut talk = Self::new().await;
        talk.job(more, reply);
        talk.up().await;
        talk
    }

    /// Files for a workflow that runs a job, and the command `/migrate` for it.
    fn job(&self, more: &str, reply: &str) {
        let home = &self.story.home;
        home.workflow("migrate", &format!("{more}{MIGRATE}"));
        home.write(
            "commands/migrate.yaml",
            &format!(
                "name: migrate\nsummary: Migrate the database\noptions:\n  \
                 lines: {{ type: string, summary: how many lines it says }}\n  \
                 seconds: {{ type: string, summary: how long it takes }}\n  \
                 exit: {{ type: string, summary: its exit code }}\nruns: migrate\nreply: {reply}\n"
            ),
        );
    }

    /// Starts the server, and waits until it is in Discord.
    async fn up(&mut self) {
        self.story.home.up().await;
        self.is_there().await;
    }

    /// Waits until the bot's commands can be given.
    async fn has_commands(&self) {
        let guild = self.guild;
        let there = self.discord.until("the commands", |view| {
            (!view.commands(guild).is_empty()).then_some(())
        });
        self.well(there.await);
    }

    /// Waits until the bot listens and its commands can be given.
    async fn is_there(&self) {
        let guild = self.guild;
        self.discord
            .until("the bot and its commands", |view| {
                (view.sessions() > 0 && !view.commands(guild).is_empty()).then_some(())
            })
            .await
            .unwrap();
    }

    /// Somebody gives a command in the channel.
    fn says(&self, who: UserId, line: &str) -> Acted {
        self.discord.says(who, self.ops, line).unwrap()
    }

    /// The same, and its answer has come.
    async fn asks(&self, who: UserId, line: &str) {
        self.reply(&self.says(who, line)).await;
    }

    /// How the channel looks to ann once this stands in it.
    async fn sees(&self, text: &str) -> String {
        let seen = self.discord.sees(self.ann, self.ops, text).await;
        self.plain(&self.well(seen))
    }

    /// Waits until the channel, with its threads, looks so to ann.
    async fn channel_until(&self, what: &str, looks: impl Fn(&str) -> bool) {
        let seen = self.discord.until(what, |view| {
            looks(&view.channel_as(self.ann, self.ops)).then_some(())
        });
        self.well(seen.await);
    }

    /// Somebody clicks a button in the channel or a thread, where there is one.
    async fn clicks(&self, who: UserId, button: &str) -> Acted {
        let seen = self.discord.until(button, |view| {
            let places = view.threads(self.ops).into_iter().chain([self.ops]);
            let mut messages = places.flat_map(|place| view.messages(place));
            let message = messages.find(|message| buttons(message).any(|label| label == button))?;
            message["id"].as_str()?.parse().ok()
        });
        let message = self.well(seen.await);
        self.discord.clicks(who, message, button).unwrap()
    }

    /// What was waited for, or else what the server says.
    fn well<T>(&self, waited: Result<T, fake_discord::Error>) -> T {
        waited.unwrap_or_else(|error| panic!("{error}\n{}", self.story.home.log()))
    }

    /// A text of Discord with what differs in each run replaced.
    fn plain(&self, text: &str) -> String {
        let words = self.story.words.iter();
        let text = words.fold(text.to_owned(), |text, (name, word)| {
            text.replace(name, word)
        });
        let text = instants(&ids(&shapes_replaced(&text)));
        // Whether a message was made before the end or behind it is a matter of moments.
        let text = text.replace(" (edited):", ":").replace(", edited):", "):");
        let text = text.replace('\u{200b}', "(zero width)");
        let lines = text.lines().map(|line| match line.split_once("seconds: ") {
            Some((before, _)) => format!("{before}seconds: N"),
            None => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Why nothing came of a click, as whoever clicked reads it.
    async fn refused(&self, click: &Acted) -> String {
        let seen = self.well(click.sees("✗").await);
        let told = seen.lines().find(|line| line.contains('✗'));
        self.plain(told.unwrap_or_default().trim())
    }

    /// What somebody gets to see of what they did.
    async fn reply(&self, acted: &Acted) -> String {
        self.plain(&self.well(acted.reply().await))
    }
}

/// Discord's ids as one word.
fn ids(text: &str) -> String {
    let is_id = |word: &&str| word.len() >= 17 && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let ids: Vec<&str> = words.by_ref().filter(is_id).collect();
    ids.iter()
        .fold(text.to_owned(), |text, id| text.replace(id, "ID"))
}

/// Discord's own instants, `<t:1700000000:R>`, as one word with how they are shown.
fn instants(text: &str) -> String {
    let mut parts = text.split("<t:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{text}<t:TIME{rest}")
    })
}

/// The labels of a message's buttons.
fn buttons(message: &Value) -> impl Iterator<Item = &str> {
    let rows = message["components"].as_array().into_iter().flatten();
    let buttons = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    buttons.filter_map(|button| button["label"].as_str())
}

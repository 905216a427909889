//! A slash command: what was typed, and what is started by it.

use std::time::Duration;

use serde_json::{Map, Value};
use serenity::model::application::{CommandData, CommandDataOption, CommandDataOptionValue};
use tokio::time::{Instant, timeout};

use super::answers::First;
use super::built_in;
use super::door::{Door, markdown, said};
use super::live::{Made, PLATFORM, PrivateAnswer};
use super::origin::Origin;
use super::render;
use super::snowflake;
use super::wording::told;
use crate::domain::names::RunId;
use crate::service::{Ask, Invocation};

/// The answer to an interaction can be edited for so long.
const TOKEN_LIVES: Duration = Duration::from_mins(15);

/// So long is waited for the message that shows a run, to say where it is.
const SHOWN_WITHIN: Duration = Duration::from_secs(8);

/// A command as it was typed: its whole name in words, and its options.
pub(super) struct Typed<'d> {
    pub(super) name: String,
    pub(super) options: &'d [CommandDataOption],
}

impl<'d> Typed<'d> {
    /// Groups and sub-commands come as options within options.
    pub(super) fn of(data: &'d CommandData) -> Self {
        let (mut name, mut options) = (data.name.clone(), data.options.as_slice());
        while let [one] = options
            && let CommandDataOptionValue::SubCommand(inner)
            | CommandDataOptionValue::SubCommandGroup(inner) = &one.value
        {
            name = format!("{name} {}", one.name);
            options = inner;
        }
        Self { name, options }
    }
}

impl Door {
    pub(super) async fn command(&self, origin: &Origin, data: &CommandData) {
        let answers = self.answers(origin);
        if !answers.first(First::PrivateLater).await {
            return;
        }
        let typed = Typed::of(data);
        let by = self.who(origin);
        if let Some(asked) = typed.name.strip_prefix(built_in::PREFIX) {
            let asked = asked.trim_start();
            if let Some(shown) = self.built_in(&by, origin, asked, typed.options).await {
                answers.then(&shown).await;
            }
            return;
        }
        let inputs = match self.inputs(typed.options) {
            Ok(inputs) => inputs,
            Err(why) => return answers.then(&said(&format!("✗ {why}"))).await,
        };
        let invocation = Invocation {
            by: by.clone(),
            ask: Ask::Command(typed.name.clone()),
            inputs,
            idempotency_key: Some(key(origin)),
            break_glass: None,
            channel: origin.channel(),
        };
        self.start(origin, &typed.name, invocation).await;
    }

    async fn start(&self, origin: &Origin, name: &str, invocation: Invocation) {
        let answers = self.answers(origin);
        // Nobody else is there.
        let is_private = origin.is_direct || self.service.answers_privately(name);
        if !is_private && let Err(why) = shows(origin) {
            return answers.then(&why).await;
        }
        let made = self.live.made();
        match self.service.start(invocation).await {
            Ok(run) if is_private => self.show_privately(origin, run),
            Ok(run) => {
                let shown = self.where_it_is(origin, run, made).await;
                answers.then(&shown).await;
            }
            Err(error) => answers.then(&told(&error)).await,
        }
    }

    /// Shows a run to who asked alone, in the answer to what they typed.
    pub(super) fn show_privately(&self, origin: &Origin, run: RunId) {
        let age = snowflake::made_at(&origin.id).map(|at| self.service.now().since(at));
        let left = TOKEN_LIVES.saturating_sub(age.unwrap_or_default());
        self.live.show_in(PrivateAnswer {
            run,
            token: origin.token.clone(),
            until: Instant::now() + left,
            is_last: false,
        });
    }

    /// Where a run is shown that was started a moment ago.
    pub(super) async fn where_it_is(
        &self,
        origin: &Origin,
        run: RunId,
        mut made: tokio::sync::broadcast::Receiver<Made>,
    ) -> render::Shown {
        let guild = origin.guild.as_deref().unwrap_or("@me");
        let shown = timeout(SHOWN_WITHIN, async {
            loop {
                match made.recv().await {
                    Ok(made) if made.run == run => break Some(made),
                    Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => break None,
                }
            }
        });
        let short = run.short();
        match shown.await {
            Ok(Some(Made {
                channel, message, ..
            })) => markdown(format!(
                "Run `{short}`: https://discord.com/channels/{guild}/{channel}/{message}"
            )),
            _ => markdown(format!(
                "Run `{short}` has begun, and will be shown here; `/purser show run:{short}` shows it now."
            )),
        }
    }

    /// The options as inputs: people, roles and channels by what Purser calls them.
    pub(super) fn inputs(
        &self,
        options: &[CommandDataOption],
    ) -> Result<Map<String, Value>, String> {
        let mut inputs = Map::new();
        for option in options {
            let value = match &option.value {
                CommandDataOptionValue::String(text) => Value::from(text.as_str()),
                CommandDataOptionValue::Integer(number) => Value::from(*number),
                CommandDataOptionValue::Number(number) => Value::from(*number),
                CommandDataOptionValue::Boolean(yes) => Value::from(*yes),
                CommandDataOptionValue::Channel(id) => Value::from(id.to_string()),
                CommandDataOptionValue::User(id) => Value::from(self.person(&id.to_string())?),
                CommandDataOptionValue::Role(id) => Value::from(self.role(&id.to_string())?),
                // What is still being typed has its value as text.
                CommandDataOptionValue::Autocomplete { value, .. } => Value::from(value.as_str()),
                other => {
                    let (name, kind) = (&option.name, other.kind());
                    return Err(format!(
                        "the option `{name}` is of a kind that no command takes: {kind:?}"
                    ));
                }
            };
            inputs.insert(option.name.clone(), value);
        }
        Ok(inputs)
    }

    fn person(&self, id: &str) -> Result<String, String> {
        let person = self.service.people().by_chat(PLATFORM, id, &[]);
        if person.is_stranger() {
            return Err(format!(
                "that user of Discord is nobody whom Purser knows: `purser link`, typed by them, says who it is, \
                 or `discord = \"{id}\"` in a `[people.NAME]` of its configuration"
            ));
        }
        Ok(person.person.to_string())
    }

    fn role(&self, id: &str) -> Result<String, String> {
        let roles = self.roles.get(id).map(Vec::as_slice);
        match roles {
            Some([one]) => Ok(one.to_string()),
            _ => Err(format!(
                "that role of Discord stands for no single role of Purser's: `\"{id}\" = [\"ROLE\"]` in \
                 `[discord.roles]` of its configuration says for which"
            )),
        }
    }
}

/// The same interaction starts the same run, however often it comes.
pub(super) fn key(origin: &Origin) -> String {
    format!("{PLATFORM}/{}", origin.id)
}

/// Whether a run can be shown there.
///
/// # Errors
/// What is missing, and that nothing was started.
pub(super) fn shows(origin: &Origin) -> Result<(), render::Shown> {
    let missing = origin.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join("**, **");
    Err(markdown(format!(
        "✗ Purser cannot show a run here: it lacks the permission **{missing}** in this channel. Nothing was \
         started; give it that in the channel's settings, or ask in another channel."
    )))
}

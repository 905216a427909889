//! `/purser …`: what can be said about runs, whatever workflows there are.

mod lists;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use serenity::model::application::CommandDataOption;

use super::door::{Door, said};
use super::origin::Origin;
use super::publish::{self, Where};
use super::render::{self, Shown, markdown};
use crate::chat::text::Text;
use crate::domain::input::{InputSpec, InputType};
use crate::domain::nearest;
use crate::domain::person::Actor;
use crate::service::{Deed, Result, ServiceError, What};

/// What the name of each begins with.
pub(super) const PREFIX: &str = "purser";

/// So many runs are listed.
const LATEST: u32 = 15;

/// One of them.
struct BuiltIn {
    name: &'static str,
    summary: &'static str,
    /// Each with what it is, and whether it must be given.
    options: &'static [(&'static str, &'static str, bool)],
}

const ALL: [BuiltIn; 7] = [
    BuiltIn {
        name: "runs",
        summary: "The latest runs",
        options: &[],
    },
    BuiltIn {
        name: "show",
        summary: "One run as it is now, with what can be done to it",
        options: &[(RUN, "the run, by its id or the beginning of it", true)],
    },
    BuiltIn {
        name: "locks",
        summary: "What is locked or frozen",
        options: &[],
    },
    BuiltIn {
        name: "lock",
        summary: "Keep a system or a service to yourself for four hours",
        options: &[
            ("target", "SYSTEM, or SYSTEM/SERVICE", true),
            ("reason", "why, for those who will wait", true),
        ],
    },
    BuiltIn {
        name: "unlock",
        summary: "Release a lock",
        options: &[("target", "what is locked", true)],
    },
    BuiltIn {
        name: LINK,
        summary: "Become somebody whom Purser knows",
        options: &[("code", "what `purser link` shows in a terminal", true)],
    },
    BuiltIn {
        name: "help",
        summary: "What you can say here",
        options: &[],
    },
];

const RUN: &str = "run";

const LINK: &str = "link";

/// All of them as one command with sub-commands.
pub(super) fn command(place: Where) -> Value {
    let sub_commands = offered(place).map(|one| {
        let options: IndexMap<String, InputSpec> = one.options.iter().map(spec).collect();
        json!({
            "type": 1,
            "name": one.name,
            "description": one.summary,
            "options": publish::options(options.iter()),
        })
    });
    json!({
        "type": 1,
        "name": PREFIX,
        "description": "Runs and locks, whatever was asked for",
        "options": sub_commands.collect::<Vec<_>>(),
    })
}

/// A code is typed in a server of the team's: whoever sends one from elsewhere is not of the team.
fn offered(place: Where) -> impl Iterator<Item = &'static BuiltIn> {
    let is_offered = move |one: &&BuiltIn| place == Where::Server || one.name != LINK;
    ALL.iter().filter(is_offered)
}

fn spec((name, summary, required): &(&str, &str, bool)) -> (String, InputSpec) {
    let spec = InputSpec {
        kind: InputType::String,
        summary: Some((*summary).to_owned()),
        required: *required,
        default: None,
        choices: vec![],
        suggest: what(name).map(|_| "purser.runs".to_owned()),
    };
    ((*name).to_owned(), spec)
}

/// What an option of these takes that can be completed.
pub(super) fn what(option: &str) -> Option<What> {
    (option == RUN).then_some(What::Run(Deed::Look))
}

impl Door {
    /// What is said to it; `None` where the answer is shown as a run is.
    pub(super) async fn built_in(
        &self,
        by: &Actor,
        origin: &Origin,
        asked: &str,
        options: &[CommandDataOption],
    ) -> Option<Shown> {
        let given = match self.inputs(options) {
            Ok(given) => given,
            Err(why) => return Some(said(&format!("✗ {why}"))),
        };
        let shown = match asked {
            "show" => match self.show(by, origin, text(&given, RUN)).await {
                Ok(()) => return None,
                Err(error) => Err(error),
            },
            "runs" => self.runs(by).await,
            "locks" => self.locks(by).await,
            "lock" => {
                let (target, reason) = (text(&given, "target"), text(&given, "reason"));
                self.lock(by, target, reason).await
            }
            "unlock" => self.unlock(by, text(&given, "target")).await,
            LINK => self.link(by, origin, text(&given, "code")).await,
            "help" => self.help(by, origin).await,
            unknown => {
                let names: Vec<_> = ALL.iter().map(|one| one.name).collect();
                Err(ServiceError::Invalid(nearest::unknown(
                    "command", unknown, names,
                )))
            }
        };
        Some(shown.unwrap_or_else(|error| Self::told(&error)))
    }

    async fn runs(&self, by: &Actor) -> Result<Shown> {
        let rows = self.service.runs(by, LATEST).await?;
        Ok(render::runs(&rows))
    }

    async fn locks(&self, by: &Actor) -> Result<Shown> {
        Ok(lists::holds(&self.service.holds(by).await?))
    }

    async fn lock(&self, by: &Actor, target: &str, reason: &str) -> Result<Shown> {
        let lock = self.service.lock(by, target, reason, None).await?;
        Ok(sentence(&lists::lock(&lock)))
    }

    async fn unlock(&self, by: &Actor, target: &str) -> Result<Shown> {
        let lock = self.service.unlock(by, target).await?;
        let line = Text::default().code(lock.target.to_string());
        Ok(sentence(&line.and(" is free again.")))
    }

    async fn link(&self, by: &Actor, origin: &Origin, code: &str) -> Result<Shown> {
        if origin.is_direct {
            let why = "a code is typed in a channel of your team's server; nothing was changed";
            return Err(ServiceError::Invalid(why.to_owned()));
        }
        let person = self.service.link(by, code).await?;
        let told =
            format!("You are {person} here from now on. `/{PREFIX} help` shows what you can say.");
        Ok(said(&told))
    }

    /// A run as it is now: the answer shows it, and goes on showing it as long as it can be edited.
    async fn show(&self, by: &Actor, origin: &Origin, run: &str) -> Result<()> {
        self.service.known(by, "look at a run").await?;
        let run = self.service.find_run(run).await?;
        self.show_privately(origin, run);
        Ok(())
    }

    async fn help(&self, by: &Actor, origin: &Origin) -> Result<Shown> {
        self.service.known(by, "look at the catalog").await?;
        let mine = self.service.commands_of(by);
        let lines = mine
            .into_iter()
            .map(|(name, summary)| (format!("/{name}"), summary));
        let place = if origin.is_direct {
            Where::Direct
        } else {
            Where::Server
        };
        let own =
            offered(place).map(|one| (format!("/{PREFIX} {}", one.name), one.summary.to_owned()));
        Ok(lists::help(&lines.chain(own).collect::<Vec<_>>()))
    }
}

fn text<'g>(given: &'g Map<String, Value>, name: &str) -> &'g str {
    given.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn sentence(text: &Text) -> Shown {
    Shown {
        content: markdown::text(text),
        ..Shown::default()
    }
}

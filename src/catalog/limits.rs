//! What every chat takes of a command. Some cut what is longer, some refuse all commands because of
//! one: so nobody gets there.

use std::collections::BTreeMap;
use std::path::Path;

use super::command::Command;
use super::problem::{Problem, Report};
use super::source::{Entry, Node};
use crate::domain::input::InputSpec;
use crate::domain::position::Position;

/// The names of commands: at most three words.
pub(super) const NAME: &str = "^[a-z0-9_-]{1,32}( [a-z0-9_-]{1,32}){0,2}$";

/// The longest summary, of a command and of an option, and the longest choice, in characters.
pub(super) const LONGEST_TEXT: usize = 100;

/// So many options a command may have.
pub(super) const MOST_OPTIONS: usize = 25;

/// So many options of a command may be secret: a chat asks for them in a window, and no window has
/// more fields.
pub(super) const MOST_SECRETS: usize = 5;

/// So many choices an option may have.
const MOST_CHOICES: usize = 25;

/// So many commands and groups a group may have.
pub(super) const MOST_IN_GROUP: usize = 25;

/// So many commands and groups there may be beside each other that are in no group.
pub(super) const MOST_AT_TOP: usize = 100;

/// All names, summaries and choices of a command that is in no group, or of all that is in one group
/// at the top, are no longer together, in characters.
const LARGEST: usize = 8000;

/// Reports texts that are too long and lists that have too much in them.
pub(super) fn check(command: &Node, report: &mut Report) {
    check_text(command.get("summary"), "the summary", report);
    let options = command.get("options");
    let entries = options.map(Node::entries).unwrap_or_default();
    if let Some(options) = options {
        check_count(options.at, "options", entries.len(), MOST_OPTIONS, report);
    }
    let is_secret = |option: &&Entry| {
        let spec = option.value.read::<InputSpec>();
        spec.is_some_and(|spec| spec.secret)
    };
    let secrets: Vec<_> = entries.iter().filter(is_secret).collect();
    if let Some(beyond) = secrets.get(MOST_SECRETS) {
        let message = format!(
            "here are {} secret options, and chats take {MOST_SECRETS}",
            secrets.len()
        );
        report.error(beyond.at, message);
    }
    for option in entries {
        let name = &option.key;
        let summary = option.value.get("summary");
        check_text(summary, &format!("the summary of `{name}`"), report);
        let choices = option.value.get("choices");
        if let Some(choices) = choices {
            let count = choices.items().len();
            check_count(choices.at, "choices", count, MOST_CHOICES, report);
        }
        for choice in choices.map(Node::items).unwrap_or_default() {
            check_text(Some(choice), &format!("a choice of `{name}`"), report);
        }
    }
}

fn check_text(node: Option<&Node>, what: &str, report: &mut Report) {
    let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) else {
        return;
    };
    let length = text.chars().count();
    if !(1..=LONGEST_TEXT).contains(&length) {
        let message = format!("{what} has {length} characters, and chats take 1 to {LONGEST_TEXT}");
        report.error(node.at, message);
    }
}

fn check_count(at: Position, what: &str, count: usize, most: usize, report: &mut Report) {
    if count > most {
        let message = format!("here are {count} {what}, and chats take {most}");
        report.error(at, message);
    }
}

/// Reports what is larger than chats take as one command: with them a group at the top is one.
pub(super) fn check_sizes<'c>(
    folder: &Path,
    commands: impl Iterator<Item = &'c Command>,
) -> Vec<Problem> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for command in commands {
        let top = command.name.words().next().unwrap_or_default();
        *sizes.entry(top).or_default() += size(command);
    }
    let mut problems = vec![];
    for (top, size) in sizes.into_iter().filter(|(_, size)| *size > LARGEST) {
        let mut report = Report::new(folder);
        let message = format!(
            "the names, summaries and choices of `{top}`, with all that is in it, have {size} \
             characters together, and chats take {LARGEST}"
        );
        report.error(None, message);
        problems.extend(report.into_problems());
    }
    problems
}

/// A text counts that a chat is told. Groups count with each command in them, and a choice as what is
/// shown and as its value.
fn size(command: &Command) -> usize {
    let length = |text: &str| text.chars().count();
    let of_options = command.options.iter().map(|(name, option)| {
        let summary = option.summary.as_deref().unwrap_or(name);
        let choices: usize = option.choices.iter().map(|one| 2 * length(one)).sum();
        length(name) + length(summary) + choices
    });
    length(command.name.as_str()) + length(&command.summary) + of_options.sum::<usize>()
}

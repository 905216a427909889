//! A line like `/deploy service:shop/web version:v2`, read by what the command has registered.

use bytes::Bytes;
use serde_json::Value;

use super::fit::{SUB_COMMAND, SUB_COMMAND_GROUP};
use crate::error::{Error, refused};
use crate::ids::{ChannelId, RoleId, UserId};

/// What a person gives for an option.
#[derive(Clone, Debug)]
pub enum Given {
    /// What is typed: a text, a number, `true`, `@ann`, `#ops`, the name of a choice.
    Typed(String),
    /// A person picked from the list.
    User(UserId),
    /// A channel picked from the list.
    Channel(ChannelId),
    /// A role picked from the list.
    Role(RoleId),
    /// A file.
    File {
        /// Its name.
        name: String,
        /// Its MIME type.
        content_type: String,
        /// What is in it.
        bytes: Bytes,
    },
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Typed(text.to_owned())
    }
}

/// A line cut into its words: the way to the command's options, and what is given for each.
pub(crate) struct Line<'a> {
    /// The command and, if there are any, group and sub-command.
    pub(crate) words: Vec<&'a str>,
    pub(crate) given: Vec<(String, Given)>,
}

/// Cuts a line by the options that its command has.
pub(crate) fn cut<'a>(line: &'a str, command: &Value) -> Result<Line<'a>, Error> {
    let Some(rest) = line.strip_prefix('/') else {
        return refused(format!(
            "\"{line}\" is not a command: it has no / before it"
        ));
    };
    let (name, mut rest) = word(rest);
    let mut words = vec![name];
    let mut options = &command["options"];
    while let Some(inner) = nested(options) {
        let (name, after) = word(rest);
        let Some(found) = inner.iter().find(|option| option["name"] == name) else {
            return refused(format!("/{} has no \"{name}\"", words.join(" ")));
        };
        words.push(name);
        (rest, options) = (after, &found["options"]);
    }
    let names: Vec<&str> = options
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["name"].as_str())
        .collect();
    let given = pairs(rest, &names).map_err(|left| {
        Error::Refused(format!("/{} has no option for \"{left}\"", words.join(" ")))
    })?;
    Ok(Line { words, given })
}

fn word(text: &str) -> (&str, &str) {
    text.split_once(' ')
        .map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

/// The sub-commands and groups of a level, if it has such.
fn nested(options: &Value) -> Option<&Vec<Value>> {
    let options = options.as_array()?;
    let is_nested = |option: &Value| {
        matches!(
            option["type"].as_u64(),
            Some(SUB_COMMAND | SUB_COMMAND_GROUP)
        )
    };
    options.iter().any(is_nested).then_some(options)
}

/// The values between the names; the error is what stands before the first name.
fn pairs(text: &str, names: &[&str]) -> Result<Vec<(String, Given)>, String> {
    let mut starts: Vec<(usize, &str)> = Vec::new();
    for name in names {
        let mark = format!("{name}:");
        for (at, _) in text.match_indices(&mark) {
            if (at == 0 || text[..at].ends_with(' '))
                && starts.iter().all(|(_, known)| known != name)
            {
                starts.push((at, name));
            }
        }
    }
    starts.sort_unstable();
    let first = starts.first().map_or(text.len(), |(at, _)| *at);
    if !text[..first].trim().is_empty() {
        return Err(text[..first].trim().to_owned());
    }
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    let cut = starts.iter().zip(ends).map(|((at, name), end)| {
        let value = text[at + name.len() + 1..end].trim();
        ((*name).to_owned(), Given::Typed(value.to_owned()))
    });
    Ok(cut.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fit::STRING;
    use super::*;

    fn deploy() -> Value {
        json!({ "name": "deploy", "options": [
            { "type": STRING, "name": "service", "required": true },
            { "type": STRING, "name": "note" },
        ] })
    }

    fn given(line: &Line<'_>) -> Vec<String> {
        let one = |(name, given): &(String, Given)| match given {
            Given::Typed(text) => format!("{name}={text}"),
            _ => name.clone(),
        };
        line.given.iter().map(one).collect()
    }

    #[test]
    fn a_value_goes_on_until_the_next_option() {
        let line = cut("/deploy service:shop/web note:at last: v2", &deploy()).unwrap();
        assert_eq!(given(&line), ["service=shop/web", "note=at last: v2"]);
    }

    #[test]
    fn what_is_no_option_is_refused() {
        let error = cut("/deploy server:web", &deploy()).err().unwrap();
        assert_eq!(
            error.to_string(),
            "/deploy has no option for \"server:web\""
        );
    }

    #[test]
    fn a_sub_command_is_part_of_the_way() {
        let command = json!({ "name": "db", "options": [
            { "type": SUB_COMMAND, "name": "backup", "options": [{ "type": STRING, "name": "name" }] },
        ] });
        let line = cut("/db backup name:app", &command).unwrap();
        assert_eq!(line.words, ["db", "backup"]);
        assert_eq!(given(&line), ["name=app"]);
        assert!(cut("/db restore", &command).is_err());
    }
}

//! What can be said in every chat and at the console's prompt, whatever files there are.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::domain::input::{InputSpec, InputType, check_inputs};
use crate::domain::nearest;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// The latest runs.
    Runs,
    /// One run.
    Show {
        /// Its id, or the beginning of it.
        run: String,
    },
    /// What is locked or frozen.
    Locks,
    /// A lock, for as long as one lasts of which nothing is said.
    Lock {
        /// `SYSTEM`, or `SYSTEM/SERVICE`.
        target: String,
        /// Why.
        reason: String,
    },
    /// The end of a lock.
    Unlock {
        /// What is locked.
        target: String,
    },
    /// What can be said here.
    Help {
        /// The command or the group that is meant; all of it, where it is empty.
        about: String,
    },
}

/// How one is said.
#[derive(Debug)]
pub struct Form {
    /// Its name, a word.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    options: &'static [Opt],
}

#[derive(Debug)]
struct Opt {
    name: &'static str,
    summary: &'static str,
    required: bool,
    /// Where values for completion come from.
    suggest: Option<&'static str>,
    /// Whether it takes all that stands behind the options before it.
    takes_the_rest: bool,
}

impl Opt {
    const fn new(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            required: true,
            suggest: None,
            takes_the_rest: false,
        }
    }
}

/// The option that names a run.
pub const RUN: &str = "run";

/// The option that names a command or a group.
pub const COMMAND: &str = "command";

const TARGET: &str = "target";
const REASON: &str = "reason";

/// All of them.
pub const FORMS: [Form; 6] = [
    Form {
        name: "runs",
        summary: "The latest runs",
        options: &[],
    },
    Form {
        name: "show",
        summary: "One run as it is now, with what can be done to it",
        options: &[Opt {
            suggest: Some("purser.runs"),
            ..Opt::new(RUN, "the run, by its id or the beginning of it")
        }],
    },
    Form {
        name: "locks",
        summary: "What is locked or frozen",
        options: &[],
    },
    Form {
        name: "lock",
        summary: "Keep a system or a service to yourself for four hours",
        options: &[
            Opt::new(TARGET, "SYSTEM, or SYSTEM/SERVICE"),
            Opt {
                takes_the_rest: true,
                ..Opt::new(REASON, "why, for those who will wait")
            },
        ],
    },
    Form {
        name: "unlock",
        summary: "Release a lock",
        options: &[Opt::new(TARGET, "what is locked")],
    },
    Form {
        name: "help",
        summary: "What you can say here, or what is in a group",
        options: &[Opt {
            required: false,
            suggest: Some("purser.commands"),
            takes_the_rest: true,
            ..Opt::new(COMMAND, "a command or a group; all, where it is left out")
        }],
    },
];

/// The option that is a code.
pub const CODE: &str = "code";

/// How a stranger becomes somebody. It is said in chats alone: at a terminal whoever is there is known.
pub const LINK: Form = Form {
    name: "link",
    summary: "Become somebody whom Purser knows",
    options: &[Opt::new(CODE, "what `purser link` shows in a terminal")],
};

impl Form {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMS.iter().find(|form| form.name == name)
    }

    /// Its options, as those of a command of a file are declared.
    pub fn inputs(&self) -> IndexMap<String, InputSpec> {
        let options = self.options.iter().map(|option| {
            let spec = InputSpec {
                kind: InputType::String,
                summary: Some(option.summary.to_owned()),
                required: option.required,
                default: None,
                choices: vec![],
                suggest: option.suggest.map(str::to_owned),
            };
            (option.name.to_owned(), spec)
        });
        options.collect()
    }

    /// Words as options, in their order; `None` where there are too many.
    pub fn given(&self, words: &[&str]) -> Option<Map<String, Value>> {
        let mut given = Map::new();
        let mut words = words.iter().copied();
        for option in self.options {
            let text = if option.takes_the_rest {
                words.by_ref().collect::<Vec<_>>().join(" ")
            } else {
                words.next().unwrap_or_default().to_owned()
            };
            if !text.is_empty() {
                given.insert(option.name.to_owned(), text.into());
            }
        }
        words.next().is_none().then_some(given)
    }
}

impl BuiltIn {
    /// What is asked for by this name and these options.
    ///
    /// # Errors
    /// Nothing is called so, or an option is missing or unknown: which, with the nearest.
    pub fn read(name: &str, given: &Map<String, Value>) -> Result<Self, String> {
        let names = || FORMS.iter().map(|form| form.name).collect::<Vec<_>>();
        let unknown = || nearest::unknown("command", name, names());
        let form = Form::named(name).ok_or_else(unknown)?;
        let given = check_inputs(&form.inputs(), given).map_err(|why| why.to_string())?;
        let text = |name: &str| {
            let text = given.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Ok(match form.name {
            "runs" => Self::Runs,
            "show" => Self::Show { run: text(RUN) },
            "locks" => Self::Locks,
            "lock" => Self::Lock {
                target: text(TARGET),
                reason: text(REASON),
            },
            "unlock" => Self::Unlock {
                target: text(TARGET),
            },
            "help" => Self::Help {
                about: text(COMMAND),
            },
            _ => return Err(unknown()),
        })
    }
}

/// Whether a command of this name is meant by somebody who asks about these words: it is called so, or
/// is in a group that is.
pub fn is_about(command: &str, about: &str) -> bool {
    let mut words = command.split(' ');
    about
        .split_whitespace()
        .all(|word| words.next() == Some(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<BuiltIn, String> {
        let words: Vec<_> = line.split(' ').collect();
        let (name, words) = words.split_first().unwrap();
        let given = Form::named(name).map(|form| form.given(words).ok_or("too many words"));
        BuiltIn::read(name, &given.transpose()?.unwrap_or_default())
    }

    #[test]
    fn each_can_be_said_and_is_what_it_is_called() {
        for form in &FORMS {
            let words: Vec<_> = form.options.iter().map(|option| option.name).collect();
            let asked = BuiltIn::read(form.name, &form.given(&words).unwrap()).unwrap();
            let asked = format!("{asked:?}").to_lowercase();
            assert!(asked.starts_with(form.name), "{asked}");
            assert!(words.iter().all(|word| asked.contains(word)), "{asked}");
        }
    }

    #[test]
    fn words_are_options_in_their_order_and_a_reason_is_all_that_follows() {
        let lock = BuiltIn::Lock {
            target: "shop/web".to_owned(),
            reason: "stock is counted".to_owned(),
        };
        assert_eq!(read("lock shop/web stock is counted"), Ok(lock));
        let all = BuiltIn::Help {
            about: String::new(),
        };
        assert_eq!(read("help"), Ok(all));
        let wrong = ["lock shop/web", "unlock shop web", "shwo 1234", "show"];
        let wrong: Vec<_> = wrong.map(|line| read(line).unwrap_err()).into();
        insta::assert_snapshot!(wrong.join("\n"), @"
        the input `reason` (why, for those who will wait) is missing
        too many words
        unknown command `shwo`; did you mean `show`?
        the input `run` (the run, by its id or the beginning of it) is missing
        ");
    }

    #[test]
    fn a_group_is_about_what_is_in_it() {
        assert!(is_about("db backup", ""));
        assert!(is_about("db backup", "db"));
        assert!(is_about("db backup", "db backup"));
        assert!(!is_about("db backup", "db restore"));
        assert!(!is_about("db", "db backup"));
    }
}

//! What a check has found: plain data, for people and for programs.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The configuration, workflows and commands.
    Config,
    /// A file that holds a secret.
    Secret,
    /// The folder with runs and receipts.
    Store,
    /// The server's socket.
    Socket,
    /// The address where other programs post.
    Listener,
    /// Room on disks.
    Disk,
    /// This machine's time and time zones.
    Clock,
    /// A configured system.
    System,
    /// A folder of objects that workflows use.
    Folder,
    /// What Purser needs in Discord.
    Discord,
}

impl Check {
    /// The word for it, as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Secret => "secret",
            Self::Store => "store",
            Self::Socket => "socket",
            Self::Listener => "listener",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::System => "system",
            Self::Folder => "folder",
            Self::Discord => "discord",
        }
    }
}

/// How something stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does not work.
    Problem,
    /// It works, and may not for long.
    Warning,
    /// It is as it should be.
    Ok,
}

/// How it stands. What is not well comes with what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something does not work.
    Problem {
        /// A command or an edit.
        next: String,
    },
    /// It works, and may not for long, or not as it was meant.
    Warning {
        /// A command or an edit.
        next: String,
    },
    /// It is as it should be.
    Well,
}

impl Verdict {
    /// How bad it is.
    pub fn state(&self) -> State {
        match self {
            Self::Problem { .. } => State::Problem,
            Self::Warning { .. } => State::Warning,
            Self::Well => State::Ok,
        }
    }

    /// What to do.
    pub fn next(&self) -> Option<&str> {
        match self {
            Self::Problem { next } | Self::Warning { next } => Some(next),
            Self::Well => None,
        }
    }
}

/// How something stands, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen.
    pub message: String,
}

impl Remark {
    /// It is as it should be.
    pub fn well(message: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Well,
            message: message.into(),
        }
    }

    /// It works, and `next` is advisable.
    pub fn warning(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warning { next: next.into() },
            message: message.into(),
        }
    }

    /// It does not work until `next` is done.
    pub fn problem(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Problem { next: next.into() },
            message: message.into(),
        }
    }

    /// It does not work, as a sentence says that ends in what to do, behind its last semicolon.
    pub fn of_sentence(sentence: &str) -> Self {
        match sentence.rsplit_once("; ") {
            Some((message, next)) => Self::problem(message, next),
            None => Self::problem(sentence, "put that right, then run `purser doctor` again"),
        }
    }

    /// Of this check, about this thing.
    pub fn of(self, check: Check, about: impl Into<String>) -> Finding {
        Finding {
            check,
            about: about.into(),
            remark: self,
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// By which check.
    pub check: Check,
    /// About what: a file, a folder, a system's name.
    pub about: String,
    /// How it stands.
    pub remark: Remark,
}

impl Finding {
    /// The same with every text changed by `edit`.
    #[must_use]
    pub fn edited(self, edit: impl Fn(&str) -> String) -> Self {
        let verdict = match self.remark.verdict {
            Verdict::Problem { next } => Verdict::Problem { next: edit(&next) },
            Verdict::Warning { next } => Verdict::Warning { next: edit(&next) },
            Verdict::Well => Verdict::Well,
        };
        Self {
            check: self.check,
            about: edit(&self.about),
            remark: Remark {
                verdict,
                message: edit(&self.remark.message),
            },
        }
    }
}

impl Serialize for Finding {
    /// `{check, about, state, message, next}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 5)?;
        fields.serialize_field("check", &self.check)?;
        fields.serialize_field("about", &self.about)?;
        fields.serialize_field("state", &self.remark.verdict.state())?;
        fields.serialize_field("message", &self.remark.message)?;
        fields.serialize_field("next", &self.remark.verdict.next())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_in_what_to_do() {
        let remark = Remark::of_sentence("it refuses `x` (why; so); nothing is begun; mend it");
        assert_eq!(
            remark,
            Remark::problem("it refuses `x` (why; so); nothing is begun", "mend it")
        );
    }

    #[test]
    fn problems_come_before_warnings_and_both_before_what_is_well() {
        let all = [
            Remark::well("a"),
            Remark::warning("b", "mend it"),
            Remark::problem("c", "mend it"),
        ];
        let mut states = all.map(|remark| remark.verdict.state());
        states.sort();
        assert_eq!(states, [State::Problem, State::Warning, State::Ok]);
    }
}

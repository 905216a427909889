//! What has changed in a time, and how it is said.

use super::{Act, Gap, Happened, Sort, What};
use crate::domain::names::{PersonName, RunId, SystemName, WorkflowName};
use crate::domain::run::RunStatus;
use crate::domain::time::Timestamp;

/// What has changed in a time: by runs, and not by runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// It begins here: later than was asked for where there was too much to look through.
    pub since: Timestamp,
    /// It ends here.
    pub until: Timestamp,
    /// The runs that began or ended in it, but for those that only looked at something.
    pub runs: Vec<RunLine>,
    /// What no run has done, by system.
    pub outside: Vec<(SystemName, Happened)>,
    /// When which system was not listened to.
    pub unwatched: Vec<(SystemName, Gap)>,
}

/// A run, as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
pub struct RunLine {
    /// Which.
    pub run: RunId,
    /// When it began; else when it ended without having begun.
    pub at: Timestamp,
    /// Of which workflow.
    pub workflow: WorkflowName,
    /// Who asked.
    pub by: PersonName,
    /// What its steps acted on.
    pub on: Vec<RunTarget>,
    /// Where it stands.
    pub status: RunStatus,
    /// How it ended, in a sentence.
    pub summary: Option<String>,
}

/// What a step of a run has acted on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunTarget {
    /// The system.
    pub system: SystemName,
    /// What on it, where that is one thing: a service, a database.
    pub service: Option<String>,
}

impl Happened {
    /// What has happened, in words that go behind the name of what it happened to.
    pub fn says(&self) -> String {
        let image = || {
            self.item
                .image
                .as_deref()
                .unwrap_or("an image without a name")
        };
        let what = match &self.what {
            What::Single(act) => single(act, self.item.sort),
            What::Begun => format!("made and started, of {}", image()),
            What::Killed { code } => format!("killed{}", in_brackets(*code)),
            What::Stopped { code } => format!("stopped{}", in_brackets(*code)),
            What::Restarted => "restarted".to_owned(),
            What::EndedAndStarted { code } => {
                format!("ended by itself{}, and started again", with(*code))
            }
            What::Gone => "removed".to_owned(),
            What::CameAndWent => format!("made and removed, of {}", image()),
            What::Replaced { from } if from == image() => format!("made anew, of {}", image()),
            What::Replaced { from } => format!("{from} → {}", image()),
        };
        match self.times {
            1 => what,
            times => format!("{what} ({times} times, last at {})", self.until),
        }
    }
}

fn single(act: &Act, sort: Sort) -> String {
    match act {
        Act::Created if sort == Sort::Container => "made, and not started".to_owned(),
        Act::Created => "made".to_owned(),
        Act::Started => "started".to_owned(),
        Act::Restarted => "restarted".to_owned(),
        Act::Signalled {
            signal: Some(signal),
        } => format!("got the signal {signal}"),
        Act::Signalled { signal: None } => "got a signal".to_owned(),
        Act::Ended { code } => format!("ended by itself{}", with(*code)),
        Act::Stopped => "stopped".to_owned(),
        Act::OutOfMemory => "ran out of memory".to_owned(),
        Act::Paused => "paused".to_owned(),
        Act::Unpaused => "goes on after a pause".to_owned(),
        Act::Updated => "has other limits".to_owned(),
        Act::Renamed { from } => format!("renamed, was {from}"),
        Act::Joined { network } => format!("joined the network {network}"),
        Act::Left { network } => format!("left the network {network}"),
        Act::Pulled => "fetched".to_owned(),
        Act::Tagged => "tagged".to_owned(),
        Act::Untagged => "untagged".to_owned(),
        Act::Removed => "removed".to_owned(),
    }
}

fn with(code: Option<i64>) -> String {
    code.map_or_else(String::new, |code| format!(" with exit code {code}"))
}

fn in_brackets(code: Option<i64>) -> String {
    code.map_or_else(String::new, |code| format!(" (exit code {code})"))
}

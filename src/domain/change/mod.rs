//! What changes on the systems that Purser acts on, whoever changes it: what a system tells, when it
//! was listened to, which of it a run of Purser has done, and how all of it is told to people.

mod fold;
mod since;
mod told;
mod watched;
mod whose;

use serde::{Deserialize, Serialize};

use super::names::RunId;
use super::time::Timestamp;

pub use fold::{Happened, What, fold};
pub use since::{NotPast, since};
pub use told::{Account, RunLine, RunTarget};
pub use watched::{Gap, Resumed, Watched, gaps, resume};
pub use whose::{AtWork, Reach, at_work, complete, whose};

/// One thing that a system has told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When, by the system's own clock.
    pub at: Timestamp,
    /// Told again, it has the same key; nothing else of its system has.
    pub key: String,
    /// What it is about.
    pub item: Item,
    /// What was done to that.
    pub act: Act,
}

/// What a change is about, as it was at that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Of which sort.
    pub sort: Sort,
    /// By which the system knows it; another one of the same name has another.
    pub id: String,
    /// By which people know it.
    pub name: String,
    /// The service that a container belongs to: `shop/web`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What a container is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What it is where it is no container of a service: `job`, `switch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The run that says to have made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<RunId>,
    /// What that run's effect was about: `shop-web-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<String>,
}

impl Item {
    /// The service, or its own name.
    pub fn called(&self) -> &str {
        self.service.as_deref().unwrap_or(&self.name)
    }
}

/// The sort of thing that a change is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A container.
    #[default]
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume that has a name.
    Volume,
}

/// What was done to it, or has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// It was made.
    Created,
    /// It was started.
    Started,
    /// It was stopped and started in one request: told after both.
    Restarted,
    /// A signal was sent to it: the first part of being stopped.
    Signalled {
        /// Its number.
        signal: Option<i64>,
    },
    /// It has ended.
    Ended {
        /// With this exit code.
        code: Option<i64>,
    },
    /// It was stopped: told after its end.
    Stopped,
    /// The kernel has ended something in it for want of memory.
    OutOfMemory,
    /// It stands still.
    Paused,
    /// It goes on.
    Unpaused,
    /// Its limits were changed.
    Updated,
    /// It has another name.
    Renamed {
        /// It was this.
        from: String,
    },
    /// It has joined a network.
    Joined {
        /// Which.
        network: String,
    },
    /// It has left a network.
    Left {
        /// Which.
        network: String,
    },
    /// It was fetched from its registry.
    Pulled,
    /// It has got a name.
    Tagged,
    /// It has lost a name.
    Untagged,
    /// It is gone.
    Removed,
}

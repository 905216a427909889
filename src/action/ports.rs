//! What integrations need of each other, as small traits (decision 22).
//!
//! Integrations never import each other: one implements a port, another asks the context for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Undone;
use super::context::{Context, ReadContext};
use super::error::Result;
use super::objects::Objects;
use super::offers::Offers;
use crate::domain::change::{Account, Change};
use crate::domain::names::{RunId, SystemName};
use crate::domain::receipt::Anchor;
use crate::domain::schedule::Zone;
use crate::domain::time::Timestamp;

/// A system that keeps objects in buckets.
pub trait ObjectStorage: Send + Sync {
    /// Opens a folder of a bucket. Does no I/O: a missing bucket shows at the first use.
    fn open(&self, bucket: &str, prefix: &str) -> Result<Arc<dyn Objects>>;
}

/// Local folders as folders of objects.
pub trait Folders: Send + Sync {
    /// Opens a folder, which is made at the first write.
    fn open(&self, path: &Path) -> Result<Arc<dyn Objects>>;
}

/// A system that can complete values for people.
pub trait Suggest: Send + Sync {
    /// All values of this kind (`services`, `databases`). `of` is what they belong to, for those that
    /// belong to something: the service whose `tags` are wanted. Reads, and changes nothing.
    fn offers<'a>(
        &'a self,
        ctx: &'a ReadContext,
        what: &'a str,
        of: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Offers>>;

    /// What was typed in two: what stays as it is, and the beginning of the name that is looked for.
    /// `None` where no name can stand.
    fn place<'t>(&self, what: &str, typed: &'t str) -> Option<(&'t str, &'t str)> {
        let _ = what;
        Some(("", typed))
    }
}

/// A running container, as far as it says which product runs in it.
#[derive(Clone, Debug, Default)]
pub struct RunningContainer {
    /// Its own name.
    pub name: String,
    /// The reference that it was created from.
    pub image: String,
    /// Its Compose project and service.
    pub compose: Option<(String, String)>,
    /// Its ports over TCP.
    pub ports: Vec<ContainerPort>,
    /// Its addresses, by the names of its networks.
    pub addresses: BTreeMap<String, IpAddr>,
    /// Those variables of its environment that were asked for. Their values may be secrets.
    pub environment: BTreeMap<String, SecretString>,
    /// Its HEALTHCHECK; `None` where it has none.
    pub check: Option<HealthCheck>,
}

/// The command that an engine runs within a container, again and again, to see whether it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What the last one that has ended came to.
    pub last: Option<Checked>,
}

/// One run of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// When it began, by the engine's clock.
    pub began: Timestamp,
    /// It ended with code 0.
    pub passed: bool,
}

/// A port of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// Within the container.
    pub inner: u16,
    /// Where it is published on the engine's machine.
    pub published: Option<(IpAddr, u16)>,
}

/// A system that runs containers.
pub trait Containers: Send + Sync {
    /// The containers that run, of one Compose project or all, with these variables of their
    /// environments where they are set.
    fn running<'a>(
        &'a self,
        project: Option<&'a str>,
        variables: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<RunningContainer>>>;

    /// The containers of one service that run, by name: `project/service`, or a container's own name.
    fn of_service<'a>(
        &'a self,
        service: &'a str,
        variables: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<RunningContainer>>>;

    /// An instant by the engine's own clock that is not yet past when this is called.
    fn mark(&self) -> BoxFuture<'_, Result<Timestamp>>;

    /// Sends a signal to each container of a service that runs. Repeatable.
    fn signal<'a>(&'a self, service: &'a str, signal: Signal) -> BoxFuture<'a, Result<()>>;

    /// Starts those of these containers that are there and do not run. Repeatable.
    fn start<'a>(&'a self, names: &'a BTreeSet<String>) -> BoxFuture<'a, Result<()>>;

    /// Restarts the containers of a service one by one, each well again before the next. Repeatable.
    fn restart<'a>(
        &'a self,
        service: &'a str,
        within: Duration,
        cancel: Option<&'a CancellationToken>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Makes the containers of a service anew, each from the image that it runs, but with these variables
    /// in its environment. The old ones are there, and come back by [`Self::take_back`], until
    /// [`Self::settle`]. The effects of it are those of the part of a step that `ctx` is.
    fn recreate<'a>(&'a self, ctx: &'a Context, renewal: Renewal<'a>) -> BoxFuture<'a, Result<()>>;

    /// The old containers go, of what was made anew in this part.
    fn settle<'a>(&'a self, ctx: &'a Context, renewal: Renewal<'a>) -> BoxFuture<'a, Result<()>>;

    /// The old containers come back, of what was made anew in this part.
    fn take_back<'a>(
        &'a self,
        ctx: &'a Context,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Undone>>;
}

/// A service whose containers are made anew.
#[derive(Clone, Copy)]
pub struct Renewal<'a> {
    /// `project/service`, or a container's name.
    pub service: &'a str,
    /// What each new container's environment has, whatever the old one's had.
    pub environment: &'a BTreeMap<String, SecretString>,
    /// How long each may take to be healthy.
    pub within: Duration,
}

/// What a program takes as the word to read its files again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Signal {
    /// What most take for it.
    #[serde(rename = "SIGHUP")]
    Hup,
    /// For one's own use.
    #[serde(rename = "SIGUSR1")]
    Usr1,
    /// For one's own use.
    #[serde(rename = "SIGUSR2")]
    Usr2,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hup => "SIGHUP",
            Self::Usr1 => "SIGUSR1",
            Self::Usr2 => "SIGUSR2",
        })
    }
}

/// What leads from a proxy's entry points to a service, over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name with its provider: `web@docker`.
    pub name: String,
    /// Which requests it takes: ``Host(`shop.example`)``.
    pub rule: String,
    /// Of several whose rules take a request, the one with the highest has it.
    pub priority: i64,
    /// Where it takes them, by name.
    pub entry_points: Vec<String>,
    /// The service that they go to.
    pub service: String,
    /// Whether it takes requests at all; else why not.
    pub fault: Option<String>,
}

/// A server of a proxy's service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upstream {
    /// `http://172.18.0.5:8080`
    pub url: String,
    /// The proxy's own checks say that it is down.
    pub is_down: bool,
}

/// A question that somebody outside could ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The entry point, by name.
    pub entry_point: String,
    /// Whose name is asked for.
    pub host: String,
    /// With its query; begins with a slash.
    pub path: String,
    /// A certificate of whatever kind does: the name is one that nobody outside has.
    pub any_certificate: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visited {
    /// The status of the answer.
    pub status: u16,
    /// The beginning of what it says, 64 KiB at most.
    pub body: String,
}

/// A proxy in front of services.
pub trait ProxyView: Send + Sync {
    /// What leads where now, whether it works or not.
    fn routes(&self) -> BoxFuture<'_, Result<Vec<Route>>>;

    /// The servers of a service of this name; `None` when it has none of that name.
    fn upstreams<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Option<Vec<Upstream>>>>;

    /// Asks through one of its entry points. `None` when it is not known where that listens.
    fn visit<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Result<Option<Visited>>>;

    /// The folder from which it takes routes, where Purser may write there.
    fn route_files(&self) -> Option<Arc<dyn RouteFiles>>;
}

/// A folder of files from which a proxy takes routes.
pub trait RouteFiles: Send + Sync {
    /// How people call the file of this name.
    fn shown(&self, name: &str) -> String;

    /// Its text; `None` when it is not there.
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>>>;

    /// Puts another text there at one instant, or takes the file away (`None`): whoever reads it has the
    /// old one or the new one, whole. What is there must be one of `expected`.
    fn replace<'a>(
        &'a self,
        name: &'a str,
        expected: &'a [Option<&'a str>],
        text: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>>;
}

/// A step of an earlier run that has succeeded, as that run's receipt says.
#[derive(Clone, Debug, PartialEq)]
pub struct DoneStep {
    /// The run.
    pub run: RunId,
    /// Who had asked for it.
    pub by: String,
    /// When the run was over.
    pub at: Timestamp,
    /// What the step has left.
    pub output: serde_json::Value,
}

/// What has been done before, by the receipts.
pub trait History: Send + Sync {
    /// The steps of this action on this system that have succeeded and were not taken back by their own
    /// runs, newest first. It looks through so many receipts as [`LOOKED_THROUGH`].
    fn done<'a>(
        &'a self,
        action: &'a str,
        system: &'a SystemName,
    ) -> BoxFuture<'a, Result<Vec<DoneStep>>>;
}

/// So many receipts are looked through for what has been done before, the newest first.
pub const LOOKED_THROUGH: u32 = 10_000;

/// Something that a step of a run has made on a system for its own use, and nobody needs once the
/// run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// By which the system knows it.
    pub id: String,
    /// What it is, for people: `the container purser-migrate-0c9d`.
    pub what: String,
    /// The run that it carries the id of.
    pub run: RunId,
    /// When it was made.
    pub made_at: Timestamp,
}

/// A system on which steps make things for their own use. A step removes its own; what is left when
/// it could not is found here.
pub trait Sweeps: Send + Sync {
    /// All such things that are there, whatever has become of their runs, and whoever had them made.
    fn leftovers(&self) -> BoxFuture<'_, Result<Vec<Leftover>>>;

    /// Removes one for good. It may be gone already.
    fn sweep<'a>(&'a self, leftover: &'a Leftover) -> BoxFuture<'a, Result<()>>;
}

/// A system that tells what changes on it.
pub trait Watches: Send + Sync {
    /// From which instant on it remembers everything up to now; `None`: it remembers nothing at all.
    fn remembers(&self, now: Timestamp) -> BoxFuture<'_, Result<Option<Timestamp>>>;

    /// What has changed since an instant, as far as it remembers, and then what changes, as it happens.
    /// It ends without an error when the system's clock has come to `until`.
    fn changes(&self, since: Timestamp, until: Timestamp) -> BoxStream<'_, Result<Change>>;
}

/// A system that keeps the secrets of others, and knows how old they are.
pub trait KeepsSecrets: Send + Sync {
    /// Whose each is, and when it was made, where that is known. Never a value.
    fn made_at(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>>>;
}

/// What has changed on all systems, and by whom.
pub trait Ledger: Send + Sync {
    /// By which clocks people say a time.
    fn zone(&self) -> Zone;

    /// What has changed from one instant to another.
    fn account(&self, since: Timestamp, now: Timestamp) -> BoxFuture<'_, Result<Account>>;
}

/// What Purser keeps of its own, for its own backup.
pub trait OwnState: Send + Sync {
    /// Where the server with its tables listens, by host and port; `None` where they are a file.
    fn database(&self) -> Option<(String, u16)>;

    /// About how many bytes a backup holds before compression, and what it leaves out.
    fn outlook(&self) -> BoxFuture<'_, Result<OwnOutlook>>;

    /// Copies the store as it is at one instant, and names the files beside it. The copy lies in
    /// the store's folder, for the owner only, under a name with this token.
    fn copy<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<OwnCopy>>;
}

/// What a backup of Purser's own would hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnOutlook {
    /// The size of the files, before compression.
    pub bytes: u64,
    /// What would not be in it, and why, each in a phrase.
    pub left_out: Vec<String>,
}

/// A copy of what Purser keeps. The store's copy is removed when this is dropped.
pub struct OwnCopy {
    /// All files.
    pub files: Vec<OwnFile>,
    /// The last sealed receipt that the copy holds.
    pub head: Option<Anchor>,
    /// The version of the store's tables.
    pub schema: i64,
    /// What is not among the files, and why.
    pub left_out: Vec<String>,
    /// Removes what was copied.
    pub copied: Vec<TemporaryFile>,
}

/// A file of Purser's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFile {
    /// Its path in a backup, with `/`: `store/purser.db`.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// A file that goes when this is dropped.
#[derive(Debug)]
pub struct TemporaryFile(pub PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            // The next start clears it.
            tracing::warn!(file = %self.0.display(), %error, "a temporary file stays");
        }
    }
}

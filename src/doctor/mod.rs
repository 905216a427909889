//! The doctor: looks at everything that Purser needs, and says what is wrong and what to do. It
//! works with and without a running server, and changes nothing.
//!
//! One file for each subject. The checks go side by side, each with a limit of time: what hangs
//! holds up no other.

mod clock;
mod config;
mod disk;
mod doors;
mod folders;
mod secrets;
mod store;
mod systems;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};

use crate::action::objects::ObjectUrl;
use crate::action::{Clock, Registry, Systems};
use crate::catalog::{self, Catalog, Problem};
use crate::config::{Config, ConfigError};
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::redact::Redactor;

/// A local check that takes longer hangs.
const SOON: Duration = Duration::from_secs(10);
/// The same of what goes over a network.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same of a database that is read from end to end.
const LONG: Duration = Duration::from_mins(2);

/// What is looked at.
pub struct Patient<'a> {
    /// The configuration, which could be read.
    pub config: &'a Config,
    /// What in it could not be carried out.
    pub wrong: &'a [ConfigError],
    /// The secrets of the store that do not open.
    pub closed: &'a [Problem],
    /// The workflows and commands, or what is wrong with them.
    pub catalog: &'a Result<Catalog, Vec<Problem>>,
    /// What can be done.
    pub registry: &'a Registry,
    /// The systems that could be connected.
    pub systems: &'a Systems,
    /// Where the server's socket is.
    pub socket: &'a Path,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// A word that nobody else has, for the names of what is written and removed again.
    pub token: &'a str,
    /// Knows the secrets, which no finding may hold.
    pub redactor: &'a Redactor,
}

/// Looks at everything, and says how it stands: what is wrong first.
pub async fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let Patient { config, .. } = patient;
    let (uses, folders) = match patient.catalog {
        Ok(catalog) => (
            catalog::uses(catalog, patient.registry),
            catalog::folders(catalog, patient.registry),
        ),
        Err(_) => Default::default(),
    };
    let store = &config.store;
    let server = doors::Server::at(patient.socket).await;
    let mut checks: Vec<BoxFuture<'_, Vec<Finding>>> = vec![
        async { config::look(patient) }.boxed(),
        limited(
            Check::Secret,
            "files".to_owned(),
            SOON,
            secrets::look(config),
        ),
        limited(
            Check::Store,
            store.path.display().to_string(),
            LONG,
            store::look(store.clone()),
        ),
        limited(Check::Disk, "disks".to_owned(), SOON, disk::look(config)),
        async { doors::socket(&server, patient.socket, config) }.boxed(),
    ];
    let public = config.server.listen.map(|at| (doors::PUBLIC, at));
    let metrics = config.metrics.as_ref();
    let metrics = metrics.map(|metrics| (doors::METRICS, metrics.listen));
    for (door, address) in public.into_iter().chain(metrics) {
        let look = doors::listener(door, address, server.is_up());
        checks.push(limited(Check::Listener, address.to_string(), SOON, look));
    }
    for (url, (address, used)) in folders {
        let limit = match address {
            ObjectUrl::File { .. } => SOON,
            ObjectUrl::S3 { .. } => PATIENCE,
        };
        let look = folders::look(patient, url.clone(), address, used);
        checks.push(limited(Check::Folder, url, limit, look));
    }
    let systems = systems::look(patient, &uses);
    let (found, (systems, readings)) = futures_util::join!(join_all(checks), systems);
    let mut found: Vec<_> = found.into_iter().flatten().chain(systems).collect();
    found.extend(clock::look(config, &readings));
    let mut found: Vec<_> = found
        .into_iter()
        .map(|finding| finding.edited(|text| patient.redactor.text(text)))
        .collect();
    found.sort_by_key(|finding| (finding.remark.verdict.state(), finding.check));
    found
}

/// A check that is a problem itself when it does not end.
fn limited<'a>(
    check: Check,
    about: String,
    limit: Duration,
    look: impl Future<Output = Vec<Finding>> + Send + 'a,
) -> BoxFuture<'a, Vec<Finding>> {
    async move {
        tokio::time::timeout(limit, look).await.unwrap_or_else(|_| {
            let remark = Remark::problem(
                format!("no end after {}", humantime::format_duration(limit)),
                "see what it hangs on: a network that loses packets, or a disk that does not answer",
            );
            vec![remark.of(check, about)]
        })
    }
    .boxed()
}

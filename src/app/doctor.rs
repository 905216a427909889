//! `purser doctor`: hands the doctor what there is to look at.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::discord;
use super::machine::{MachineClock, MachineEntropy};
use super::offline::closed_secrets;
use super::secrets::peek;
use super::world::{World, load_config};
use crate::catalog::{Catalog, Problem};
use crate::cli::{self, Failure};
use crate::config::StoreFolder;
use crate::doctor::{Patient, examine};
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::engine::Entropy as _;

/// A disk that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Discord is asked several things, one after the other.
const DISCORD: Duration = Duration::from_secs(30);

/// Looks at everything and says what is wrong.
///
/// # Errors
/// Something is wrong, or the configuration cannot be read.
pub async fn doctor(
    config_path: &Path,
    socket: Option<PathBuf>,
    json: bool,
) -> Result<(), Failure> {
    // Folders are looked for upwards from where they will be, which takes whole paths.
    let config_path = std::path::absolute(config_path).unwrap_or_else(|_| config_path.to_owned());
    let config = soon(move || load_config(&config_path)).await;
    let config = config.unwrap_or_else(|| Err(unread("the configuration")))?;
    let redactor = Arc::new(Redactor::new());
    let secrets = peek_soon(&config.store).await;
    let closed = closed_secrets(&config, &secrets);
    let learns = Arc::clone(&redactor);
    let loaded = soon(move || {
        let (world, wrong) = World::load_what_can_be(config, &learns, &secrets);
        let catalog = world.read_catalog(secrets.names());
        (world, wrong, catalog)
    });
    let (world, wrong, catalog) = loaded
        .await
        .ok_or_else(|| unread("what the configuration names"))?;
    let socket = socket.unwrap_or_else(|| world.config.server.socket.clone());
    let patient = Patient {
        config: &world.config,
        wrong: &wrong,
        closed: &closed,
        catalog: &catalog,
        registry: &world.registry,
        systems: &world.systems,
        socket: &socket,
        clock: Arc::new(MachineClock),
        token: &hex::encode(&MachineEntropy.bytes()[..8]),
        redactor: &redactor,
    };
    let (findings, in_discord) =
        tokio::join!(examine(&patient), look_into_discord(&world, &catalog));
    let masked = in_discord
        .into_iter()
        .map(|finding| finding.edited(|text| redactor.text(text)));
    let mut findings: Vec<_> = findings.into_iter().chain(masked).collect();
    findings.sort_by_key(|finding| finding.remark.verdict.state());
    cli::show_findings(&findings, json)
}

/// What `purser discord check` says, where a bot is configured. A catalog that cannot be read has a
/// finding of its own.
async fn look_into_discord(world: &World, catalog: &Result<Catalog, Vec<Problem>>) -> Vec<Finding> {
    let (Some(bot), Some(settings)) = (&world.discord, &world.config.discord) else {
        return vec![];
    };
    let look = discord::examine(bot, settings, &world.config, catalog.as_ref().ok());
    let late = || {
        let remark = Remark::problem(
            format!(
                "it did not answer all questions within {}",
                humantime::format_duration(DISCORD)
            ),
            "run `purser discord check`, which takes its time",
        );
        vec![remark.of(Check::Discord, "the bot")]
    };
    tokio::time::timeout(DISCORD, look)
        .await
        .unwrap_or_else(|_| late())
}

/// The secrets, unless the disk that the store is on does not answer.
async fn peek_soon(store: &StoreFolder) -> Opened {
    let runtime = tokio::runtime::Handle::current();
    let (folder, store) = (store.path.display().to_string(), store.clone());
    let peeked = soon(move || runtime.block_on(peek(&store))).await;
    peeked.unwrap_or_else(|| Opened::unknown(format!("{folder} does not answer")))
}

/// Does something with files on a thread of its own: a disk that hangs holds up that thread alone.
async fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let done = tokio::task::spawn_blocking(work);
    tokio::time::timeout(PATIENCE, done).await.ok()?.ok()
}

fn unread(what: &str) -> Failure {
    Failure::failed(format!(
        "{what} cannot be read within {}: see which disk does not answer on which the configuration, \
         workflows or files of secrets lie",
        humantime::format_duration(PATIENCE)
    ))
}

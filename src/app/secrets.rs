//! Secrets at the start, for the lint, and by hand: through the server, or without one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::home::{closed, not_ours};
use super::machine::{MachineClock, MachineEntropy};
use super::offline::socket_of;
use super::store::peek_at_secrets;
use super::world::{load_config, read_catalog};
use crate::action::Registry;
use crate::cli::{self, Failure, SecretAnswer, SecretAsk, Server};
use crate::config::{Config, StoreFolder};
use crate::domain::person::People;
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::http::types::RekeyedView;
use crate::integrations;
use crate::service::{SecretDesk, SecretUses, ServiceError};
use crate::store::sqlite::database_file;
use crate::store::{SecretKeeper, Secrets, StoreError, Vault, open_rows};

/// A keeper of the store's secrets, which has opened and learned all of them.
pub(super) async fn keep(
    store: Arc<dyn Secrets>,
    folder: &Path,
    redactor: &Arc<Redactor>,
) -> Result<(Arc<SecretKeeper>, Opened), StoreError> {
    let keeper = SecretKeeper::new(store, Vault::of(folder), Arc::clone(redactor));
    keeper.ready().await?;
    if keeper.is_between_keys()? {
        tracing::warn!(
            "a change of the secrets' key was cut short, and the old key still opens them: type \
             `purser secret rekey` again"
        );
    }
    let opened = keeper.open_all().await?;
    keeper.learn_given().await?;
    Ok((Arc::new(keeper), opened))
}

/// The secrets as the lint sees them: read without the store's lock, and changed in no way.
pub(super) async fn peek(config: &StoreFolder) -> Opened {
    let opened: Result<Opened, StoreError> = async {
        let rows = peek_at_secrets(config).await?;
        open_rows(&Vault::of(&config.path), &rows)
    }
    .await;
    opened.unwrap_or_else(|error| Opened::unknown(error.to_string()))
}

/// `purser secret`: through the server if one runs. Else the store is opened here under its lock,
/// with the right of whoever owns it: the first secrets are needed before the first start.
///
/// # Errors
/// What was asked for could not be done.
pub async fn secret(
    config_path: &Path,
    socket: Option<PathBuf>,
    ask: SecretAsk,
    json: bool,
) -> Result<(), Failure> {
    let socket = socket_of(config_path, socket)?;
    let answer = match ask.ask(&Server::at(&socket)?).await {
        Err(failure) if failure.code == Failure::NO_SERVER && config_path.exists() => {
            let config = load_config(config_path)?;
            without_server(&config, &socket, ask).await?
        }
        answer => answer?,
    };
    answer.show(json)
}

async fn without_server(
    config: &Config,
    socket: &Path,
    ask: SecretAsk,
) -> Result<SecretAnswer, Failure> {
    let folder = &config.store.path;
    let registry = Registry::new(integrations::all());
    let catalog = read_catalog(config, &registry, None);
    let workflows_are_known = catalog.is_ok();
    let uses = SecretUses::new(config.secrets(), &catalog.unwrap_or_default());
    match &ask {
        SecretAsk::List => {
            if !workflows_are_known {
                cli::say(&format!("purser: {}\n", unknown_users()));
            }
            let rows = peek_at_secrets(&config.store).await;
            let rows = rows.map_err(|error| Failure::failed(error.to_string()))?;
            return Ok(SecretAnswer::List(uses.list(&rows)));
        }
        SecretAsk::Remove(_, false) if !workflows_are_known => {
            let why = unknown_users();
            return Err(Failure::failed(format!(
                "nothing was removed: {why}; put them right, or use --force"
            )));
        }
        _ => {}
    }
    may_open(&config.store, socket, &ask)?;
    let is_first = !folder.exists();
    super::home::keep_files_private();
    let redactor = Arc::new(Redactor::new());
    let open = super::store::open(&config.store, &redactor).await;
    let store = open.map_err(|error| not_opened(&error, socket))?.store;
    let keeper = SecretKeeper::new(Arc::clone(&store) as _, Vault::of(folder), redactor);
    let answer = at_the_desk(config, &keeper, uses, ask).await;
    store.let_go().await;
    let answer = answer.map_err(|error| match error {
        ServiceError::Invalid(why) | ServiceError::Missing(why) => Failure::usage(why),
        other => Failure::failed(other.to_string()),
    })?;
    if is_first {
        let me = nix::unistd::geteuid();
        cli::say(&format!(
            "purser: the store {} was made for uid {me}: run `purser up` as the same user\n",
            folder.display()
        ));
    }
    Ok(answer)
}

async fn at_the_desk(
    config: &Config,
    keeper: &SecretKeeper,
    uses: SecretUses,
    ask: SecretAsk,
) -> Result<SecretAnswer, ServiceError> {
    let desk = SecretDesk {
        keeper,
        clock: &MachineClock,
        entropy: &MachineEntropy,
        uses,
    };
    let by = People::new(config.people.clone()).by_uid(nix::unistd::getuid().as_raw());
    Ok(match ask {
        SecretAsk::Set(name, value) => SecretAnswer::Set(desk.set(&by, name, &value).await?),
        SecretAsk::List => SecretAnswer::List(desk.list().await?),
        SecretAsk::Remove(name, force) => {
            SecretAnswer::Removed(desk.remove(&by, &name, force).await?)
        }
        SecretAsk::Rekey => {
            let secrets = desk.rekey(&by).await?;
            SecretAnswer::Rekeyed(RekeyedView { secrets })
        }
    })
}

/// Whoever is not the owner would leave files that the server cannot open; root too.
fn may_open(config: &StoreFolder, socket: &Path, ask: &SecretAsk) -> Result<(), Failure> {
    let (folder, socket) = (&config.path, socket.display());
    let refused = |why: String| Failure {
        code: Failure::REFUSED,
        message: format!("no Purser answers you at {socket}, and the store {why}"),
    };
    if let Some(why) = not_ours(folder) {
        let or = "or see that Purser runs and that you may open its socket";
        return Err(refused(format!("{why}, {or}")));
    }
    if config.url_file.is_some() || matches!(ask, SecretAsk::Set(..)) {
        return Ok(());
    }
    match database_file(folder).try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::usage(format!(
            "there are no secrets yet: there is no store in {}",
            folder.display()
        ))),
        Err(error) => Err(refused(closed(folder, &error))),
    }
}

fn not_opened(error: &StoreError, socket: &Path) -> Failure {
    Failure::failed(match error {
        StoreError::Held(why) => format!(
            "no Purser is listening at {}, and {why}. If that is a Purser with another socket, name it \
             with --socket",
            socket.display()
        ),
        other => other.to_string(),
    })
}

fn unknown_users() -> &'static str {
    "the workflows have errors (see `purser lint`), so it is not known which of them use a secret"
}

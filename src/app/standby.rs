//! Being active, or waiting for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::machine::{MachineClock, MachineEntropy};
use super::service_manager;
use crate::action::Clock as _;
use crate::catalog::Catalog;
use crate::cli::Failure;
use crate::config::Server;
use crate::domain::person::{Actor, People};
use crate::domain::receipt::{Draft, Subject};
use crate::engine::Entropy as _;
use crate::http;
use crate::store::postgres::Holding;
use crate::store::{Result, Store};

/// What a standby answers while it waits.
pub(super) struct Standby {
    listen: Option<SocketAddr>,
    socket: PathBuf,
    group: Option<String>,
    waits_for: watch::Sender<String>,
    over: CancellationToken,
    serving: std::sync::Mutex<JoinSet<()>>,
}

impl Standby {
    /// At the doors of this server, its socket being this one.
    pub(super) fn new(server: &Server, socket: &Path) -> Self {
        Self {
            listen: server.listen,
            socket: socket.to_owned(),
            group: server.group().map(str::to_owned),
            waits_for: watch::channel(String::new()).0,
            over: CancellationToken::new(),
            serving: std::sync::Mutex::default(),
        }
    }

    /// Says for whom it waits; the first time it begins to answer that it lives and is not ready.
    pub(super) fn waits_for(&self, holding: &Holding) {
        self.waits_for.send_replace(holding.to_string());
        self.answers();
        tracing::warn!("standby: {holding}");
        // Who waits as it should is up.
        service_manager::ready();
    }

    fn answers(&self) {
        let mut serving = self
            .serving
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if serving.is_empty() {
            if let Some(address) = self.listen {
                serving.spawn(answer(
                    address,
                    self.waits_for.subscribe(),
                    self.over.clone(),
                ));
            }
            self.answers_at_the_socket(&mut serving);
        }
    }

    fn answers_at_the_socket(&self, serving: &mut JoinSet<()>) {
        let socket = self.socket.display();
        match http::listen_beside(&self.socket, self.group.as_deref()) {
            Ok(Some(listener)) => {
                let (waits_for, over) = (self.waits_for.subscribe(), self.over.clone());
                let answers = http::serve_standby_here(listener, waits_for, over);
                serving.spawn(async move {
                    if let Err(error) = answers.await {
                        tracing::warn!(%error, "the standby answers no more at its socket");
                    }
                });
            }
            Ok(None) => tracing::warn!(%socket, "another server answers at the standby's socket"),
            Err(error) => tracing::warn!(%error, "the standby cannot be asked how it is"),
        }
    }

    /// It waits no more: the server itself may listen now.
    pub(super) async fn end(self) {
        self.over.cancel();
        let serving = self.serving.into_inner();
        let mut serving = serving.unwrap_or_else(std::sync::PoisonError::into_inner);
        while let Some(ended) = serving.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "what answered for the standby ended badly");
            }
        }
    }
}

async fn answer(address: SocketAddr, waits_for: watch::Receiver<String>, over: CancellationToken) {
    match TcpListener::bind(address).await {
        Ok(listener) => http::serve_standby(listener, waits_for, over).await,
        // The active one may listen there, on the same machine.
        Err(error) => tracing::warn!(%address, %error, "the standby cannot be asked how it is"),
    }
}

/// Says so, with a receipt, if whoever was active before went by other workflows and commands.
pub(super) async fn go_by(store: &Arc<dyn Store>, catalog: &Catalog) -> Result<()> {
    let digest = catalog.digest();
    let Some(before) = store.go_by(&digest).await? else {
        return Ok(());
    };
    if before == digest {
        return Ok(());
    }
    let summary = format!(
        "the workflows and commands are others than those of the process that was active before \
         (their digest was {}, and is {})",
        before.short(),
        digest.short()
    );
    tracing::warn!("{summary}");
    let subject = Subject::Changed {
        what: "catalog".to_owned(),
    };
    let draft = Draft::without_run(
        subject,
        ourselves(),
        MachineClock.now(),
        &summary,
        MachineEntropy.bytes(),
    );
    store.add_receipt(draft).await
}

/// The user that this process runs as, of whom nothing is asked here.
fn ourselves() -> Actor {
    People::new(vec![]).by_uid(nix::unistd::geteuid().as_raw())
}

/// The end of a process that another has superseded. What it was about is no longer its own: nothing
/// is brought to an end, and nothing is taken back.
pub(super) async fn superseded(store: &Arc<dyn Store>) -> Failure {
    let error = store.superseded().await;
    let message = format!(
        "{error}. It ends now; started again, it waits as a standby, and the runs go on over there"
    );
    tracing::error!("{message}");
    Failure::failed(message)
}

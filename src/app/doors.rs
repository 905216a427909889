//! Where requests and signals come in.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::action::SignedPosts;
use crate::cli::Failure;
use crate::config::Config;
use crate::http::{self, Scrape};
use crate::service::Service;

/// What the process is told by others.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn catch() -> Result<Self, Failure> {
        let catch = |kind| signal(kind).map_err(|error| Failure::failed(error.to_string()));
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// SIGTERM or SIGINT; for a process that has nothing to read again, SIGHUP passes.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Where requests come in.
pub(super) struct Doors {
    /// For people of this machine.
    socket: UnixListener,
    /// For other programs, where that is wanted.
    public: Option<TcpListener>,
    /// For Prometheus, where that is wanted.
    metrics: Option<TcpListener>,
}

impl Doors {
    /// Listens at all of them; nobody is answered yet.
    pub(super) async fn open(config: &Config, socket: &Path) -> Result<Self, Failure> {
        let public = config.server.listen;
        let public = listen("server", public, "hooks and health are").await?;
        let metrics = config.metrics.as_ref().map(|metrics| metrics.listen);
        let metrics = listen("metrics", metrics, "figures are").await?;
        let group = config.server.group();
        let socket = http::listen(socket, group);
        Ok(Self {
            socket: socket.map_err(|error| Failure::failed(error.to_string()))?,
            public,
            metrics,
        })
    }
}

/// Listens at the address of this table, if it has one, for this.
async fn listen(
    table: &str,
    address: Option<SocketAddr>,
    what: &str,
) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!(
            "[{table}] listen: {address} cannot be listened at: {error}"
        ))
    })?;
    // Port 0 is one that the machine has chosen.
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, "{what} served here");
    Ok(Some(listener))
}

/// Answers until SIGTERM or SIGINT; SIGHUP re-reads the catalog.
pub(super) async fn serve(
    doors: Doors,
    service: Arc<Service>,
    discord: Option<Arc<dyn SignedPosts>>,
    scrape: Option<Scrape>,
    mut signals: Signals,
) -> Result<(), Failure> {
    let shutdown = CancellationToken::new();
    let server = http::serve(doors.socket, Arc::clone(&service), shutdown.clone());
    let public = async {
        if let Some(listener) = doors.public {
            http::serve_public(listener, Arc::clone(&service), discord, shutdown.clone()).await;
        }
    };
    let metrics = async {
        if let (Some(listener), Some(scrape)) = (doors.metrics, scrape) {
            http::serve_metrics(listener, scrape, shutdown.clone()).await;
        }
    };
    let stop = async {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hangup.recv() => reload_by_signal(&service).await,
            }
        }
        shutdown.cancel();
    };
    let (served, (), (), ()) = tokio::join!(server, public, metrics, stop);
    served.map_err(|error| Failure::failed(error.to_string()))
}

async fn reload_by_signal(service: &Service) {
    let by = service.people().by_uid(nix::unistd::getuid().as_raw());
    match service.reload(&by).await {
        Ok(()) => tracing::info!("the catalog was reloaded"),
        Err(error) => tracing::error!(%error, "the catalog was not reloaded"),
    }
}

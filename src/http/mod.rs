//! The HTTP API over a Unix socket: everything that can be asked of Purser, for its own commands
//! and for whoever writes others.

mod api;
mod caller;
mod holds;
mod links;
mod metrics;
mod places;
mod posts;
mod problem;
mod public;
mod schedules;
mod secrets;
mod standby;
mod suggest;
pub mod types;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use crate::service::Service;
use caller::Peer;
pub use metrics::{Scrape, serve_metrics};
pub use public::serve_public;
pub use standby::{listen_beside, serve_standby, serve_standby_here};

/// No request's body is longer, in bytes.
const LONGEST_BODY: usize = 256 * 1024;

/// What handlers share.
#[derive(Clone)]
struct Shared {
    service: Arc<Service>,
    shutdown: CancellationToken,
}

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the socket {path} cannot be made: {message}")]
pub struct SocketError {
    path: String,
    message: String,
}

/// Makes the socket: read and write for owner and group, nothing for others (decision 1).
///
/// A socket that a dead server left is replaced; the store's lock has already shown that no other
/// server lives.
///
/// # Errors
/// The folder is missing or not ours, or something that is no socket stands there.
pub fn listen(path: &Path, group: Option<&str>) -> Result<UnixListener, SocketError> {
    let failed = |message: String| SocketError {
        path: path.display().to_string(),
        message,
    };
    // A name alone lies in the folder in which the server was started.
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o755)))
            .map_err(|error| failed(error.to_string()))?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
            std::fs::remove_file(path).map_err(|error| failed(error.to_string()))?;
        }
        Ok(_) => return Err(failed("something that is no socket stands there".into())),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(|error| failed(error.to_string()))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660))
        .map_err(|error| failed(error.to_string()))?;
    if let Some(name) = group {
        give_to_group(path, name);
    }
    Ok(listener)
}

/// A socket without its group still serves the user who runs Purser, so this only warns.
fn give_to_group(path: &Path, name: &str) {
    match nix::unistd::Group::from_name(name) {
        Ok(Some(group)) => {
            if let Err(error) = nix::unistd::chown(path, None, Some(group.gid)) {
                tracing::warn!(name, %error, "the socket cannot be given to its group");
            }
        }
        Ok(None) => {
            tracing::warn!(
                name,
                "there is no such group: only its owner can use the socket"
            );
        }
        Err(error) => tracing::warn!(name, %error, "the socket's group cannot be looked up"),
    }
}

/// Answers until `shutdown`, then lets open requests come to their end.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: UnixListener,
    service: Arc<Service>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let shared = Shared {
        service,
        shutdown: shutdown.clone(),
    };
    let app = Router::new()
        .merge(api::routes())
        .merge(schedules::routes())
        .merge(holds::routes())
        .merge(links::routes())
        .merge(places::routes())
        .merge(suggest::routes())
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .merge(secrets::routes())
        .with_state(shared)
        .into_make_service_with_connect_info::<Peer>();
    let served = axum::serve(listener, app)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future();
    no_longer(served, shutdown).await
}

/// Requests that are under way when a server is told to stop come to their end within this time.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// Serves, and once `over` not for longer than requests may take: whoever has sent half of one keeps
/// nobody from stopping.
async fn no_longer(
    served: impl Future<Output = std::io::Result<()>>,
    over: CancellationToken,
) -> std::io::Result<()> {
    let late = async {
        over.cancelled().await;
        tokio::time::sleep(STOPS_WITHIN).await;
    };
    tokio::select! {
        served = served => served,
        () = late => Ok(()),
    }
}

//! `purser docker-proxy`: a process of its own, which needs neither configuration nor store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::doors::Signals;
use super::service_manager;
use crate::cli::{DockerProxy, Failure};
use crate::docker_proxy::{Allowances, Rules, listen, serve};
use crate::domain::redact::Redactor;
use crate::telemetry;

/// Filters until SIGTERM or SIGINT.
///
/// # Errors
/// A flag makes no sense, or the socket cannot be made.
pub async fn docker_proxy(flags: DockerProxy) -> Result<(), Failure> {
    telemetry::start(telemetry::Format::Text, "info", Arc::new(Redactor::new()))
        .map_err(Failure::failed)?;
    let DockerProxy {
        listen: socket,
        docker,
        ..
    } = &flags;
    let (socket, docker) = (socket.clone(), docker.clone());
    let binds = flags.allow_bind.clone();
    let rules = Rules::new(Allowances {
        binds: flags.allow_bind,
        capabilities: flags.allow_cap,
        log_drivers: flags.allow_log_driver,
        sysctls: flags.allow_sysctl,
        host_network: flags.allow_host_network,
    })
    .map_err(Failure::usage)?;
    warn_of_open_doors(&binds, &docker);
    let mut signals = Signals::catch()?;
    let front = listen(&socket).map_err(|error| {
        let socket = socket.display();
        Failure::failed(format!("the socket {socket} cannot be made: {error}"))
    })?;
    tracing::info!(socket = %socket.display(), docker = %docker.display(), "docker-proxy is up");
    service_manager::ready();
    let shutdown = CancellationToken::new();
    let stop = async {
        signals.end().await;
        shutdown.cancel();
    };
    tokio::join!(serve(front, docker, rules, shutdown.clone()), stop);
    tracing::info!("docker-proxy is down");
    Ok(())
}

/// Docker's own socket as it is mostly called. Where this runs in a container, its own names for it
/// are not the host's.
const USUAL: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

/// Whoever may mount the folder of Docker's own socket needs no proxy.
fn warn_of_open_doors(binds: &[String], docker: &Path) {
    let mut sockets: Vec<PathBuf> = USUAL.iter().map(PathBuf::from).collect();
    sockets.extend([docker.to_owned()]);
    // The engine follows symbolic links in what it mounts.
    sockets.extend(docker.canonicalize());
    for path in binds.iter().map(|bind| bind.trim_end_matches(":ro")) {
        let real = Path::new(path).canonicalize();
        let names = [Path::new(path)].into_iter().chain(real.as_deref().ok());
        let holds = |name: &Path| sockets.iter().any(|socket| socket.starts_with(name));
        if names.into_iter().any(holds) {
            tracing::warn!(
                path,
                "Docker's own socket lies there: a container that mounts it is filtered by nobody"
            );
        }
    }
}

//! `purser docker-proxy`: a process of its own, which needs neither configuration nor store.

use std::path::Path;
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

/// Whoever may mount the folder of Docker's own socket needs no proxy.
fn warn_of_open_doors(binds: &[String], docker: &Path) {
    for path in binds.iter().map(|bind| bind.trim_end_matches(":ro")) {
        if docker.starts_with(path) {
            tracing::warn!(
                path,
                "Docker's own socket lies there: a container that mounts it is filtered by nobody"
            );
        }
    }
}

//! `purser docker-proxy`: its flags.

use std::path::PathBuf;

use clap::Args;

/// The flags of the filter before Docker's socket.
#[derive(Debug, Args)]
pub struct DockerProxy {
    /// Where Purser finds the filtered socket.
    #[arg(
        long,
        value_name = "SOCKET",
        default_value = "/run/purser-docker/docker.sock"
    )]
    pub listen: PathBuf,
    /// Docker's own socket.
    #[arg(long, value_name = "SOCKET", default_value = "/var/run/docker.sock")]
    pub docker: PathBuf,
    /// A path of the host that containers may mount: exactly this one, nothing below it; with `:ro`
    /// behind it only read-only. May be given several times, as all that follow.
    #[arg(long, value_name = "PATH[:ro]")]
    pub allow_bind: Vec<String>,
    /// A capability that containers may have beyond those of every container: `NET_ADMIN`.
    #[arg(long, value_name = "NAME")]
    pub allow_cap: Vec<String>,
    /// A log driver beyond json-file, local, journald and none.
    #[arg(long, value_name = "NAME")]
    pub allow_log_driver: Vec<String>,
    /// A setting of the kernel that containers may have for themselves: net.core.somaxconn.
    #[arg(long, value_name = "NAME")]
    pub allow_sysctl: Vec<String>,
    /// Containers may use the host's own network.
    #[arg(long)]
    pub allow_host_network: bool,
}

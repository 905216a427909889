//! `purser healthcheck`: exit code 0 when it is well, for whoever has no other program at hand. A
//! standby is well as long as it waits as it should, and says so.

use std::path::PathBuf;

use clap::Args;

use super::client::Health;
use super::{Failure, Server};

/// What is to be asked.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// Ask a Docker engine, or the proxy before it, at this socket instead of the server.
    #[arg(long, value_name = "SOCKET")]
    docker: Option<PathBuf>,
}

impl Healthcheck {
    pub(super) async fn call(&self, server: &Server) -> Result<(), Failure> {
        let health = match &self.docker {
            None => server.is_well("/readyz").await?,
            Some(socket) => Server::at(socket)?.is_well("/_ping").await?,
        };
        if let Health::StandsBy(said) = health {
            println!("{said}");
        }
        Ok(())
    }
}

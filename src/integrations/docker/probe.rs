//! A question over HTTP, for containers whose image has no HEALTHCHECK.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::container::Container;
use crate::action::{ActionError, Result};

/// One answer may take this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to ask at the container's own address.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    /// The port inside the container.
    port: u16,
    /// What to get; any answer of the class 2xx counts as healthy.
    #[serde(default = "root")]
    path: String,
}

fn root() -> String {
    "/".to_owned()
}

impl Probe {
    /// Refuses what could not be one line of a request.
    pub(super) fn check(&self) -> Result<()> {
        let is_plain = self.path.chars().all(|c| c.is_ascii_graphic());
        if self.port != 0 && self.path.starts_with('/') && is_plain {
            return Ok(());
        }
        Err(ActionError::fatal(format!(
            "the probe of port {} and path {:?} cannot be asked: write a port from 1 and a path \
             like /healthz",
            self.port, self.path
        )))
    }

    /// Asks once; `Err` says in a few words why it does not count.
    pub(super) async fn ask(&self, container: &Container) -> Result<(), String> {
        let address = address(container).ok_or("the container has no address of its own")?;
        let asked = tokio::time::timeout(PATIENCE, self.status_line(address)).await;
        let line = match asked {
            Ok(Ok(line)) => line,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        match line.split(' ').nth(1) {
            Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
            _ => Err(format!("it answers `{line}`")),
        }
    }

    async fn status_line(&self, address: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect((address, self.port)).await?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {address}:{}\r\nUser-Agent: purser\r\nConnection: close\r\n\r\n",
            self.path, self.port
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let mut piece = [0; 256];
        while !answer.contains(&b'\n') && answer.len() < 1024 {
            match stream.read(&mut piece).await? {
                0 => break,
                length => answer.extend_from_slice(&piece[..length]),
            }
        }
        let text = String::from_utf8_lossy(&answer);
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GET :{}{}", self.port, self.path)
    }
}

/// The container's address in the first of its networks that gave it one.
fn address(container: &Container) -> Option<&str> {
    let networks = container
        .facts
        .network_settings
        .as_ref()?
        .networks
        .as_ref()?;
    let mut named: Vec<_> = networks.iter().collect();
    named.sort_by_key(|(name, _)| *name);
    named
        .into_iter()
        .filter_map(|(_, endpoint)| endpoint.ip_address.as_deref())
        .find(|address| !address.is_empty())
}

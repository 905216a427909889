//! What is asked of a new container whose image has no HEALTHCHECK.

use std::fmt;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HealthConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::container::Container;

/// One answer may take this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// So often the engine runs a command.
const EVERY: Duration = Duration::from_secs(2);

/// So many words a command has at most.
const WORDS: usize = 100;

/// A question over HTTP or TCP at the container's own address, or a command within it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(super) enum Probe {
    /// Any answer of the class 2xx counts.
    Http {
        /// Inside the container.
        port: u16,
        /// With its slash.
        path: String,
    },
    /// A connection that is taken counts.
    Tcp(u16),
    /// Its end with code 0 counts. The engine runs it, as the new container's HEALTHCHECK.
    Command(Vec<String>),
}

/// As it stands in a workflow's file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Probe")]
pub(super) struct Written {
    /// The port inside the container that is asked over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// What to get there, `/` when left out; any answer of the class 2xx counts as healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Instead, a port inside the container that has to take a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<u16>,
    /// Instead, a command within the container that has to end with code 0, without a shell:
    /// `["pg_isready"]`. The engine runs it as the container's HEALTHCHECK, and goes on with that.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
}

impl JsonSchema for Probe {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Written::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

impl TryFrom<Written> for Probe {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written {
                port: Some(port),
                path,
                tcp: None,
                command: None,
            } => http(port, path.unwrap_or_else(|| "/".to_owned())),
            Written {
                port: None,
                path: None,
                tcp: Some(port),
                command: None,
            } if port != 0 => Ok(Self::Tcp(port)),
            Written {
                port: None,
                path: None,
                tcp: None,
                command: Some(words),
            } => command(words),
            _ => Err(
                "a probe is one of these: `port` with a `path`, over HTTP; `tcp`, a port from 1; \
                 `command`, a list of words"
                    .to_owned(),
            ),
        }
    }
}

impl From<Probe> for Written {
    fn from(probe: Probe) -> Self {
        match probe {
            Probe::Http { port, path } => Self {
                port: Some(port),
                path: Some(path),
                ..Self::default()
            },
            Probe::Tcp(port) => Self {
                tcp: Some(port),
                ..Self::default()
            },
            Probe::Command(words) => Self {
                command: Some(words),
                ..Self::default()
            },
        }
    }
}

/// Refuses what could not be one line of a request.
fn http(port: u16, path: String) -> Result<Probe, String> {
    let is_plain = path.chars().all(|c| c.is_ascii_graphic());
    if port != 0 && path.starts_with('/') && is_plain {
        return Ok(Probe::Http { port, path });
    }
    Err(format!(
        "the probe of port {port} and path {path:?} cannot be asked: write a port from 1 and a path \
         like /healthz"
    ))
}

fn command(words: Vec<String>) -> Result<Probe, String> {
    let is_named = words.first().is_some_and(|program| !program.is_empty());
    if is_named && words.len() <= WORDS {
        return Ok(Probe::Command(words));
    }
    Err(format!(
        "`command` of a probe is a program and its arguments, {WORDS} words at most: [\"pg_isready\"]"
    ))
}

impl Probe {
    /// Puts the command into the container that is about to be made: the engine runs it from then on.
    pub(super) fn dress(&self, body: &mut ContainerCreateBody) {
        let Self::Command(words) = self else { return };
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        let mut test = vec!["CMD".to_owned()];
        test.extend(words.iter().cloned());
        body.healthcheck = Some(HealthConfig {
            test: Some(test),
            interval: Some(nanos(EVERY)),
            timeout: Some(nanos(PATIENCE)),
            ..HealthConfig::default()
        });
    }

    /// Asks once; `Err` says in a few words why it does not count.
    pub(super) async fn ask(&self, container: &Container) -> Result<(), String> {
        let address = || address(container).ok_or("the container has no address of its own");
        let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
        match self {
            Self::Http { port, path } => {
                let asked = timeout(PATIENCE, status_line(address()?, *port, path)).await;
                let line = asked.map_err(late)?.map_err(|error| error.to_string())?;
                match line.split(' ').nth(1) {
                    Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
                    _ => Err(format!("it answers `{line}`")),
                }
            }
            Self::Tcp(port) => {
                let asked = timeout(PATIENCE, TcpStream::connect((address()?, *port))).await;
                let taken = asked.map_err(late)?.map(drop);
                taken.map_err(|error| error.to_string())
            }
            Self::Command(_) => Err("the engine was not told of it".to_owned()),
        }
    }
}

async fn status_line(address: &str, port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((address, port)).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nUser-Agent: purser\r\nConnection: close\r\n\r\n"
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

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { port, path } => write!(f, "GET :{port}{path}"),
            Self::Tcp(port) => write!(f, "a connection to :{port}"),
            Self::Command(words) => write!(f, "`{}`", words.join(" ")),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(probe: serde_json::Value) -> Result<Probe, String> {
        serde_json::from_value(probe).map_err(|error| error.to_string())
    }

    #[test]
    fn a_probe_is_one_question_and_is_written_as_it_was_read() {
        for written in [
            serde_json::json!({ "port": 8080, "path": "/healthz" }),
            serde_json::json!({ "tcp": 5432 }),
            serde_json::json!({ "command": ["pg_isready", "-q"] }),
        ] {
            let probe = read(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(probe).unwrap(), written);
        }
        let short = read(serde_json::json!({ "port": 80 })).unwrap();
        assert_eq!(short.to_string(), "GET :80/");
    }

    #[test]
    fn what_is_no_question_says_what_would_be_one() {
        let wrong = [
            serde_json::json!({}),
            serde_json::json!({ "port": 80, "tcp": 80 }),
            serde_json::json!({ "path": "/" }),
            serde_json::json!({ "tcp": 0 }),
            serde_json::json!({ "command": [] }),
            serde_json::json!({ "port": 80, "path": "/a b" }),
        ];
        let told: Vec<_> = wrong
            .into_iter()
            .map(|one| read(one).unwrap_err())
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        a probe is one of these: `port` with a `path`, over HTTP; `tcp`, a port from 1; `command`, a list of words
        a probe is one of these: `port` with a `path`, over HTTP; `tcp`, a port from 1; `command`, a list of words
        a probe is one of these: `port` with a `path`, over HTTP; `tcp`, a port from 1; `command`, a list of words
        a probe is one of these: `port` with a `path`, over HTTP; `tcp`, a port from 1; `command`, a list of words
        `command` of a probe is a program and its arguments, 100 words at most: ["pg_isready"]
        the probe of port 80 and path "/a b" cannot be asked: write a port from 1 and a path like /healthz
        "#);
    }
}

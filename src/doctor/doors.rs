//! Where requests come in: the socket for people of this machine, and the addresses for other programs.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use nix::unistd::{Gid, Group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;

use crate::config::Config;
use crate::domain::finding::{Check, Finding, Remark};

/// A server on this machine that says nothing for longer hangs.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// The first line is enough, and a refusal's reason.
const LONGEST_ANSWER: u64 = 4096;

/// What stands behind the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// It answers, and works.
    Ready,
    /// It answers that it waits to become active.
    StandsBy,
    /// It answers that it cannot work, or does not answer.
    Unwell(String),
    /// There is no socket.
    Nobody,
    /// A server that has gone has left its socket.
    Left,
    /// We may not open it.
    Closed(String),
}

impl Server {
    /// Asks it whether it is ready.
    pub(super) async fn at(socket: &Path) -> Self {
        let stream = match UnixStream::connect(socket).await {
            Ok(stream) => stream,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::NotFound => Self::Nobody,
                    io::ErrorKind::ConnectionRefused => Self::Left,
                    _ => Self::Closed(error.to_string()),
                };
            }
        };
        match status(stream, "/readyz").await {
            Ok((200, _)) => Self::Ready,
            Ok((503, said)) if is_standby(&said) => Self::StandsBy,
            Ok((code, said)) => Self::Unwell(format!("it answers {code}: {said}")),
            Err(error) => Self::Unwell(error.to_string()),
        }
    }

    /// Whether a server runs; `None` where we may not see it.
    pub(super) fn is_up(&self) -> Option<bool> {
        match self {
            Self::Ready | Self::StandsBy | Self::Unwell(_) => Some(true),
            Self::Nobody | Self::Left => Some(false),
            Self::Closed(_) => None,
        }
    }
}

fn is_standby(said: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(said).is_ok_and(|said| said["title"] == "standby")
}

/// One request in HTTP/1.0, whose answer ends with the connection: its status, and its last line.
async fn status(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
) -> io::Result<(u16, String)> {
    let ask = async {
        let (mut read, mut write) = tokio::io::split(stream);
        let request = format!("GET {path} HTTP/1.0\r\nHost: purser\r\n\r\n");
        write.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        (&mut read)
            .take(LONGEST_ANSWER)
            .read_to_end(&mut answer)
            .await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let code = code.ok_or_else(|| io::Error::other("what answers does not speak HTTP"))?;
        let said = answer.lines().next_back().unwrap_or_default();
        Ok((code, said.to_owned()))
    };
    timeout(ANSWERS_WITHIN, ask)
        .await
        .unwrap_or_else(|_| Err(io::Error::other("it does not answer")))
}

/// How the socket stands.
pub(super) fn socket(server: &Server, path: &Path, config: &Config) -> Vec<Finding> {
    let mut remarks = vec![match server {
        Server::Ready => Remark::well("the server is up and ready"),
        Server::StandsBy => Remark::well("the server is up and stands by for the active one"),
        Server::Nobody => Remark::well("no server is up; `purser up` starts it"),
        Server::Left => {
            Remark::well("no server is up; one has left its socket, which the next takes over")
        }
        Server::Unwell(why) => Remark::problem(
            format!("the server is up and cannot work: {why}"),
            "look at its log, then stop it and start it again",
        ),
        Server::Closed(why) => Remark::problem(
            format!("the socket cannot be opened: {why}"),
            format!(
                "join the group that may open it, or run this as the user who runs Purser: ls -l {}",
                path.display()
            ),
        ),
    }];
    remarks.extend(group(server, path, config));
    let about = path.display().to_string();
    remarks
        .into_iter()
        .map(|remark| remark.of(Check::Socket, &about))
        .collect()
}

/// Whether the socket belongs to the group that is to open it.
fn group(server: &Server, path: &Path, config: &Config) -> Option<Remark> {
    let wanted = config.server.group.as_deref();
    let Some(group) = Group::from_name(wanted.unwrap_or("purser")).ok().flatten() else {
        let name = wanted?;
        return Some(Remark::warning(
            format!(
                "there is no group `{name}` on this machine: only the user who runs Purser can open \
                 the socket"
            ),
            format!("groupadd {name}, or correct `group` in [server]"),
        ));
    };
    let socket = std::fs::symlink_metadata(path).ok()?;
    let is_wrong = Gid::from_raw(socket.gid()) != group.gid;
    (server.is_up() == Some(true) && is_wrong).then(|| {
        Remark::warning(
            format!(
                "the socket does not belong to the group `{}`, whose members are to open it",
                group.name
            ),
            format!("chgrp {} {}", group.name, path.display()),
        )
    })
}

/// An address at which the server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    /// The table of the configuration that says so.
    pub(super) table: &'static str,
    /// What is asked for there.
    path: &'static str,
    /// What is there for others, when it is well.
    serves: &'static str,
}

/// For hooks, and for whoever asks after the server's health.
pub(super) const PUBLIC: Door = Door {
    table: "server",
    path: "/readyz",
    serves: "hooks and health are served",
};

/// For Prometheus.
pub(super) const METRICS: Door = Door {
    table: "metrics",
    path: "/metrics",
    serves: "figures are served",
};

/// How such an address stands.
pub(super) async fn listener(
    door: Door,
    address: SocketAddr,
    server_is_up: Option<bool>,
) -> Vec<Finding> {
    let remark = match server_is_up {
        Some(true) if address.port() != 0 => served(door, address).await,
        // The server that may be there is the likeliest to hold the address.
        None if answers(door, address)
            .await
            .is_ok_and(|(code, _)| is_served(code)) =>
        {
            Remark::well(door.serves)
        }
        None => unseen(address).await,
        _ => free(door, address).await,
    };
    vec![remark.of(Check::Listener, address.to_string())]
}

async fn answers(door: Door, address: SocketAddr) -> io::Result<(u16, String)> {
    status(TcpStream::connect(address).await?, door.path).await
}

/// Whoever has no token is told that there are figures, and not which.
fn is_served(code: u16) -> bool {
    code == 200 || code == 401
}

async fn served(door: Door, address: SocketAddr) -> Remark {
    match answers(door, address).await {
        Ok((code, _)) if is_served(code) => Remark::well(door.serves),
        Ok((code, said)) => Remark::problem(
            format!("what answers there is not ready: {code} {said}"),
            "look at the server's log",
        ),
        Err(error) => Remark::problem(
            format!("the server is up and does not serve there ({error})"),
            "restart it, if `listen` was changed since it started",
        ),
    }
}

/// The server that may be there may be the one that listens: what is taken is no problem by that.
async fn unseen(address: SocketAddr) -> Remark {
    match TcpListener::bind(address).await {
        Ok(_) => Remark::well("nobody listens there"),
        Err(error) => Remark::warning(
            format!("whether the server listens there cannot be told ({error})"),
            "run this as the user who runs Purser",
        ),
    }
}

async fn free(door: Door, address: SocketAddr) -> Remark {
    match TcpListener::bind(address).await {
        Ok(_) => Remark::well("free for the server"),
        Err(error) => Remark::problem(
            format!("the server will not be able to listen there ({error})"),
            format!(
                "find who does: ss -ltnp 'sport = {}'; or write another address as `listen` in [{}]",
                address.port(),
                door.table
            ),
        ),
    }
}

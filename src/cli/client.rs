//! The client of the API, over the server's Unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Failure;
use crate::domain::cause::no_client;
use crate::http::types::{ProblemDetails, RunView};

/// No answer takes longer, save a watched run.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a server that went away in mid-watch is waited for.
const RETURN: Duration = Duration::from_mins(2);

/// Between two looks whether it has returned.
const LOOK: Duration = Duration::from_millis(250);

/// A server to talk to. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    client: Client,
    socket: PathBuf,
}

impl Server {
    /// The server behind this socket.
    ///
    /// # Errors
    /// The client cannot be built.
    pub fn at(socket: &Path) -> Result<Self, Failure> {
        let client = Client::builder()
            .unix_socket(socket)
            // Nothing here speaks TLS: a machine without certificates will do.
            .tls_certs_only([])
            .build()
            .map_err(|error| Failure::failed(no_client(&error)))?;
        Ok(Self {
            client,
            socket: socket.to_owned(),
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let request = self.client.get(url(path)).timeout(PATIENCE);
        self.read(self.send(request, "").await?).await
    }

    /// Something that is no JSON.
    pub(super) async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let request = self.client.get(url(path)).timeout(PATIENCE);
        let response = self.fine(self.send(request, "").await?).await?;
        let bytes = response
            .bytes()
            .await
            .map_err(|_| Failure::failed("Purser went away in the middle of its answer"))?;
        Ok(bytes.to_vec())
    }

    pub(super) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Failure> {
        let request = self.client.post(url(path)).json(body).timeout(PATIENCE);
        self.read(self.send(request, &not_known(path)).await?).await
    }

    /// Shows the run's view to `see`, now and at each change, until `see` says that it is enough.
    ///
    /// A server that goes away is waited for, and the watch goes on where it was: the run is in
    /// the server's store, not in this process.
    pub(super) async fn watch(
        &self,
        run: &str,
        mut see: impl FnMut(&RunView) -> bool,
        mut gone: impl FnMut(),
    ) -> Result<RunView, Failure> {
        let mut last: Option<RunView> = None;
        loop {
            match self.watch_once(run, &mut see, &mut last).await {
                Ok(Some(view)) => return Ok(view),
                Ok(None) => {}
                Err(failure) => return Err(failure),
            }
            gone();
            self.wait_for_return().await?;
        }
    }

    /// `Ok(None)` when the server went away in the middle, or has not returned.
    async fn watch_once(
        &self,
        run: &str,
        see: &mut impl FnMut(&RunView) -> bool,
        last: &mut Option<RunView>,
    ) -> Result<Option<RunView>, Failure> {
        let path = url(&format!("runs/{}/watch", segment(run)));
        let response = match self.client.get(path).send().await {
            Ok(response) => response,
            Err(_) if last.is_some() => return Ok(None),
            Err(error) => return Err(self.unanswered(&error, "")),
        };
        let response = self.fine(response).await?;
        let mut stream = response.bytes_stream();
        let mut buffer = Vec::new();
        while let Some(Ok(bytes)) = stream.next().await {
            buffer.extend_from_slice(&bytes);
            while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                let message: Vec<u8> = buffer.drain(..end + 2).collect();
                let Some(view) = view_of(&message) else {
                    continue;
                };
                let enough = see(&view) || view.run.ended.is_some();
                *last = Some(view.clone());
                if enough {
                    return Ok(Some(view));
                }
            }
        }
        Ok(None)
    }

    async fn wait_for_return(&self) -> Result<(), Failure> {
        let back = async {
            while !matches!(self.is_well("/readyz").await, Ok(Health::Ready)) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(RETURN, back)
            .await
            .map_err(|_| self.no_server())
    }

    async fn send(&self, request: RequestBuilder, not_known: &str) -> Result<Response, Failure> {
        let sent = request.send().await;
        sent.map_err(|error| self.unanswered(&error, not_known))
    }

    /// Only what nobody has heard was certainly not done.
    fn unanswered(&self, error: &reqwest::Error, not_known: &str) -> Failure {
        if error.is_connect() {
            return self.no_server();
        }
        Failure::failed(if error.is_timeout() {
            format!("Purser gave no answer in time{not_known}; see its log")
        } else {
            format!("Purser went away before it answered{not_known}")
        })
    }

    /// Whether `path` is answered with a success, or by a standby; else exit code 1, as health checks
    /// want it.
    pub(super) async fn is_well(&self, path: &str) -> Result<Health, Failure> {
        let socket = self.socket.display();
        let request = self.client.get(format!("http://purser{path}"));
        match request.timeout(PATIENCE).send().await {
            Ok(response) if response.status().is_success() => Ok(Health::Ready),
            Ok(response) => {
                let status = response.status();
                let said = response.text().await.unwrap_or_default();
                match serde_json::from_str::<ProblemDetails>(&said) {
                    Ok(problem) if problem.title == STANDBY => Ok(Health::StandsBy(problem.detail)),
                    _ => Err(Failure::failed(format!(
                        "{path} at {socket} was answered with {status}: {}",
                        said.trim()
                    ))),
                }
            }
            Err(error) if error.is_timeout() => {
                Err(Failure::failed(format!("{socket} gives no answer in time")))
            }
            Err(_) => Err(Failure::failed(format!("nothing listens at {socket}"))),
        }
    }

    fn no_server(&self) -> Failure {
        Failure {
            code: Failure::NO_SERVER,
            message: format!(
                "no Purser is listening at {}: start it with `purser up`, or name its socket with \
                 --socket",
                self.socket.display()
            ),
        }
    }

    async fn fine(&self, response: Response) -> Result<Response, Failure> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.text().await.unwrap_or_default();
        Err(match serde_json::from_str::<ProblemDetails>(&body) {
            Ok(problem) => {
                let code = match problem.title.as_str() {
                    STANDBY => Failure::NO_SERVER,
                    "refused" => Failure::REFUSED,
                    "invalid" | "missing" => Failure::USAGE,
                    _ => Failure::FAILED,
                };
                Failure {
                    code,
                    message: problem.detail,
                }
            }
            Err(_) => Failure::failed(format!("Purser answered {status}: {body}")),
        })
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let body = self
            .fine(response)
            .await?
            .text()
            .await
            .map_err(|_| Failure::failed("Purser went away in the middle of its answer"))?;
        serde_json::from_str(&body).map_err(|error| {
            Failure::failed(format!(
                "the answer is not what this version of the command expects ({error}): use the \
                 version of the running server"
            ))
        })
    }
}

/// What is to be said of a change of which no answer came.
fn not_known(path: &str) -> String {
    let look = match path.split('/').next() {
        Some("secrets") => "purser secret list",
        Some("schedules") => "purser schedules list",
        Some("locks") => "purser locks",
        Some("me" | "identities") => "purser links",
        Some("places") => "purser notify list",
        Some("reload") => "purser receipts list",
        // Nothing was to be done.
        Some("plans") => return String::new(),
        _ => "purser runs list",
    };
    format!(": whether it was done is not known; look with `{look}`")
}

/// The title of every answer of a standby but that it lives.
const STANDBY: &str = "standby";

/// How a server is that is well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It works.
    Ready,
    /// It waits to become active: what it says.
    StandsBy(String),
}

/// Something that people typed, as one piece of a path: it names what they meant, or nothing.
pub(super) fn segment(typed: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(typed, NON_ALPHANUMERIC)
}

fn url(path: &str) -> String {
    format!("http://purser/api/v1/{path}")
}

/// The view in a server-sent event; `None` for a comment that keeps the line open.
fn view_of(message: &[u8]) -> Option<RunView> {
    let text = std::str::from_utf8(message).ok()?;
    let data: String = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    serde_json::from_str(&data).ok()
}

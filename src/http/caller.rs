//! Who calls: the peer of a Unix socket is the identity, root's too, only if a person has it.

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::serve::IncomingStream;
use tokio::net::UnixListener;

use super::Shared;
use super::problem::Problem;
use crate::domain::person::Actor;
use crate::service::ServiceError;

/// The user at the other end of the socket, as the kernel says; `None` when it does not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(
            stream
                .io()
                .peer_cred()
                .ok()
                .map(|credentials| credentials.uid()),
        )
    }
}

/// The person who calls.
pub(super) struct Caller(pub(super) Actor);

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<Peer>>()
            .and_then(|info| info.0.0);
        match peer {
            Some(uid) => Ok(Self(shared.service.people().by_uid(uid))),
            None => Err(Problem::from(ServiceError::Refused(
                "the kernel does not say who is at the other end of the socket".into(),
            ))),
        }
    }
}

/// Where a request went, for problems that no handler has seen.
pub(super) async fn unknown_path(request: Request) -> Problem {
    Problem::from(ServiceError::Missing(format!(
        "there is nothing at {} {}",
        request.method(),
        request.uri().path()
    )))
}

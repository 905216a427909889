//! Names for people to choose from while they type.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::engine::Docker;
use super::service;
use crate::action::{ActionError, Result, ports};
use crate::domain::nearest;

/// Completes `services`.
pub(super) struct Suggestions(pub(super) Arc<Docker>);

impl ports::Suggest for Suggestions {
    fn suggest<'a>(&'a self, what: &'a str, typed: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        async move {
            if what != "services" {
                let why = nearest::unknown("list of Docker names", what, ["services"]);
                return Err(ActionError::fatal(why));
            }
            let services = service::all(&self.0).await?;
            Ok(ports::matching(
                services.into_iter().map(|s| s.name).collect(),
                typed,
            ))
        }
        .boxed()
    }
}

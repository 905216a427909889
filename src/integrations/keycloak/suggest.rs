//! Names for people to choose from while they type.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::connection::Keycloak;
use crate::action::{ActionError, Offers, ReadContext, Result, ports};
use crate::domain::nearest;

/// What can be completed.
pub(super) const LISTS: &[&str] = &["clients"];

impl ports::Suggest for Keycloak {
    /// Completes `clients`: those that log in with a secret.
    fn offers<'a>(
        &'a self,
        _: &'a ReadContext,
        what: &'a str,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Offers>> {
        async move {
            if what != "clients" {
                let why = nearest::unknown("list of Keycloak names", what, LISTS.to_vec());
                return Err(ActionError::fatal(why));
            }
            let clients = self.clients().await?.into_iter();
            let clients = clients.filter(|client| client.uses_secret);
            let names: Vec<_> = clients.map(|client| client.client_id).collect();
            Ok(names.into())
        }
        .boxed()
    }
}

//! How old the secrets of the realm's clients are, for figures.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::connection::Keycloak;
use crate::action::{Result, ports};
use crate::domain::time::Timestamp;

impl ports::KeepsSecrets for Keycloak {
    fn made_at(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>>> {
        async {
            let standings = self.standings().await?.into_iter();
            let known = standings.filter(|standing| standing.enabled);
            let known = known.filter_map(|one| Some((one.client_id, one.made_at?)));
            Ok(known.collect())
        }
        .boxed()
    }
}

//! What a system offers to somebody who types.

use std::sync::Arc;

use purser::action::{ActionError, Offers, Systems};

use super::journal::read_context;

/// The values of this list, of what they belong to, as the system has them.
pub async fn offers(
    systems: &Arc<Systems>,
    system: &str,
    what: &str,
    of: Option<&str>,
) -> Result<Offers, ActionError> {
    let port = systems.get(system).unwrap().ports.suggest.clone().unwrap();
    port.offers(&read_context(system, systems), what, of).await
}

/// The plain values of such a list.
pub async fn values(
    systems: &Arc<Systems>,
    system: &str,
    what: &str,
    of: Option<&str>,
) -> Vec<String> {
    let offers = offers(systems, system, what, of).await.unwrap();
    offers.all.into_iter().map(|one| one.value).collect()
}

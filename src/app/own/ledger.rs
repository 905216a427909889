//! What has changed on all systems, for whoever asks.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::action::ports::Ledger;
use crate::action::{ActionError, Registry, Result, Systems};
use crate::app::world::World;
use crate::domain::change::Account;
use crate::domain::schedule::Zone;
use crate::domain::time::Timestamp;
use crate::engine;
use crate::store::Store;

/// The store's.
pub(in crate::app) struct StoreLedger {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    systems: std::sync::Weak<Systems>,
    zone: Zone,
}

impl StoreLedger {
    pub(in crate::app) fn of(world: &World, store: &Arc<dyn Store>) -> Self {
        Self {
            store: Arc::clone(store),
            registry: Arc::clone(&world.registry),
            // They hold this one.
            systems: Arc::downgrade(&world.systems),
            zone: world.config.schedules.timezone,
        }
    }
}

impl Ledger for StoreLedger {
    fn zone(&self) -> Zone {
        self.zone
    }

    fn account(&self, since: Timestamp, now: Timestamp) -> BoxFuture<'_, Result<Account>> {
        async move {
            let Some(systems) = self.systems.upgrade() else {
                return Err(ActionError::retryable("Purser is about to end"));
            };
            let (store, registry) = (self.store.as_ref(), &self.registry);
            let account = engine::account(store, registry, &systems, since, now).await;
            account.map_err(|error| ActionError::retryable(error.to_string()))
        }
        .boxed()
    }
}

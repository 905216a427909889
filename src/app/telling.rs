//! Who tells people what: the places, and the notifier's parts.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;

use crate::action::{Clock, Place, Places};
use crate::cli::Failure;
use crate::config::Config;
use crate::domain::notice::Rules;
use crate::domain::redact::Redactor;
use crate::engine::NotifierParts;
use crate::places::Webhook;
use crate::store::Store;

use super::machine::MachineAlarm;

/// Makes all places ready; nothing is sent.
pub(super) fn open_places(config: &Config, redactor: &Redactor) -> Result<Places, Failure> {
    let mut places = Places::new();
    for (name, place) in &config.places {
        let place = place.open(redactor).and_then(Webhook::new).map_err(|why| {
            let why = format!("[places.{name}]: {why}");
            Failure::usage(config.place_error(name, why).to_string())
        })?;
        places.insert(name.clone(), Arc::new(place) as Arc<dyn Place>);
    }
    Ok(places)
}

/// What the notifier is built from. The key tells one store from another.
pub(super) fn notifier_parts(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    redactor: &Arc<Redactor>,
    places: &Arc<Places>,
    key: &VerifyingKey,
) -> NotifierParts {
    let notify = &config.notify;
    NotifierParts {
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        alarm: Arc::new(MachineAlarm(Arc::clone(clock))),
        redactor: Arc::clone(redactor),
        places: Arc::clone(places),
        rules: Rules {
            scheduled: notify.scheduled.clone(),
            on: notify.on,
            places: places.keys().cloned().collect(),
        },
        digest: notify.scheduled.clone().zip(notify.digest.clone()),
        fallback: notify.fallback.clone(),
        sender: hex::encode(&key.as_bytes()[..4]),
    }
}

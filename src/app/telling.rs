//! Who tells people what: the places, and the notifier's parts.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;

use crate::action::{Clock, Place, Places};
use crate::config::{Config, ConfigError};
use crate::domain::notice::Rules;
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::engine::NotifierParts;
use crate::places::Webhook;
use crate::store::Store;

use super::machine::MachineAlarm;

/// Makes all places ready that can be, and says why the others cannot; nothing is sent.
pub(super) fn open_places(
    config: &Config,
    redactor: &Redactor,
    secrets: &Opened,
) -> (Places, Vec<ConfigError>) {
    let mut places = Places::new();
    let mut wrong = vec![];
    for (name, place) in &config.places {
        let table = ["places", name.as_str()];
        let settings = place.open(redactor, secrets);
        let settings = settings.map_err(|error| config.key_error(&table, &error));
        let opened = settings.and_then(|settings| {
            let opened = Webhook::new(settings);
            opened.map_err(|why| config.error_at(&table, format!("[places.{name}]: {why}")))
        });
        match opened {
            Ok(place) => {
                places.insert(name.clone(), Arc::new(place) as Arc<dyn Place>);
            }
            Err(error) => wrong.push(error),
        }
    }
    (places, wrong)
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

//! Who tells people what: the places, and the notifier's parts.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;

use crate::action::{Clock, Place, Places};
use crate::chat::discord::Bot;
use crate::config::{ChannelConfig, Config, ConfigError, PlaceConfig, WebhookConfig};
use crate::domain::names::PlaceName;
use crate::domain::notice::Rules;
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::engine::NotifierParts;
use crate::places::Webhook;
use crate::store::Store;

use super::machine::MachineAlarm;

/// Makes all places ready that can be, and says why the others cannot; nothing is sent. Without a bot,
/// whose absence is said elsewhere, there are no channels of Discord.
pub(super) fn open_places(
    config: &Config,
    bot: Option<&Bot>,
    redactor: &Redactor,
    secrets: &Opened,
) -> (Places, Vec<ConfigError>) {
    let mut places = Places::new();
    let mut wrong = vec![];
    for (name, place) in &config.places {
        let opened = match place {
            PlaceConfig::Webhook(webhook) => {
                open_webhook(config, name, webhook, redactor, secrets).map(Some)
            }
            PlaceConfig::Discord(ChannelConfig { channel, mention }) => {
                Ok(bot.map(|bot| bot.tells_in(channel, mention.clone())))
            }
        };
        match opened {
            Ok(place) => places.extend(place.map(|place| (name.clone(), place))),
            Err(error) => wrong.push(error),
        }
    }
    (places, wrong)
}

fn open_webhook(
    config: &Config,
    name: &PlaceName,
    webhook: &WebhookConfig,
    redactor: &Redactor,
    secrets: &Opened,
) -> Result<Arc<dyn Place>, ConfigError> {
    let table = ["places", name.as_str()];
    let settings = webhook.open(redactor, secrets);
    let settings = settings.map_err(|error| config.key_error(&table, &error))?;
    match Webhook::new(settings) {
        Ok(webhook) => Ok(Arc::new(webhook)),
        Err(why) => Err(config.error_at(&table, format!("[places.{name}]: {why}"))),
    }
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

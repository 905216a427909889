//! What changes on an engine, from its stream of events.
//!
//! An engine remembers its last 256 events, and none from before its own start. Which it has forgotten
//! shows in the oldest that it remembers, whatever that is of: only then it is asked for all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{EventActor, EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::{EventsOptions, EventsOptionsBuilder};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};

use super::container::{Container, LABEL_EFFECT, LABEL_RUN};
use super::engine::Docker;
use super::front::SWITCH;
use super::service;
use crate::action::ports::Watches;
use crate::action::{ActionError, Result};
use crate::domain::change::{Act, Change, Item, Sort};
use crate::domain::time::Timestamp;

/// An engine whose clock is behind answers only when it has come to the end of what is asked for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is told. What is not here does not even come: commands in containers, as every health check
/// is one, who looks at what, and what they say.
const ACTIONS: [&str; 20] = [
    "create",
    "start",
    "restart",
    "kill",
    "die",
    "stop",
    "oom",
    "pause",
    "unpause",
    "update",
    "rename",
    "destroy",
    "connect",
    "disconnect",
    "pull",
    "import",
    "load",
    "tag",
    "untag",
    "delete",
];

const TYPES: [&str; 4] = ["container", "image", "network", "volume"];

/// Listens.
pub(super) struct Watch(pub(super) Arc<Docker>);

impl Watches for Watch {
    fn remembers(&self, now: Timestamp) -> BoxFuture<'_, Result<Option<Timestamp>>> {
        async move {
            let client = self.0.client().await?;
            let all = EventsOptionsBuilder::new().since("1").until(&seconds(now));
            let mut events = client.events(Some(all.build()));
            let oldest = tokio::time::timeout(PATIENCE, events.next()).await;
            let silent = || {
                let name = self.0.name();
                ActionError::retryable(format!("`{name}` does not tell its events"))
            };
            match oldest.map_err(|_| silent())? {
                None => Ok(None),
                Some(Ok(event)) => Ok(Some(at(&event))),
                Some(Err(error)) => Err(self.0.failed("its events were asked for", error)),
            }
        }
        .boxed()
    }

    fn changes(&self, since: Timestamp, until: Timestamp) -> BoxStream<'_, Result<Change>> {
        let events = async move {
            let client = self.0.client().await?;
            Ok(client.events(Some(asked(since, until))))
        };
        let events = events.into_stream().map(|events| match events {
            Ok(events) => events
                .map(|event| event.map_err(|error| self.0.failed("its events were heard", error)))
                .boxed(),
            Err(error) => futures_util::stream::once(async { Err(error) }).boxed(),
        });
        events
            .flatten()
            .filter_map(async |event| match event {
                Ok(event) => self.change(event).await.map(Ok),
                Err(error) => Some(Err(error)),
            })
            .boxed()
    }
}

impl Watch {
    /// A network says only by its id which container has joined it.
    async fn change(&self, event: EventMessage) -> Option<Change> {
        let mut change = change(event)?;
        let is_of_network = matches!(change.act, Act::Joined { .. } | Act::Left { .. });
        if is_of_network
            && let Ok(Some(container)) = Container::find(&self.0, &change.item.id).await
        {
            let image = container.facts.config.as_ref();
            let image = image.and_then(|config| config.image.clone());
            let mut labels = container.labels();
            labels.extend(image.map(|image| ("image".to_owned(), image)));
            change.item = of_container(&change.item.id, &container.name, &labels);
        }
        Some(change)
    }
}

fn asked(since: Timestamp, until: Timestamp) -> EventsOptions {
    EventsOptionsBuilder::new()
        .since(&seconds(since))
        .until(&seconds(until))
        .filters(&HashMap::from([
            ("type", TYPES.to_vec()),
            ("event", ACTIONS.to_vec()),
        ]))
        .build()
}

/// As the engine reads an instant.
pub(super) fn seconds(at: Timestamp) -> String {
    let (seconds, micros) = (
        at.micros().div_euclid(1_000_000),
        at.micros().rem_euclid(1_000_000),
    );
    format!("{seconds}.{micros:06}")
}

fn at(event: &EventMessage) -> Timestamp {
    let nanos = event
        .time_nano
        .or(event.time.map(|seconds| seconds * 1_000_000_000));
    Timestamp::from_micros(nanos.unwrap_or(0).div_euclid(1000))
}

/// The change that an event tells of; `None` of one that changes nothing of a stack.
fn change(event: EventMessage) -> Option<Change> {
    use EventMessageTypeEnum::{CONTAINER, IMAGE, NETWORK, VOLUME};
    let at = at(&event);
    let EventActor { id, attributes } = event.actor.unwrap_or_default();
    let (id, about) = (id.unwrap_or_default(), attributes.unwrap_or_default());
    let action = event.action.unwrap_or_default();
    let known = |name: &str| about.get(name).cloned().unwrap_or_default();
    let sort = event.typ?;
    let (item, act) = match sort {
        CONTAINER => (
            of_container(&id, &known("name"), &about),
            of_life(&action, &about)?,
        ),
        IMAGE => (of_image(&id, &about), of_images(&action)?),
        NETWORK => match &*action {
            "connect" | "disconnect" => {
                let (network, id) = (known("name"), known("container"));
                let short = id.get(..12).unwrap_or(&id);
                let act = match &*action {
                    "connect" => Act::Joined { network },
                    _ => Act::Left { network },
                };
                (of_container(&id, short, &HashMap::new()), act)
            }
            _ => (
                named(Sort::Network, &id, known("name")),
                made_or_removed(&action)?,
            ),
        },
        // What a container makes for itself has no name, and comes and goes with it.
        VOLUME if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) => return None,
        VOLUME => (
            named(Sort::Volume, &id, id.clone()),
            made_or_removed(&action)?,
        ),
        _ => return None,
    };
    let nanos = event.time_nano.unwrap_or_default();
    Some(Change {
        at,
        key: format!("{nanos}/{sort}/{action}/{id}/{}", known("container")),
        item,
        act,
    })
}

fn of_container(id: &str, name: &str, labels: &HashMap<String, String>) -> Item {
    let full_name = service::full_name(labels, name);
    let part = if service::is_job(labels) {
        Some("job")
    } else if labels.contains_key(SWITCH) {
        Some("switch")
    } else {
        None
    };
    Item {
        sort: Sort::Container,
        id: id.to_owned(),
        name: name.to_owned(),
        service: (part.is_none() && full_name != name).then_some(full_name),
        image: labels.get("image").cloned(),
        part: part.map(str::to_owned),
        made_by: labels.get(LABEL_RUN).and_then(|run| run.parse().ok()),
        made_for: labels.get(LABEL_EFFECT).and_then(|key| item_of(key)),
    }
}

/// The item in an effect's key: `RUN/STEP/0/create_new[shop-web-1]`.
fn item_of(key: &str) -> Option<String> {
    let (_, item) = key.strip_suffix(']')?.split_once('[')?;
    Some(item.to_owned())
}

fn of_image(id: &str, about: &HashMap<String, String>) -> Item {
    let name = about.get("name").filter(|name| !name.is_empty());
    named(Sort::Image, id, name.map_or(id, String::as_str).to_owned())
}

fn named(sort: Sort, id: &str, name: String) -> Item {
    Item {
        sort,
        id: id.to_owned(),
        name,
        ..Item::default()
    }
}

fn of_life(action: &str, about: &HashMap<String, String>) -> Option<Act> {
    let number = |name: &str| about.get(name).and_then(|text| text.parse().ok());
    Some(match action {
        "create" => Act::Created,
        "start" => Act::Started,
        "restart" => Act::Restarted,
        "kill" => Act::Signalled {
            signal: number("signal"),
        },
        "die" => Act::Ended {
            code: number("exitCode"),
        },
        "stop" => Act::Stopped,
        "oom" => Act::OutOfMemory,
        "pause" => Act::Paused,
        "unpause" => Act::Unpaused,
        "update" => Act::Updated,
        "rename" => Act::Renamed {
            from: about
                .get("oldName")
                .map(|name| name.trim_start_matches('/').to_owned())
                .unwrap_or_default(),
        },
        "destroy" => Act::Removed,
        _ => return None,
    })
}

fn of_images(action: &str) -> Option<Act> {
    Some(match action {
        "pull" => Act::Pulled,
        "create" | "import" | "load" => Act::Created,
        "tag" => Act::Tagged,
        "untag" => Act::Untagged,
        "delete" => Act::Removed,
        _ => return None,
    })
}

fn made_or_removed(action: &str) -> Option<Act> {
    match action {
        "create" => Some(Act::Created),
        "destroy" => Some(Act::Removed),
        _ => None,
    }
}

//! A notifier whose clock is moved by hand, over an engine with a toy.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use purser::action::{Clock as _, Place, Places, SecretUrl};
use purser::domain::event::Trigger;
use purser::domain::names::{PlaceName, RunId};
use purser::domain::notice::{On, Rules};
use purser::domain::person::Actor;
use purser::domain::receipt::{Draft, Subject};
use purser::domain::redact::Redactor;
use purser::domain::schedule::{Expression, ScheduleName, Timing, Zone};
use purser::domain::workflow::Workflow;
use purser::engine::{Notifier, NotifierParts};
use purser::places::{Format, Webhook, WebhookSettings};
use purser::store::{NewRun, Receipts as _, Runs as _, Store};
use uuid::Uuid;

use super::receiver::Receiver;
pub(super) use crate::support::hand_clock::{HandClock, at};
use crate::support::toy::Toy;
use crate::support::world::{World, requested};

/// The hook `ci`, as it asks for something.
pub(super) fn hook() -> Actor {
    Actor {
        person: "webhook ci".into(),
        roles: vec![],
        through: "webhook ci".to_owned(),
    }
}

/// What is set: places by name, and the rest as in `[notify]`.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) places: Places,
    pub(super) on: On,
    pub(super) digest: Option<&'static str>,
    pub(super) fallback: Option<&'static str>,
    /// `None`: `ops`.
    pub(super) scheduled: Option<&'static str>,
}

impl Settings {
    /// One place, `ops`, which is told of everything that nobody watches.
    pub(super) fn of(receiver: &Receiver, format: Format) -> Self {
        Self::default().with("ops", receiver, format)
    }

    /// One place more.
    pub(super) fn with(mut self, name: &str, receiver: &Receiver, format: Format) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = WebhookSettings {
            url: SecretUrl::parse(&receiver.url()).unwrap(),
            format,
            secrets: vec![],
            mention: Some("@oncall".to_owned()),
        };
        let place = Arc::new(Webhook::new(settings).unwrap()) as Arc<dyn Place>;
        self.places.insert(name.into(), place);
        self
    }
}

pub(super) struct Hands {
    pub(super) world: World,
    pub(super) clock: HandClock,
    notifier: Notifier,
}

impl Hands {
    pub(super) async fn open(
        folder: &Path,
        toy: &Arc<Toy>,
        clock: &HandClock,
        settings: Settings,
    ) -> Self {
        let world = World::open_by(folder, Arc::clone(toy), Arc::new(clock.clone())).await;
        let expression = |text: &str| text.parse::<Expression>().unwrap();
        let digest = settings.digest.map(|text| {
            let timing = Timing::new(expression(text), Zone::UTC);
            (PlaceName::from("ops"), timing)
        });
        let parts = NotifierParts {
            store: Arc::clone(&world.store) as Arc<dyn Store>,
            clock: Arc::new(clock.clone()),
            alarm: Arc::new(clock.clone()),
            redactor: Arc::new(Redactor::new()),
            rules: Rules {
                scheduled: Some(settings.scheduled.unwrap_or("ops").into()),
                on: settings.on,
                places: settings.places.keys().cloned().collect(),
            },
            places: Arc::new(settings.places),
            digest,
            fallback: settings
                .fallback
                .map(|place| (place.into(), Duration::from_mins(10))),
            sender: "5e1f".to_owned(),
        };
        Self {
            notifier: Notifier::start(parts).await.unwrap(),
            world,
            clock: clock.clone(),
        }
    }

    pub(super) async fn close(self) {
        self.notifier.stop().await;
        self.world.close().await;
    }

    /// A run of one step that the hook `ci` has asked for.
    pub(super) async fn hook_runs(&self) -> RunId {
        let trigger = Trigger::Webhook("ci".to_owned());
        self.runs(hook(), trigger, "").await
    }

    /// A run of one step; `more` are further lines of its file.
    pub(super) async fn runs(&self, by: Actor, trigger: Trigger, more: &str) -> RunId {
        self.does("toy.make", by, trigger, more).await
    }

    /// The same, of this action.
    pub(super) async fn does(
        &self,
        action: &str,
        by: Actor,
        trigger: Trigger,
        more: &str,
    ) -> RunId {
        let definition: Workflow = serde_saphyr::from_str(&format!(
            "name: play\nsummary: Play\nsteps:\n  - {{ id: one, uses: {action}, with: {{ system: \
             box }} }}\n{more}"
        ))
        .unwrap();
        let run = NewRun {
            id: RunId::new(Uuid::now_v7()),
            at: self.clock.now(),
            request: requested(&definition, by, trigger),
            definition,
            idempotency_key: None,
            secrets: vec![],
        };
        self.world.store.create(run).await.unwrap()
    }

    /// Somebody is refused.
    pub(super) async fn is_refused(&self, by: Actor) {
        let subject = Subject::Refused {
            asked: "run deploy".to_owned(),
        };
        let why = format!("{by} may not run `deploy` in production");
        let draft = Draft::without_run(subject, by, self.clock.now(), &why, [3; 32]);
        self.world.store.add_receipt(draft).await.unwrap();
    }

    /// The schedule `play.NUMBER` is passed over.
    pub(super) async fn is_passed_over(&self, number: u32) {
        let schedule = ScheduleName::new("play".into(), number.to_string());
        let by = Actor::schedule(&schedule);
        let subject = Subject::PassedOver {
            schedule,
            at: self.clock.now(),
        };
        let why = "nobody was there";
        let draft = Draft::without_run(subject, by, self.clock.now(), why, [3; 32]);
        self.world.store.add_receipt(draft).await.unwrap();
    }
}

//! What other programs are told about Purser, as the configuration wants it.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;

use super::world::World;
use crate::action::{Clock, SecretUrl};
use crate::cli::Failure;
use crate::config::{Address, Config, ConfigError, HeartbeatConfig, WrongKey};
use crate::domain::cause::no_client;
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::domain::webhook::BearerToken;
use crate::engine::{Alarm, Timetable};
use crate::http::Scrape;
use crate::service::Service;
use crate::store::Store;
use crate::vitals::{Beat, Heartbeat, HeartbeatParts, Parts, ScheduledSuccess, SecretAges, Vitals};

/// The secrets of `[metrics]` and `[heartbeat]`.
#[derive(Clone, Default)]
pub(super) struct VitalsSecrets {
    metrics_token: Option<BearerToken>,
    beat: Option<Beat>,
}

/// The running figures and beats.
#[derive(Default)]
pub(super) struct RunningVitals {
    vitals: Option<Arc<Vitals>>,
    /// Until the beats take them.
    successes: Option<Receiver<ScheduledSuccess>>,
    heartbeat: Option<Heartbeat>,
}

/// What figures and beats are made from.
pub(super) fn parts(
    store: &Arc<dyn Store>,
    service: &Arc<Service>,
    world: &World,
    clock: &Arc<dyn Clock>,
    alarm: &Arc<dyn Alarm>,
) -> Parts {
    let catalog = Arc::clone(service);
    Parts {
        store: Arc::clone(store),
        timetable: Arc::clone(service) as Arc<dyn Timetable>,
        workflows: Arc::new(move || {
            let catalog = catalog.catalog();
            let all = catalog.workflows();
            all.map(|loaded| loaded.workflow.name.clone()).collect()
        }),
        places: world.places.keys().cloned().collect(),
        secrets: Arc::new(SecretAges::of(&world.systems)),
        clock: Arc::clone(clock),
        alarm: Arc::clone(alarm),
    }
}

impl VitalsSecrets {
    /// Reads what can be read, and says what cannot.
    pub(super) fn read(
        config: &Config,
        redactor: &Redactor,
        stored: &Opened,
    ) -> (Self, Vec<ConfigError>) {
        let mut reading = Reading {
            config,
            redactor,
            stored,
            wrong: vec![],
        };
        let metrics = config.metrics.as_ref();
        let token = metrics.map(|metrics| metrics.open(redactor, stored));
        let secrets = Self {
            metrics_token: token.and_then(|token| reading.keep(&["metrics"], token)?),
            beat: config.heartbeat.as_ref().map(|beat| reading.beat(beat)),
        };
        (secrets, reading.wrong)
    }
}

/// Reads one after the other, and goes on after what is wrong.
struct Reading<'a> {
    config: &'a Config,
    redactor: &'a Redactor,
    stored: &'a Opened,
    wrong: Vec<ConfigError>,
}

impl Reading<'_> {
    fn beat(&mut self, heartbeat: &HeartbeatConfig) -> Beat {
        let mut own = |url: &Option<Address>| self.url(&["heartbeat"], url.as_ref()?);
        let (url, trouble_url) = (own(&heartbeat.url), own(&heartbeat.trouble_url));
        let schedules = heartbeat.schedules.iter().filter_map(|(name, url)| {
            let table = ["heartbeat", "schedules", &name.to_string()];
            Some((name.clone(), self.url(&table, url)?))
        });
        Beat {
            url,
            trouble_url,
            every: heartbeat.every,
            schedules: schedules.collect(),
        }
    }

    fn url(&mut self, table: &[&str], url: &Address) -> Option<SecretUrl> {
        self.keep(table, url.open(self.redactor, self.stored))
    }

    fn keep<T>(&mut self, table: &[&str], opened: Result<T, WrongKey>) -> Option<T> {
        let opened = opened.map_err(|error| self.wrong.push(self.config.key_error(table, &error)));
        opened.ok()
    }
}

impl RunningVitals {
    /// Follows runs from now on, where the configuration asks for anything that is made of them.
    /// Start it before the engine, so that nothing ends unseen.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn follow(
        config: &Config,
        secrets: &VitalsSecrets,
        store: &Arc<dyn Store>,
    ) -> Result<Self, Failure> {
        let of_schedules = secrets.beat.as_ref();
        let of_schedules = of_schedules.is_some_and(|beat| !beat.schedules.is_empty());
        if config.metrics.is_none() && !of_schedules {
            return Ok(Self::default());
        }
        let vitals = Vitals::start(Arc::clone(store)).await;
        let vitals = vitals.map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self {
            successes: of_schedules.then(|| vitals.successes()),
            vitals: Some(Arc::new(vitals)),
            heartbeat: None,
        })
    }

    /// Begins with the beats that the configuration asks for.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(super) fn beat(&mut self, vitals: Parts, secrets: &VitalsSecrets) -> Result<(), Failure> {
        if let Some(beat) = secrets.beat.clone() {
            let heartbeat = Heartbeat::start(HeartbeatParts {
                vitals,
                beat,
                successes: self.successes.take(),
            });
            let heartbeat = heartbeat.map_err(|error| Failure::failed(no_client(&error)))?;
            self.heartbeat = Some(heartbeat);
        }
        Ok(())
    }

    /// What is served to Prometheus, if anything is.
    pub(super) fn scrape(&self, parts: Parts, secrets: &VitalsSecrets) -> Option<Scrape> {
        let vitals = self.vitals.clone()?;
        Some(Scrape {
            vitals,
            parts,
            token: secrets.metrics_token.clone(),
        })
    }

    /// Beats no more, and follows no more.
    pub(super) async fn stop(self) {
        if let Some(heartbeat) = self.heartbeat {
            heartbeat.stop().await;
        }
        if let Some(vitals) = self.vitals {
            vitals.stop().await;
        }
    }
}

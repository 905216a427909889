//! What other programs are told about Purser, as the configuration wants it.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;

use crate::action::{Clock, Places, SecretUrl};
use crate::cli::Failure;
use crate::config::{Address, Config, ConfigError, HeartbeatConfig};
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::domain::webhook::BearerToken;
use crate::engine::{Alarm, Timetable};
use crate::http::Scrape;
use crate::service::Service;
use crate::store::Store;
use crate::vitals::{Beat, Heartbeat, HeartbeatParts, Parts, ScheduledSuccess, Vitals};

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
    places: &Places,
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
        places: places.keys().cloned().collect(),
        clock: Arc::clone(clock),
        alarm: Arc::clone(alarm),
    }
}

impl VitalsSecrets {
    /// Reads the files of secrets.
    ///
    /// # Errors
    /// The first that does not do, with its place in the configuration.
    pub(super) fn read(
        config: &Config,
        redactor: &Redactor,
        stored: &Opened,
    ) -> Result<Self, ConfigError> {
        let wrong = |path: &[&str], why: String| {
            config.error_at(path, format!("[{}]: {why}", path.join(".")))
        };
        let token = config
            .metrics
            .as_ref()
            .map(|metrics| metrics.open(redactor, stored));
        let metrics_token = token
            .transpose()
            .map_err(|why| wrong(&["metrics"], why))?
            .flatten();
        let open = |url: &Address, path: &[&str]| -> Result<SecretUrl, ConfigError> {
            url.open(redactor, stored).map_err(|why| wrong(path, why))
        };
        let beat = |config: &HeartbeatConfig| {
            let url = |url: &Option<Address>| {
                let url = url.as_ref().map(|url| open(url, &["heartbeat"]));
                url.transpose()
            };
            let schedules = config.schedules.iter().map(|(name, url)| {
                let text = name.to_string();
                let url = open(url, &["heartbeat", "schedules", &text])?;
                Ok((name.clone(), url))
            });
            Ok(Beat {
                url: url(&config.url)?,
                trouble_url: url(&config.trouble_url)?,
                every: config.every,
                schedules: schedules.collect::<Result<_, ConfigError>>()?,
            })
        };
        let beat = config.heartbeat.as_ref().map(beat).transpose()?;
        Ok(Self {
            metrics_token,
            beat,
        })
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
            let heartbeat = heartbeat.map_err(|error| Failure::failed(error.to_string()))?;
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

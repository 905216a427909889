//! What other programs are told about Purser, as the configuration wants it.

use std::sync::Arc;

use secrecy::SecretString;

use crate::cli::Failure;
use crate::config::{Address, Config, ConfigError, HeartbeatConfig, WrongKey};
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::domain::webhook::BearerToken;
use crate::http::Scrape;
use crate::vitals::{Beat, Heartbeat, HeartbeatParts, Parts, Vitals};

/// The secrets of `[metrics]` and `[heartbeat]`.
#[derive(Clone, Default)]
pub(super) struct VitalsSecrets {
    metrics_token: Option<BearerToken>,
    beat: Option<Beat>,
}

/// The running figures and beats.
pub(super) struct RunningVitals {
    vitals: Arc<Vitals>,
    heartbeat: Option<Heartbeat>,
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

    fn url(&mut self, table: &[&str], url: &Address) -> Option<SecretString> {
        self.keep(table, url.open(self.redactor, self.stored))
    }

    fn keep<T>(&mut self, table: &[&str], opened: Result<T, WrongKey>) -> Option<T> {
        let opened = opened.map_err(|error| self.wrong.push(self.config.key_error(table, &error)));
        opened.ok()
    }
}

impl RunningVitals {
    /// Starts what the configuration asks for.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn start(parts: Parts, secrets: &VitalsSecrets) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
        let vitals = Vitals::start(parts.clone()).await;
        let vitals = Arc::new(vitals.map_err(|error| failed(&error))?);
        let heartbeat = secrets.beat.clone().map(|beat| {
            Heartbeat::start(HeartbeatParts {
                vitals: parts,
                beat,
                successes: vitals.successes(),
            })
        });
        let heartbeat = heartbeat.transpose().map_err(|error| failed(&error))?;
        Ok(Self { vitals, heartbeat })
    }

    /// What is served to Prometheus.
    pub(super) fn scrape(&self, secrets: &VitalsSecrets) -> Scrape {
        Scrape {
            vitals: Arc::clone(&self.vitals),
            token: secrets.metrics_token.clone(),
        }
    }

    /// Beats no more, and follows no more.
    pub(super) async fn stop(self) {
        if let Some(heartbeat) = self.heartbeat {
            heartbeat.stop().await;
        }
        self.vitals.stop().await;
    }
}

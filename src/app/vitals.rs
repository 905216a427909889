//! What other programs are told about Purser, as the configuration wants it.

use std::sync::Arc;

use crate::action::SecretUrl;
use crate::cli::Failure;
use crate::config::{Address, Config, ConfigError, HeartbeatConfig};
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
                successes: (!beat.schedules.is_empty()).then(|| vitals.successes()),
                beat,
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

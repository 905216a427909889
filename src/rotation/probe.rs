//! What is asked where a consumer is not seen to log in.

use std::time::Duration;

use super::Consumer;
use super::settings::ConsumerSettings;
use crate::action::ports::HealthCheck;
use crate::action::{Result, Systems, web_address};
use crate::domain::cause::{innermost, no_client};
use crate::domain::time::Timestamp;

/// How long an address may take to answer.
const WITHIN: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Clone)]
pub(super) enum Probe {
    /// An address that answers 200 only while the consumer can log in.
    Address(String),
    /// The HEALTHCHECK of each of its containers: a command that the engine runs within them.
    Healthcheck,
}

impl Probe {
    /// What the configuration declares, if it does.
    pub(super) fn declared(settings: &ConsumerSettings) -> Result<Option<Self>, String> {
        match (&settings.probe, settings.healthcheck) {
            (None, false) => Ok(None),
            (Some(_), true) => Err("keep one of `probe` and `healthcheck`".to_owned()),
            (Some(address), false) => {
                web_address(address, "a file that the probe reads itself")
                    .map_err(|why| format!("in `probe`: {why}"))?;
                Ok(Some(Self::Address(address.clone())))
            }
            (None, true) if settings.service.is_none() => {
                Err("`healthcheck` is that of its containers: say which `service` it is".to_owned())
            }
            (None, true) => Ok(Some(Self::Healthcheck)),
        }
    }
}

impl Consumer {
    /// An instant by the clock of what is asked, after which an answer counts; `None` where it is asked when
    /// it is wanted, or nothing is.
    pub(super) async fn asked_from(&self, systems: &Systems) -> Result<Option<Timestamp>> {
        match (&self.probe, self.seat(systems)?) {
            (Some(Probe::Healthcheck), Some(seat)) => seat.containers.mark().await.map(Some),
            _ => Ok(None),
        }
    }

    /// Whether it says that it can log in, later than `from`; what is missing, if it does not. `None` where
    /// there is nothing to ask.
    pub(super) async fn asked(
        &self,
        systems: &Systems,
        from: Option<Timestamp>,
    ) -> Result<Option<Result<(), String>>> {
        match (&self.probe, self.seat(systems)?) {
            (Some(Probe::Address(address)), _) => Ok(Some(get(address).await)),
            (Some(Probe::Healthcheck), Some(seat)) => {
                let all = seat.containers.of_service(seat.service, &[]).await?;
                let checks = all
                    .iter()
                    .map(|one| (one.name.as_str(), one.check.as_ref()));
                Ok(Some(passed(checks, from)))
            }
            _ => Ok(None),
        }
    }

    /// Why its probe could show nothing; `None` when it could.
    pub(super) async fn blind(&self, systems: &Systems) -> Result<Option<String>> {
        let (Some(Probe::Healthcheck), Some(seat)) = (&self.probe, self.seat(systems)?) else {
            return Ok(None);
        };
        let all = seat.containers.of_service(seat.service, &[]).await?;
        let blind = all.into_iter().find(|one| one.check.is_none());
        Ok(blind.map(|one| {
            format!(
                "{} has no HEALTHCHECK, and `healthcheck = true` says that it shows whether it can log in",
                one.name
            )
        }))
    }
}

/// Each of them has a check that began later and passed.
fn passed<'a>(
    checks: impl Iterator<Item = (&'a str, Option<&'a HealthCheck>)>,
    from: Option<Timestamp>,
) -> Result<(), String> {
    let mut any = false;
    for (name, check) in checks {
        any = true;
        let last = check.and_then(|check| check.last.as_ref());
        match last.filter(|last| Some(last.began) > from) {
            Some(last) if last.passed => {}
            Some(_) => return Err(format!("the HEALTHCHECK of {name} fails")),
            None => return Err(format!("{name} was not checked by its HEALTHCHECK")),
        }
    }
    if any {
        Ok(())
    } else {
        Err("none of its containers runs".to_owned())
    }
}

async fn get(address: &str) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .timeout(WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| no_client(&error))?;
    match client.get(address).send().await {
        Ok(answer) if answer.status() == reqwest::StatusCode::OK => Ok(()),
        Ok(answer) => Err(format!("{address} answered {}", answer.status())),
        Err(error) => Err(format!(
            "{address} gave no answer ({})",
            innermost(&error.without_url())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ports::Checked;

    #[test]
    fn a_check_counts_that_began_after_the_mark_and_each_container_has_to_pass_one() {
        let at = Timestamp::from_micros;
        let check = |began, passed| HealthCheck {
            last: Some(Checked {
                began: at(began),
                passed,
            }),
        };
        let never = HealthCheck { last: None };
        let said = |all: &[(&'static str, Option<&HealthCheck>)]| {
            passed(all.iter().copied(), Some(at(10)))
                .err()
                .unwrap_or_default()
        };
        let (good, bad, early) = (check(11, true), check(11, false), check(10, true));
        assert_eq!(said(&[("a", Some(&good)), ("b", Some(&good))]), "");
        assert_eq!(said(&[]), "none of its containers runs");
        for (other, wanted) in [
            (&bad, "the HEALTHCHECK of b fails"),
            (&early, "b was not checked by its HEALTHCHECK"),
            (&never, "b was not checked by its HEALTHCHECK"),
        ] {
            assert_eq!(said(&[("a", Some(&good)), ("b", Some(other))]), wanted);
        }
    }
}

//! Who has logged in and who was refused, as Keycloak has recorded it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// One login, or one that was refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Login {
    /// In milliseconds of the epoch.
    pub(crate) at: u64,
    pub(crate) from: Option<Ipv4Addr>,
    pub(crate) is_refused: bool,
    id: String,
}

impl Login {
    pub(super) fn of(event: &Value) -> Result<Self> {
        let from = event["ipAddress"].as_str();
        let kind = event["type"].as_str().context("an event has no type")?;
        Ok(Self {
            at: event["time"].as_u64().context("an event has no time")?,
            from: from.and_then(|address| address.parse().ok()),
            is_refused: kind.ends_with("_ERROR"),
            id: event["id"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

/// For how long each service was turned away: from the first login of it that was refused to the next one
/// that was not. A service that was always let in is not in it. Expects logins in their order, and whose
/// an address is.
pub(crate) fn gaps(
    logins: &[Login],
    services: &BTreeMap<Ipv4Addr, String>,
) -> Result<BTreeMap<String, Duration>> {
    let mut gaps = BTreeMap::new();
    let mut refused_since: BTreeMap<&str, u64> = BTreeMap::new();
    for login in logins {
        let Some(service) = login.from.and_then(|from| services.get(&from)) else {
            continue;
        };
        if login.is_refused {
            if !gaps.contains_key(service) {
                refused_since.entry(service).or_insert(login.at);
            }
        } else if let Some(since) = refused_since.remove(service.as_str()) {
            gaps.insert(service.clone(), Duration::from_millis(login.at - since));
        }
    }
    match refused_since.keys().next() {
        None => Ok(gaps),
        Some(service) => anyhow::bail!("{service} was refused, and not let in again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(at: u64, host: u8, is_refused: bool) -> Login {
        Login {
            at,
            from: Some(Ipv4Addr::new(10, 0, 0, host)),
            is_refused,
            id: String::new(),
        }
    }

    #[test]
    fn a_gap_is_from_the_first_refusal_of_a_service_to_its_next_login() {
        // The service of 2 was made anew at 3; nobody knows who 9 is.
        let services = [(1, "a"), (2, "b"), (3, "b")];
        let services = services
            .map(|(host, name)| (Ipv4Addr::new(10, 0, 0, host), name.to_owned()))
            .into();
        let mut logins = vec![
            login(100, 1, false),
            login(110, 2, true),
            login(120, 9, true),
            login(150, 2, true),
            login(170, 3, false),
        ];
        let gap = ("b".to_owned(), Duration::from_millis(60));
        assert_eq!(gaps(&logins, &services).unwrap(), [gap].into());
        logins.push(login(180, 1, true));
        let error = gaps(&logins, &services).unwrap_err().to_string();
        assert_eq!(error, "a was refused, and not let in again");
    }
}

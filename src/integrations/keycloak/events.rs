//! The logins of a client, as the realm has recorded them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use super::connection::{Call, Keycloak, Right};
use crate::action::Result;
use crate::domain::time::Timestamp;

/// Each kind of login by a client, and what stands behind it when it has failed.
const KINDS: [&str; 3] = ["CLIENT_LOGIN", "CODE_TO_TOKEN", "REFRESH_TOKEN"];
const FAILED: &str = "_ERROR";

/// What a client does with its secret besides; only a refusal of that says something.
const OTHERS: [&str; 6] = [
    "LOGIN",
    "LOGOUT",
    "REVOKE_GRANT",
    "TOKEN_EXCHANGE",
    "OAUTH2_DEVICE_AUTH",
    "OAUTH2_DEVICE_CODE_TO_TOKEN",
];
/// Keycloak's words where it is the client that it refuses, and not its user.
const OF_THE_CLIENT: [&str; 4] = [
    "invalid_client_credentials",
    "invalid_client",
    "client_disabled",
    "client_not_found",
];

/// How many events are asked for at a time.
const PAGE: usize = 250;
/// No more logins are read that went well, and no more that did not: of those none is to be missed.
const MOST: usize = 1000;
const MOST_FAILED: usize = 5000;

/// A client has logged in, or tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) at: Timestamp,
    pub(super) from: Option<IpAddr>,
    pub(super) what: LoginKind,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LoginKind {
    /// It went well; the type of the event.
    Succeeded(String),
    /// It did not; Keycloak's word for why: `invalid_client_credentials`.
    Failed { error: String },
}

/// What the realm records of logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) enabled: bool,
    /// The types of events that it leaves out.
    pub(super) missing: Vec<String>,
    /// For how long it keeps them; `None`: for good.
    pub(super) kept_for: Option<Duration>,
}

impl Recorded {
    /// Whether logins with this type of event are.
    pub(super) fn has(&self, kind: &str) -> bool {
        self.enabled && !self.missing.iter().any(|missing| missing == kind)
    }

    /// The types of events without which it is not seen that somebody logs in in these ways, or is turned
    /// away.
    pub(super) fn hides(&self, ways: &[&str]) -> Vec<String> {
        let needed = ways
            .iter()
            .flat_map(|way| [(*way).to_owned(), format!("{way}{FAILED}")]);
        needed.filter(|kind| !self.has(kind)).collect()
    }

    /// What to switch on, where something is missing.
    pub(super) fn advice(&self) -> Option<String> {
        self.advice_for(&self.missing)
    }

    /// What to switch on, so that these types are recorded.
    pub(super) fn advice_for(&self, missing: &[String]) -> Option<String> {
        let place = "under `Realm settings`, `Events`, `User events settings`";
        if !self.enabled {
            return Some(format!("switch on `Save events` {place}"));
        }
        (!missing.is_empty()).then(|| {
            let missing = missing.join(", ");
            format!("add {missing} to the event types that are saved, {place}")
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: Option<String>,
    time: i64,
    #[serde(rename = "type")]
    kind: String,
    ip_address: Option<String>,
    error: Option<String>,
    #[serde(default)]
    details: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    token_id: Option<String>,
}

impl Event {
    fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.time.saturating_mul(1000))
    }

    /// It is the client itself that was let in or not: a user's old code or session is no matter of its
    /// secret.
    fn is_of_the_client(&self) -> bool {
        match self.kind.strip_suffix(FAILED) {
            None | Some("CLIENT_LOGIN") => true,
            Some(_) => {
                let error = self.error.as_deref();
                error.is_some_and(|error| OF_THE_CLIENT.contains(&error))
            }
        }
    }
}

impl From<Event> for Login {
    fn from(event: Event) -> Self {
        let at = event.at();
        let what = match event.kind.strip_suffix(FAILED) {
            Some(_) => LoginKind::Failed {
                error: event.error.unwrap_or_else(|| "no reason given".to_owned()),
            },
            None => LoginKind::Succeeded(event.kind),
        };
        Self {
            at,
            from: event.ip_address.and_then(|address| address.parse().ok()),
            what,
        }
    }
}

impl Keycloak {
    /// The logins of a client since then, the oldest first; of very many the newest.
    pub(super) async fn logins(&self, client_id: &str, since: Timestamp) -> Result<Vec<Login>> {
        let others = OTHERS.map(|kind| format!("{kind}{FAILED}"));
        let failed = [&failed()[..], &others].concat();
        let mut logins = self.of(client_id, &failed, since, MOST_FAILED).await?;
        logins.extend(self.of(client_id, &succeeded(), since, MOST).await?);
        logins.sort_by_key(|login| login.at);
        Ok(logins)
    }

    /// Those of these types.
    async fn of(
        &self,
        client_id: &str,
        types: &[String],
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<Login>> {
        let what = format!("read the logins of `{client_id}`");
        let mut logins = Vec::new();
        let mut seen = BTreeSet::new();
        for first in (0..most).step_by(PAGE) {
            let mut query = asked_for(types, client_id, PAGE);
            // A day by its own clock and zone: the instant is looked at below.
            query.push(("dateFrom", day(since.minus(Duration::from_hours(24)))));
            query.push(("first", first.to_string()));
            let page = self.events(&what, query).await?;
            let is_last = page.len() < PAGE;
            let events = page.into_iter();
            // Others that came meanwhile move these from page to page.
            let events = events.filter(|event| seen.insert((event.time, event.id.clone())));
            let events: Vec<_> = events.collect();
            let is_older = |event: &Event| event.at() < since;
            let is_enough = is_last || events.iter().any(is_older);
            let of_the_client = events.into_iter().filter(Event::is_of_the_client);
            logins.extend(of_the_client.map(Login::from));
            if is_enough {
                break;
            }
        }
        logins.retain(|login| login.at >= since);
        // Those of the same millisecond stay in their order.
        logins.reverse();
        Ok(logins)
    }

    /// The newest logins of a client, each with the id of its token, where it was given one.
    pub(super) async fn newest_logins(
        &self,
        client_id: &str,
    ) -> Result<Vec<(Option<String>, Login)>> {
        let what = format!("read the logins of `{client_id}`");
        let query = asked_for(&succeeded(), client_id, PAGE);
        let events = self.events(&what, query).await?.into_iter();
        let with_id = |mut event: Event| (event.details.token_id.take(), Login::from(event));
        Ok(events.map(with_id).collect())
    }

    /// When the client has last logged in, as far as the realm remembers.
    pub(super) async fn last_login(&self, client_id: &str) -> Result<Option<Timestamp>> {
        let what = format!("read the last login of `{client_id}`");
        let query = asked_for(&succeeded(), client_id, 1);
        let newest = self.events(&what, query).await?.into_iter().next();
        Ok(newest.map(|event| Login::from(event).at))
    }

    async fn events(&self, what: &str, query: Vec<(&'static str, String)>) -> Result<Vec<Event>> {
        let call = Call::get(what, Right::ViewEvents, "events");
        self.look(&call.with_query(query)).await
    }

    /// Whether the realm records logins of clients, and what it leaves out.
    pub(super) async fn records_logins(&self) -> Result<Recorded> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Config {
            #[serde(default)]
            events_enabled: bool,
            #[serde(default)]
            enabled_event_types: BTreeSet<String>,
            #[serde(default)]
            events_expiration: u64,
        }
        let what = "read what it records of logins";
        let call = Call::get(what, Right::ViewEvents, "events/config");
        let config: Config = self.look(&call).await?;
        let all = succeeded().into_iter().chain(failed());
        let kept_for = Duration::from_secs(config.events_expiration);
        Ok(Recorded {
            enabled: config.events_enabled,
            missing: all
                .filter(|kind| !config.enabled_event_types.contains(kind))
                .collect(),
            kept_for: (!kept_for.is_zero()).then_some(kept_for),
        })
    }
}

fn succeeded() -> Vec<String> {
    KINDS.map(str::to_owned).to_vec()
}

fn failed() -> Vec<String> {
    KINDS.map(|kind| format!("{kind}{FAILED}")).to_vec()
}

/// A query for the newest events of these types.
fn asked_for(types: &[String], client_id: &str, most: usize) -> Vec<(&'static str, String)> {
    let mut query: Vec<_> = types.iter().map(|kind| ("type", kind.clone())).collect();
    query.push(("client", client_id.to_owned()));
    query.push(("max", most.to_string()));
    query
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_who_logged_in_from_where_and_what_came_of_it() {
        let of = |json: &str| Login::from(serde_json::from_str::<Event>(json).unwrap());
        let good =
            of(r#"{"time":1700000000123,"type":"CLIENT_LOGIN","ipAddress":"10.0.0.7","id":"a"}"#);
        assert_eq!(good.at.micros(), 1_700_000_000_123_000);
        assert_eq!(good.from, Some("10.0.0.7".parse().unwrap()));
        assert_eq!(good.what, LoginKind::Succeeded("CLIENT_LOGIN".to_owned()));
        let bad = of(
            r#"{"time":1,"type":"CLIENT_LOGIN_ERROR","ipAddress":"somewhere","error":"client_disabled"}"#,
        );
        let error = "client_disabled".to_owned();
        assert_eq!((bad.from, bad.what), (None, LoginKind::Failed { error }));
        let is_of_the_client = |kind: &str, error: &str| {
            let json = format!(r#"{{"time":1,"type":"{kind}","error":"{error}"}}"#);
            let event: Event = serde_json::from_str(&json).unwrap();
            event.is_of_the_client()
        };
        assert!(is_of_the_client(
            "LOGIN_ERROR",
            "invalid_client_credentials"
        ));
        assert!(is_of_the_client("CLIENT_LOGIN_ERROR", "whatever"));
        assert!(!is_of_the_client("CODE_TO_TOKEN_ERROR", "invalid_code"));
        assert!(!is_of_the_client("LOGIN_ERROR", "invalid_user_credentials"));
    }

    #[test]
    fn what_is_not_recorded_is_said_with_where_it_is_switched_on() {
        let off = Recorded {
            enabled: false,
            missing: vec![],
            kept_for: None,
        };
        insta::assert_snapshot!(off.advice().unwrap(), @"switch on `Save events` under `Realm settings`, `Events`, `User events settings`");
        let partly = Recorded {
            enabled: true,
            missing: vec!["REFRESH_TOKEN".to_owned()],
            ..off.clone()
        };
        insta::assert_snapshot!(partly.advice().unwrap(), @"add REFRESH_TOKEN to the event types that are saved, under `Realm settings`, `Events`, `User events settings`");
        let complete = Recorded {
            missing: vec![],
            ..partly
        };
        assert_eq!(complete.advice(), None);
    }

    #[test]
    fn what_is_not_seen_depends_on_the_ways_of_logging_in() {
        let refusals = ["CLIENT_LOGIN_ERROR", "REFRESH_TOKEN_ERROR"].map(str::to_owned);
        let partly = Recorded {
            enabled: true,
            missing: refusals.to_vec(),
            kept_for: None,
        };
        let hidden = partly.hides(&["CLIENT_LOGIN"]);
        assert_eq!(hidden, refusals[..1]);
        insta::assert_snapshot!(partly.advice_for(&hidden).unwrap(), @"add CLIENT_LOGIN_ERROR to the event types that are saved, under `Realm settings`, `Events`, `User events settings`");
        let site = ["CODE_TO_TOKEN"];
        assert_eq!(partly.hides(&site), Vec::<String>::new());
        let off = Recorded {
            enabled: false,
            missing: vec![],
            ..partly
        };
        assert_eq!(off.hides(&site), ["CODE_TO_TOKEN", "CODE_TO_TOKEN_ERROR"]);
    }
}

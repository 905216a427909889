//! How the secret of a client stands: its age, when a new one is due, and when it is refused.

use std::time::Duration;

use super::clients::Listed;
use super::connection::Keycloak;
use crate::action::Result;
use crate::domain::time::{Span, Timestamp};

/// So long before a client is refused people are warned.
pub(super) const WARNED_BEFORE: Duration = Duration::from_hours(30 * 24);

/// The secret of a client.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) client_id: String,
    pub(super) enabled: bool,
    /// When it was made; Keycloak knows that only of those that it has made itself, with its feature
    /// `client-secret-rotation` on.
    pub(super) made_at: Option<Timestamp>,
    /// How old it may become, if anybody has said so.
    pub(super) maximum_age: Option<Span>,
    /// From then on Keycloak refuses the client, because a policy says so.
    pub(super) locked_out_at: Option<Timestamp>,
    /// Until when the secret before it is taken too.
    pub(super) second_until: Option<Timestamp>,
    /// Who reads it, as far as the configuration says.
    pub(super) consumers: Vec<String>,
}

impl Standing {
    fn of(keycloak: &Keycloak, client: Listed) -> Self {
        Self {
            enabled: client.enabled,
            made_at: client.made_at,
            maximum_age: keycloak.maximum_age(&client.client_id),
            locked_out_at: client.expires_at,
            second_until: client.rotated_until,
            consumers: keycloak
                .consumers_of(&client.client_id)
                .iter()
                .map(|consumer| consumer.name().to_owned())
                .collect(),
            client_id: client.client_id,
        }
    }

    /// When it will have reached its maximum age.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        Some(self.made_at?.plus(self.maximum_age?.duration()))
    }

    /// Whether it is older than it may become.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        self.due_at().is_some_and(|due| due <= now)
    }

    /// Whether Keycloak refuses the client at that instant.
    pub(super) fn is_locked_out(&self, then: Timestamp) -> bool {
        self.locked_out_at.is_some_and(|at| at <= then)
    }

    /// Until when another secret is taken, where one is now.
    pub(super) fn second_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.second_until.filter(|until| *until > now)
    }

    /// What has to be done about it, behind the client's name, where it is overdue, or refused by
    /// `then`.
    pub(super) fn trouble(&self, now: Timestamp, then: Timestamp) -> Option<String> {
        let locked_out = self.locked_out_at.filter(|_| self.is_locked_out(then));
        let overdue = self.due_at().filter(|_| self.is_overdue(now));
        let locked_out = locked_out.map(|at| {
            if at <= now {
                format!("refused by Keycloak since {}", day(at))
            } else {
                format!("refused by Keycloak from {} on", day(at))
            }
        });
        let overdue = overdue.map(|at| format!("overdue since {}", day(at)));
        let both: Vec<_> = locked_out.into_iter().chain(overdue).collect();
        (!both.is_empty()).then(|| both.join(", "))
    }

    /// When something has to be done at the latest.
    fn urgency(&self) -> Timestamp {
        let never = Timestamp::from_micros(i64::MAX);
        let first = self.due_at().into_iter().chain(self.locked_out_at).min();
        first.unwrap_or(never)
    }
}

/// The day, by UTC.
pub(super) fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// The day and the minute, by UTC.
pub(super) fn minute(at: Timestamp) -> String {
    at.to_string()
        .chars()
        .take(16)
        .collect::<String>()
        .replace('T', " ")
}

impl Keycloak {
    /// How the secrets of all clients stand that log in with one, the most urgent first.
    pub(super) async fn standings(&self) -> Result<Vec<Standing>> {
        Ok(self.stand(self.clients().await?))
    }

    /// The same; `None` when there are more clients than it tells of in this time.
    pub(super) async fn standings_within(
        &self,
        longest: Duration,
    ) -> Result<Option<Vec<Standing>>> {
        let clients = self.clients_within(longest).await?;
        Ok(clients.map(|clients| self.stand(clients)))
    }

    fn stand(&self, clients: Vec<Listed>) -> Vec<Standing> {
        let clients = clients.into_iter().filter(|client| client.uses_secret);
        let mut all: Vec<_> = clients.map(|client| Standing::of(self, client)).collect();
        // By name already, and that stays among equals.
        all.sort_by_key(Standing::urgency);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn what_is_due_is_said_with_its_day() {
        let now: Timestamp = "2026-03-28T12:00:00Z".parse().unwrap();
        let said = |age: u32, maximum: Option<u32>, locked_out_in: Option<u32>| {
            let standing = Standing {
                client_id: "shop".to_owned(),
                enabled: true,
                made_at: Some(now.minus(age * DAY)),
                maximum_age: maximum.map(|days| Span::new(days * DAY)),
                locked_out_at: locked_out_in.map(|days| now.plus(days * DAY)),
                second_until: None,
                consumers: vec![],
            };
            standing
                .trouble(now, now.plus(WARNED_BEFORE))
                .unwrap_or_default()
        };
        insta::assert_debug_snapshot!([
            said(400, None, None),
            said(89, Some(90), Some(31)),
            said(91, Some(90), None),
            said(1, Some(90), Some(30)),
            said(91, Some(90), Some(0)),
        ], @r#"
        [
            "",
            "",
            "overdue since 2026-03-27",
            "refused by Keycloak from 2026-04-27 on",
            "refused by Keycloak since 2026-03-28, overdue since 2026-03-27",
        ]
        "#);
    }

    #[test]
    fn of_an_unknown_age_nothing_is_due() {
        let now = Timestamp::from_micros(0);
        let standing = Standing {
            client_id: "shop".to_owned(),
            enabled: true,
            made_at: None,
            maximum_age: Some(Span::new(DAY)),
            locked_out_at: None,
            second_until: Some(now),
            consumers: vec![],
        };
        assert_eq!((standing.due_at(), standing.is_overdue(now)), (None, false));
        assert_eq!(standing.second_until(now), None);
    }
}

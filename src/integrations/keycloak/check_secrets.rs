//! `keycloak.check_secrets`: fails when secrets are overdue or Keycloak is about to refuse clients, so that
//! whoever is told of failures is told of that.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::connection::Keycloak;
use super::standing::{Standing, WARNED_BEFORE};
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::time::{Span, Timestamp};
use crate::domain::words;

/// So many clients are named.
const MOST_NAMED: usize = 20;

/// Checks secrets.
pub(super) struct CheckSecrets;

/// What is looked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// How long before Keycloak refuses a client that is a failure: `30d`.
    #[serde(default = "a_month")]
    within: Span,
}

fn a_month() -> Span {
    Span::new(WARNED_BEFORE)
}

/// That nothing is due.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// How many clients log in with a secret.
    clients: usize,
    /// Of how many nobody knows how old it is, although it may only become so old.
    of_unknown_age: usize,
    /// All of it for people.
    text: String,
}

impl Action for CheckSecrets {
    type System = Keycloak;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "keycloak.check_secrets",
        summary: "Fail when secrets of a realm's clients are older than they may become, or Keycloak is about \
                  to refuse clients",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, keycloak: &Keycloak, _: Input) -> Result<Plan> {
        let realm = keycloak.realm();
        Ok(Plan::new(format!(
            "check the secrets of the realm `{realm}`"
        )))
    }

    async fn run(&self, ctx: &Context, keycloak: &Keycloak, input: Input) -> Result<Output> {
        let standings = keycloak.standings().await?;
        let now = ctx.read.clock.now();
        if let Some(due) = due(&standings, now, input.within.duration()) {
            let (name, realm) = (keycloak.name(), keycloak.realm());
            return Err(ActionError::fatal(format!(
                "{name}: in the realm `{realm}` {due}; rotate them, the first one first"
            )));
        }
        let of_unknown_age = standings
            .iter()
            .filter(|one| is_of_unknown_age(one))
            .count();
        Ok(Output {
            text: text(standings.len(), of_unknown_age),
            clients: standings.len(),
            of_unknown_age,
        })
    }
}

/// Whether a maximum age says nothing about it, because its age is not known.
pub(super) fn is_of_unknown_age(standing: &Standing) -> bool {
    standing.enabled && standing.made_at.is_none() && standing.maximum_age.is_some()
}

/// Which clients something has to be done about, the most urgent first. One that is disabled may wait.
pub(super) fn due(standings: &[Standing], now: Timestamp, within: Duration) -> Option<String> {
    let then = now.plus(within);
    let enabled = standings.iter().filter(|standing| standing.enabled);
    let troubles: Vec<_> = enabled
        .filter_map(|one| Some(format!("`{}` ({})", one.client_id, one.trouble(now, then)?)))
        .collect();
    let (secrets, named) = match troubles.len() {
        0 => return None,
        1 => ("a secret is due", troubles.join("")),
        count if count <= MOST_NAMED => ("secrets are due", troubles.join(", ")),
        count => {
            let named = troubles[..MOST_NAMED].join(", ");
            (
                "secrets are due",
                format!("{named} and {} more", count - MOST_NAMED),
            )
        }
    };
    Some(format!("{secrets}: {named}"))
}

fn text(clients: usize, of_unknown_age: usize) -> String {
    let clients = words::counted(clients, "client");
    let none_due = format!("{clients} with a secret, none is due");
    match of_unknown_age {
        0 => none_due,
        some => format!("{none_due}; of {some} Keycloak does not know how old it is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(client: usize, enabled: bool, due: bool) -> Standing {
        let made_at = Timestamp::from_micros(0);
        Standing {
            client_id: format!("client-{client}"),
            enabled,
            made_at: Some(made_at),
            maximum_age: due.then(|| Span::new(Duration::ZERO)),
            locked_out_at: None,
            second_until: None,
            consumers: vec![],
        }
    }

    #[test]
    fn who_is_due_is_named_and_of_many_the_first() {
        let now = Timestamp::from_micros(1_000_000);
        let said = |count: usize| {
            let all: Vec<_> = (0..count).map(|at| standing(at, true, true)).collect();
            due(&all, now, Duration::ZERO).unwrap_or_default()
        };
        insta::assert_snapshot!(said(1), @"a secret is due: `client-0` (overdue since 1970-01-01)");
        assert!(said(23).ends_with("`client-19` (overdue since 1970-01-01) and 3 more"));
        let quiet = [standing(1, false, true), standing(2, true, false)];
        assert_eq!(due(&quiet, now, Duration::ZERO), None);
        insta::assert_snapshot!(text(1, 0), @"1 client with a secret, none is due");
        insta::assert_snapshot!(text(5, 2), @"5 clients with a secret, none is due; of 2 Keycloak does not know how old it is");
    }
}

//! `keycloak.list_secrets`: how the secrets of the realm's clients stand, and its keys; never a value.

use std::fmt::Write as _;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::connection::Keycloak;
use super::keys::RealmKey;
use super::standing::{Standing, day, minute};
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::plan::Plan;
use crate::domain::table::{Column, table};
use crate::domain::time::Timestamp;
use crate::domain::words;

/// Of so many clients the last login is looked up, each with a request of its own.
const MOST_LOGINS: usize = 200;
/// So many of these are asked at a time.
const AT_A_TIME: usize = 4;
/// So many lines a table has for people.
const MOST_LINES: usize = 100;

/// Lists secrets.
pub(super) struct ListSecrets;

/// Nothing but the system.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

/// The secrets of a realm.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The clients that log in with a secret, the most urgent first.
    clients: Vec<Row>,
    /// Those of them whose secret is overdue and whose consumers are declared, the most urgent first.
    due: Vec<String>,
    /// The keys of the realm, the active ones first.
    keys: Vec<KeyRow>,
    /// What could not be seen, and what to do about it.
    missing: Vec<String>,
    /// All of it for people.
    text: String,
}

/// A client and its secret.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// The client's id.
    client: String,
    /// Whether it may log in at all.
    enabled: bool,
    /// When the secret was made (RFC 3339), where Keycloak has made it itself and remembers.
    made: Option<String>,
    /// How long ago that was, in seconds.
    age: Option<u64>,
    /// When the client has last logged in, as far as the realm has recorded it.
    last_login: Option<String>,
    /// Who reads the secret.
    consumers: Vec<String>,
    /// How old it may become, in seconds.
    maximum_age: Option<u64>,
    /// When a new one is due.
    due: Option<String>,
    /// Whether it is older than it may become.
    overdue: bool,
    /// From then on Keycloak refuses the client, as a policy has it.
    locked_out: Option<String>,
    /// Until then the secret before it is taken too.
    second_until: Option<String>,
}

/// A key of the realm.
#[derive(Serialize, JsonSchema)]
struct KeyRow {
    /// Its id.
    kid: String,
    /// What it is for: `RS256`.
    algorithm: String,
    /// `active`, `passive` or `disabled`.
    state: String,
    /// Since when its certificate is valid, where it has one.
    since: Option<String>,
}

impl Action for ListSecrets {
    type System = Keycloak;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "keycloak.list_secrets",
        summary: "List the clients of a realm with the age of their secrets, when new ones are due and when \
                  Keycloak refuses them, and the realm's keys; never a value",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, keycloak: &Keycloak, _: Input) -> Result<Plan> {
        let realm = keycloak.realm();
        Ok(Plan::new(format!(
            "list the secrets of the realm `{realm}`"
        )))
    }

    async fn run(&self, ctx: &Context, keycloak: &Keycloak, _: Input) -> Result<Output> {
        let standings = keycloak.standings().await?;
        let mut missing = vec![];
        let logins = logins(keycloak, &standings, &mut missing).await?;
        let keys = match keycloak.keys().await {
            Ok(keys) => keys,
            Err(error) => {
                missing.push(error.message);
                vec![]
            }
        };
        let now = ctx.read.clock.now();
        let text = text(keycloak.realm(), &standings, &logins, &keys, &missing, now);
        let due = due(&standings, now);
        let rows = standings.into_iter().zip(logins);
        Ok(Output {
            clients: rows
                .map(|(standing, login)| row(standing, login, now))
                .collect(),
            due,
            keys: keys.into_iter().map(key_row).collect(),
            missing,
            text,
        })
    }
}

/// Whose secret can be rotated, and has to be.
fn due(standings: &[Standing], now: Timestamp) -> Vec<String> {
    let is_due = |one: &&Standing| one.enabled && one.is_overdue(now) && !one.consumers.is_empty();
    let due = standings.iter().filter(is_due);
    due.map(|one| one.client_id.clone()).collect()
}

/// The last login of each of these clients, as far as it is recorded and few enough are asked about.
async fn logins(
    keycloak: &Keycloak,
    standings: &[Standing],
    missing: &mut Vec<String>,
) -> Result<Vec<Option<Timestamp>>> {
    let unknown = vec![None; standings.len()];
    let recorded = match keycloak.records_logins().await {
        Ok(recorded) => recorded,
        Err(error) => {
            missing.push(error.message);
            return Ok(unknown);
        }
    };
    if let Some(advice) = recorded.advice() {
        let realm = keycloak.realm();
        missing.push(format!(
            "the realm `{realm}` does not record every login, so some are not seen: {advice}"
        ));
    }
    if !recorded.enabled {
        return Ok(unknown);
    }
    let asked = standings.iter().take(MOST_LOGINS);
    let asked: Vec<_> = asked
        .map(|standing| keycloak.last_login(&standing.client_id))
        .collect();
    let logins = stream::iter(asked).buffered(AT_A_TIME);
    let mut logins: Vec<_> = logins.try_collect().await?;
    if logins.len() < standings.len() {
        missing.push(format!(
            "the last login is looked up of the {MOST_LOGINS} most urgent clients only"
        ));
        logins.resize(standings.len(), None);
    }
    Ok(logins)
}

fn row(standing: Standing, login: Option<Timestamp>, now: Timestamp) -> Row {
    let written = |at: Option<Timestamp>| at.map(|at| at.to_string());
    Row {
        enabled: standing.enabled,
        made: written(standing.made_at),
        age: standing.made_at.map(|made| now.since(made).as_secs()),
        last_login: written(login),
        maximum_age: standing.maximum_age.map(|age| age.duration().as_secs()),
        due: written(standing.due_at()),
        overdue: standing.is_overdue(now),
        locked_out: written(standing.locked_out_at),
        second_until: written(standing.second_until(now)),
        consumers: standing.consumers,
        client: standing.client_id,
    }
}

fn key_row(key: RealmKey) -> KeyRow {
    KeyRow {
        kid: key.kid,
        algorithm: key.algorithm,
        state: key.state,
        since: key.since.map(|at| at.to_string()),
    }
}

fn text(
    realm: &str,
    standings: &[Standing],
    logins: &[Option<Timestamp>],
    keys: &[RealmKey],
    missing: &[String],
    now: Timestamp,
) -> String {
    let mut text = if standings.is_empty() {
        format!("no client of the realm `{realm}` logs in with a secret")
    } else {
        let rows = standings.iter().zip(logins).take(MOST_LINES);
        let rows: Vec<_> = rows.map(|(one, login)| cells(one, *login, now)).collect();
        let headings = [
            "CLIENT",
            "AGE",
            "DUE",
            "REFUSED FROM",
            "SECOND UNTIL",
            "LAST LOGIN",
            "READ BY",
        ];
        let right = |heading| matches!(heading, "AGE" | "LAST LOGIN");
        table(
            &headings.map(|heading| Column {
                heading,
                right: right(heading),
            }),
            &rows,
        )
    };
    if let Some(more) = standings
        .len()
        .checked_sub(MOST_LINES)
        .filter(|more| *more > 0)
    {
        let _ = write!(
            text,
            "\nand {}, none of them as urgent",
            words::counted(more, "more client")
        );
    }
    if !keys.is_empty() {
        let rows: Vec<_> = keys.iter().map(|key| key_cells(key, now)).collect();
        let headings = ["KEY", "ALGORITHM", "STATE", "AGE"];
        let columns = headings.map(|heading| Column {
            heading,
            right: heading == "AGE",
        });
        let _ = write!(text, "\n\n{}", table(&columns, &rows));
    }
    for one in missing {
        let _ = write!(text, "\n\n{one}");
    }
    text
}

fn cells(standing: &Standing, login: Option<Timestamp>, now: Timestamp) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let ago = |at: Timestamp| words::age(now.since(at));
    let client = if standing.enabled {
        standing.client_id.clone()
    } else {
        format!("{} (disabled)", standing.client_id)
    };
    let mark = |at: Timestamp, passed: &str| {
        if at <= now {
            format!("{} {passed}", day(at))
        } else {
            day(at)
        }
    };
    vec![
        client,
        standing.made_at.map_or_else(|| "not known".to_owned(), ago),
        or_dash(standing.due_at().map(|at| mark(at, "OVERDUE"))),
        or_dash(standing.locked_out_at.map(|at| mark(at, "REFUSED"))),
        or_dash(standing.second_until(now).map(minute)),
        or_dash(login.map(|at| format!("{} ago", ago(at)))),
        match &standing.consumers[..] {
            [] => "-".to_owned(),
            consumers => consumers.join(", "),
        },
    ]
}

fn key_cells(key: &RealmKey, now: Timestamp) -> Vec<String> {
    let age = key.since.map(|since| words::age(now.since(since)));
    vec![
        key.kid.clone(),
        key.algorithm.clone(),
        key.state.clone(),
        age.unwrap_or_else(|| "-".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::time::Span;

    #[test]
    fn people_see_what_is_due_and_what_nobody_knows() {
        let now: Timestamp = "2026-03-28T12:00:00Z".parse().unwrap();
        let days = |days: u32| days * Duration::from_hours(24);
        let web = Standing {
            client_id: "shop-web".to_owned(),
            enabled: true,
            made_at: Some(now.minus(days(100))),
            maximum_age: Some(Span::new(days(90))),
            locked_out_at: Some(now.plus(days(20))),
            second_until: Some(now.plus(days(1))),
            consumers: vec!["shop/web".to_owned(), "shop/jobs".to_owned()],
        };
        let unknown = Standing {
            client_id: "old".to_owned(),
            enabled: false,
            made_at: None,
            locked_out_at: None,
            second_until: Some(now),
            consumers: vec![],
            ..web.clone()
        };
        let key = RealmKey {
            kid: "fgwSp2".to_owned(),
            algorithm: "RS256".to_owned(),
            state: "active".to_owned(),
            since: Some(now.minus(days(400))),
        };
        let logins = [Some(now.minus(Duration::from_mins(3))), None];
        let missing = ["sso: cannot read something: for a reason; do that".to_owned()];
        insta::assert_snapshot!(text("shop", &[web, unknown], &logins, &[key], &missing, now), @"
        CLIENT                AGE  DUE                 REFUSED FROM  SECOND UNTIL      LAST LOGIN  READ BY
        shop-web         100 days  2026-03-18 OVERDUE  2026-04-17    2026-03-29 12:00   3 min ago  shop/web, shop/jobs
        old (disabled)  not known  -                   -             -                          -  -

        KEY     ALGORITHM  STATE        AGE
        fgwSp2  RS256      active  400 days

        sso: cannot read something: for a reason; do that
        ");
        insta::assert_snapshot!(text("shop", &[], &[], &[], &[], now), @"no client of the realm `shop` logs in with a secret");
    }
}

//! Whether a realm can be reached with the rights that workflows need, and which secrets need somebody.

use std::time::Duration;

use super::check_secrets::{due, is_of_unknown_age};
use super::connection::{Keycloak, Right};
use super::rotation::Feature;
use super::standing::{Standing, WARNED_BEFORE, minute};
use crate::action::{Clock, Examination, Result, Uses};
use crate::domain::finding::Remark;
use crate::domain::time::Timestamp;
use crate::domain::words;

/// Its clients are read for no longer: who looks waits for no more than a few seconds longer.
const READ_WITHIN: Duration = Duration::from_secs(8);

/// So many clients are named.
const MOST_NAMED: usize = 10;

/// What the actions need beside `view-clients`, which all need.
const NEEDS: &[(&str, &[Right])] = &[
    (
        "keycloak.list_secrets",
        &[Right::ViewEvents, Right::ViewRealm],
    ),
    (
        "keycloak.rotate_client_secret",
        &[Right::ManageClients, Right::ViewEvents, Right::ViewRealm],
    ),
    (
        "keycloak.set_up_rotation",
        &[Right::ManageClients, Right::ManageRealm],
    ),
];

impl Keycloak {
    pub(super) async fn looked_at(&self, uses: &Uses, clock: &dyn Clock) -> Examination {
        let mut found = Examination::default();
        let standings = match self.standings_within(READ_WITHIN).await {
            Ok(standings) => standings,
            Err(error) => {
                found.add(Err(error));
                return found;
            }
        };
        found.add(self.reached(standings.as_ref().map(Vec::len)).await);
        let wanted = wanted(uses);
        let lacking = match self.lacks(&wanted).await {
            Ok(lacking) => lacking.unwrap_or_default(),
            Err(error) => {
                found.add(Err(error));
                return found;
            }
        };
        for right in &lacking {
            let remark = Remark::of_sentence(&self.role_missing(*right));
            found.remarks.push(remark);
        }
        if wanted.contains(&Right::ViewEvents) && !lacking.contains(&Right::ViewEvents) {
            found.add(self.recorded().await);
        }
        let now = clock.now();
        match standings {
            Some(standings) => found.remarks.extend(Self::secrets(&standings, now)),
            None => found.remarks.push(Remark::warning(
                format!(
                    "the realm `{}` has too many clients to read them all here, so nothing is said about their \
                     secrets",
                    self.realm()
                ),
                "have `keycloak.check_secrets` do it on a schedule (`workflows/secrets-due.yaml`), which takes its \
                 time",
            )),
        }
        found.clock = self.now_there(clock).await;
        found
    }

    async fn reached(&self, clients: Option<usize>) -> Result<Remark> {
        let clients = clients.map_or_else(String::new, |clients| {
            format!("; clients with a secret: {clients}")
        });
        let server = self.server().await?;
        let version = server.version.map_or_else(String::new, |v| format!(" {v}"));
        let two = match server.feature {
            Feature::On => "it can keep two of one client",
            Feature::Off => "it cannot keep two of one client (client-secret-rotation is off)",
            Feature::Unknown => "it does not say whether it can keep two of one client",
        };
        Ok(Remark::well(format!(
            "the realm `{}` of Keycloak{version} at {}{clients}; {two}",
            self.realm(),
            self.url(),
        )))
    }

    async fn recorded(&self) -> Result<Remark> {
        let (recorded, realm) = (self.records_logins().await?, self.realm());
        Ok(match recorded.advice() {
            None => Remark::well(format!("the realm `{realm}` records the logins of clients")),
            Some(advice) => Remark::warning(
                format!("the realm `{realm}` does not record every login of a client"),
                advice,
            ),
        })
    }

    /// Secrets that somebody has to see to.
    fn secrets(standings: &[Standing], now: Timestamp) -> Vec<Remark> {
        let due = due(standings, now, WARNED_BEFORE);
        let due = due.map(|due| Remark::warning(due, "rotate them, the first one first"));
        let second = standings.iter().filter_map(|standing| {
            let until = minute(standing.second_until(now)?);
            Some(format!("`{}` until {until}", standing.client_id))
        });
        let second = named(second.collect())
            .map(|clients| Remark::well(format!("an older secret is taken too, of {clients}")));
        let unknown = standings.iter().filter(|one| is_of_unknown_age(one));
        let unknown = named(unknown.map(|one| format!("`{}`", one.client_id)).collect());
        let unknown = unknown.map(|clients| {
            Remark::warning(
                format!(
                    "how old the secret is cannot be known of {clients}, so nothing is said when it becomes \
                     older than it may"
                ),
                "rotate it once: from then on Keycloak knows",
            )
        });
        due.into_iter().chain(second).chain(unknown).collect()
    }
}

/// The rights that the workflows' steps need, each once.
fn wanted(uses: &Uses) -> Vec<Right> {
    let used = NEEDS
        .iter()
        .filter(|(action, _)| uses.of(action).next().is_some());
    let mut wanted: Vec<Right> = vec![];
    for right in used.flat_map(|(_, rights)| *rights) {
        if !wanted.contains(right) {
            wanted.push(*right);
        }
    }
    wanted
}

/// The first of these, and how many more there are.
fn named(all: Vec<String>) -> Option<String> {
    let more = all.len().saturating_sub(MOST_NAMED);
    let first = all
        .into_iter()
        .take(MOST_NAMED)
        .collect::<Vec<_>>()
        .join(", ");
    match (first.as_str(), more) {
        ("", _) => None,
        (_, 0) => Some(first),
        (_, more) => Some(format!(
            "{first} and {}",
            words::counted(more, "more client")
        )),
    }
}

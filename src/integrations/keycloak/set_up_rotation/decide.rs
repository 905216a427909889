//! What there is in the realm, and what has to be done about it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use super::super::connection::{Keycloak, Right};
use super::super::rotation::{Feature, Rotation};
use super::super::standing::day;
use super::Input;
use super::lists::{Entries, List, OURS};
use crate::action::{ActionError, Result};
use crate::domain::plan::Plan;
use crate::domain::time::Timestamp;
use crate::domain::words;

/// So many clients are asked for their roles at a time.
const AT_A_TIME: usize = 8;
/// Keycloak counts these times in seconds, in 31 bits.
const LONGEST: u64 = i32::MAX as u64;

/// What was found, and what follows from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) profiles: Entries,
    pub(super) policies: Entries,
    /// Every client to which the policy will apply, by its id: those that were asked for, and those that
    /// have the role already.
    pub(super) clients: BTreeMap<String, Touched>,
    /// The policies of others that apply to every client with a secret.
    pub(super) of_others: Vec<String>,
}

/// A client to which the policy will apply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Touched {
    pub(super) uuid: String,
    pub(super) has_role: bool,
    /// When Keycloak refuses it, where that is known before.
    pub(super) locked_out_at: Option<Timestamp>,
}

impl Decision {
    pub(super) async fn make(keycloak: &Keycloak, input: &Input) -> Result<Self> {
        check(keycloak, input).await?;
        let rotation = keycloak.rotation().await?;
        if rotation.feature == Feature::Off {
            return Err(ActionError::fatal(format!(
                "{}: this Keycloak keeps one secret of a client only; nothing was changed: start it with \
                 `--features=client-secret-rotation`",
                keycloak.name()
            )));
        }
        Ok(Self {
            profiles: keycloak.entries(List::Profiles).await?,
            policies: keycloak.entries(List::Policies).await?,
            clients: touched(keycloak, input).await?,
            of_others: of_others(&rotation),
        })
    }

    pub(super) fn entries(&self, list: List) -> &Entries {
        match list {
            List::Profiles => &self.profiles,
            List::Policies => &self.policies,
        }
    }

    /// Whether all is so already.
    pub(super) fn is_done(&self, input: &Input) -> bool {
        let lists = [List::Profiles, List::Policies];
        let lists = lists
            .iter()
            .all(|list| self.entries(*list).holds(&list.ours(input)));
        let is_set_up = |client: &Touched| client.has_role && client.locked_out_at.is_some();
        lists && self.clients.values().all(is_set_up)
    }

    pub(super) fn plan(&self, keycloak: &Keycloak, input: &Input, now: Timestamp) -> Plan {
        let realm = keycloak.realm();
        let relies_on_lists = |plan: Plan| {
            let plan = plan.relies_on("client profiles", self.profiles.digest().short());
            plan.relies_on("client policies", self.policies.digest().short())
        };
        if self.is_done(input) {
            let nothing = format!("nothing: two secrets are taken in `{realm}` already");
            return relies_on_lists(Plan::new(nothing));
        }
        let clients = words::counted(self.clients.len(), "client");
        let summary = format!(
            "have Keycloak take two secrets of {clients} of `{realm}` while one is replaced"
        );
        let mut plan = relies_on_lists(Plan::new(summary));
        for list in [List::Profiles, List::Policies] {
            let (entries, wanted) = (self.entries(list), list.ours(input));
            if !entries.holds(&wanted) {
                let is = entries.ours().map(|_| "set otherwise".to_owned());
                let subject = format!("`{OURS}` among the client {}", list.name());
                plan = plan.changes(subject, is, Some(list.words(input)));
            }
        }
        for (client, touched) in &self.clients {
            let role = format!("role `{}` of `{client}`", input.role);
            plan = if touched.has_role {
                plan.relies_on(role, "is there")
            } else {
                plan.changes(role, None, Some("is there".to_owned()))
            };
            let at = touched.locked_out_at;
            let at = day(at.unwrap_or_else(|| now.plus(input.lock_out_after.duration())));
            plan = plan.note(format!(
                "Keycloak refuses `{client}` from {at} on, unless its secret is replaced before"
            ));
        }
        for policy in &self.of_others {
            plan = plan.note(format!(
                "{policy} is somebody else's and applies to every client with a secret; it stays as it is"
            ));
        }
        plan.note("can be undone: lists and clients are as they were then, if nobody has changed them since")
    }
}

async fn check(keycloak: &Keycloak, input: &Input) -> Result<()> {
    let name = keycloak.name();
    let wrong = |why: &str| ActionError::fatal(format!("{name}: {why}; nothing was changed"));
    let (lock_out, overlap) = (input.lock_out_after.duration(), input.overlap.duration());
    if input.clients.is_empty() {
        return Err(wrong("`clients` names none"));
    }
    if overlap.as_secs() == 0 || overlap >= lock_out {
        return Err(wrong(
            "`overlap` must be at least a second, and shorter than `lock_out_after`",
        ));
    }
    if lock_out.as_secs() > LONGEST {
        return Err(wrong("`lock_out_after` may be 68 years at the most"));
    }
    let needed = [Right::ManageClients, Right::ManageRealm];
    let lacking = keycloak.lacks(&needed).await?.unwrap_or_default();
    match lacking.first() {
        Some(right) => Err(wrong(&keycloak.role_missing(*right))),
        None => Ok(()),
    }
}

/// The clients that are asked for, and the others that have the role.
async fn touched(keycloak: &Keycloak, input: &Input) -> Result<BTreeMap<String, Touched>> {
    let asked: BTreeSet<&str> = input.clients.iter().map(String::as_str).collect();
    for client_id in &asked {
        let client = keycloak.client(client_id).await?;
        if !client.uses_secret() {
            let why = match client.authenticator.as_str() {
                "client-secret" => client.kind.words(),
                other => format!("authenticated by `{other}`, and not by a secret"),
            };
            return Err(ActionError::fatal(format!(
                "{}: the client `{client_id}` is {why}; nothing was changed: take it out of `clients`",
                keycloak.name()
            )));
        }
    }
    let clients = keycloak.clients().await?.into_iter();
    let looked_at = clients
        .filter(|client| client.uses_secret)
        .map(async |client| {
            let roles = keycloak.roles_of(&client.uuid).await?;
            Ok::<_, ActionError>((client, roles.contains(&input.role)))
        });
    let looked_at: Vec<_> = looked_at.collect();
    let all: Vec<_> = stream::iter(looked_at)
        .buffered(AT_A_TIME)
        .try_collect()
        .await?;
    let touched = all
        .into_iter()
        .filter(|(client, has_role)| *has_role || asked.contains(client.client_id.as_str()));
    let touched = touched.map(|(client, has_role)| {
        let touched = Touched {
            uuid: client.uuid,
            has_role,
            locked_out_at: client.expires_at,
        };
        (client.client_id, touched)
    });
    Ok(touched.collect())
}

/// The policies of others that apply to every client with a secret, with what they do.
fn of_others(rotation: &Rotation) -> Vec<String> {
    let others = rotation.policies.iter();
    let others = others.filter(|policy| policy.name != OURS && policy.is_for_all());
    let words = others.map(|policy| match policy.lock_out_after {
        Some(after) => format!(
            "the policy `{}`, which has a client refused after {},",
            policy.name,
            words::age(after)
        ),
        None => format!("the policy `{}`", policy.name),
    });
    words.collect()
}

//! The realm's lists of profiles and policies, which are set as a whole, and Purser's entry in each.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::connection::{Call, Keycloak, Right};
use super::super::rotation::{BY_ROLE, EXECUTOR, LOCK_OUT_AFTER, OVERLAP, REPLACED_BEFORE};
use super::Input;
use crate::action::{ActionError, Result};
use crate::domain::digest::{Digest, digest_of};
use crate::domain::words;

/// What Purser's profile and its policy are called.
pub(super) const OURS: &str = "purser-rotation";

/// One of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum List {
    Profiles,
    Policies,
}

impl List {
    /// Its name, in the API's paths and for people behind `client`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Profiles => "profiles",
            Self::Policies => "policies",
        }
    }

    /// What Purser's entry in it does.
    pub(super) fn words(self, input: &Input) -> String {
        match self {
            Self::Profiles => format!(
                "a secret is refused after {}, one that was replaced is taken for {}",
                words::age(input.lock_out_after.duration()),
                words::age(input.overlap.duration())
            ),
            Self::Policies => format!("for clients with the role `{}`", input.role),
        }
    }

    /// What Purser's entry in it is to be.
    pub(super) fn ours(self, input: &Input) -> Value {
        match self {
            Self::Profiles => json!({
                "name": OURS,
                "description": "Two secrets of a client are taken while Purser replaces one",
                "executors": [{ "executor": EXECUTOR, "configuration": {
                    LOCK_OUT_AFTER: input.lock_out_after.duration().as_secs(),
                    OVERLAP: input.overlap.duration().as_secs(),
                    // Keycloak is never to replace a secret by itself: nobody would hand it on.
                    REPLACED_BEFORE: 0,
                } }],
            }),
            Self::Policies => json!({
                "name": OURS,
                "description": "Clients whose secrets Purser replaces",
                "enabled": true,
                "conditions": [{ "condition": BY_ROLE, "configuration": { "roles": [input.role] } }],
                "profiles": [OURS],
            }),
        }
    }
}

/// One of the lists as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entries(Vec<Value>);

fn is_ours(entry: &Value) -> bool {
    entry["name"] == OURS
}

impl Entries {
    pub(super) fn digest(&self) -> Digest {
        digest_of(&json!(self.0))
    }

    /// Whether all that is not Purser's is the same in both.
    pub(super) fn has_the_same_others(&self, other: &Self) -> bool {
        let others = |entries: &'_ Self| {
            let others = entries.0.iter().filter(|entry| !is_ours(entry));
            others.cloned().collect::<Vec<_>>()
        };
        others(self) == others(other)
    }

    /// Purser's entry.
    pub(super) fn ours(&self) -> Option<&Value> {
        self.0.iter().find(|entry| is_ours(entry))
    }

    /// Whether Purser's entry is as it should be. Keycloak adds fields of its own.
    pub(super) fn holds(&self, wanted: &Value) -> bool {
        self.ours().is_some_and(|is| includes(is, wanted))
    }

    /// The same with Purser's entry as it should be, in its place, or at the end.
    fn with(&self, wanted: &Value) -> Self {
        let mut entries = self.0.clone();
        match entries.iter_mut().find(|entry| is_ours(entry)) {
            Some(is) => is.clone_from(wanted),
            None => entries.push(wanted.clone()),
        }
        Self(entries)
    }
}

/// Whether all that is wanted is there.
fn includes(is: &Value, wanted: &Value) -> bool {
    match (is, wanted) {
        (Value::Object(is), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| is.get(key).is_some_and(|is| includes(is, wanted))),
        (Value::Array(is), Value::Array(wanted)) => {
            is.len() == wanted.len()
                && is
                    .iter()
                    .zip(wanted)
                    .all(|(is, wanted)| includes(is, wanted))
        }
        _ => is == wanted,
    }
}

impl Keycloak {
    pub(super) async fn entries(&self, list: List) -> Result<Entries> {
        let path = format!("client-policies/{}", list.name());
        let call = Call::get("read its client policies", Right::ViewRealm, path);
        let mut shown: Value = self.look(&call).await?;
        Ok(Entries(match shown[list.name()].take() {
            Value::Array(entries) => entries,
            _ => vec![],
        }))
    }

    /// Sets the whole list.
    async fn set_entries(&self, list: List, entries: &Entries) -> Result<()> {
        let (what, path) = (
            "set its client policies",
            format!("client-policies/{}", list.name()),
        );
        let call = Call::new(what, Right::ManageRealm, reqwest::Method::PUT, path);
        let body = json!({ list.name(): entries.0 });
        self.change(&call.with_body(body)).await
    }

    /// Puts Purser's entry into the list, which must be as it was `before` otherwise.
    pub(super) async fn put_ours(
        &self,
        list: List,
        wanted: &Value,
        before: &Entries,
    ) -> Result<()> {
        let now = self.entries(list).await?;
        if !now.has_the_same_others(before) {
            return Err(ActionError::fatal(format!(
                "{}: somebody has changed the client {} since the plan was made; nothing was changed: \
                 start again, and look at the new plan",
                self.name(),
                list.name()
            )));
        }
        if now.holds(wanted) {
            return Ok(());
        }
        self.set_entries(list, &now.with(wanted)).await
    }

    /// Puts the list back as it was. Says what is left where somebody has changed it since.
    pub(super) async fn put_back(&self, list: List, before: &Entries) -> Result<Option<String>> {
        let now = self.entries(list).await?;
        if now == *before {
            return Ok(None);
        }
        if !now.has_the_same_others(before) {
            return Ok(Some(format!(
                "the client {} were changed by somebody else since, so `{OURS}` is still among them",
                list.name()
            )));
        }
        self.set_entries(list, before).await.map(|()| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(json: Value) -> Entries {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn ours_is_put_among_others_and_what_keycloak_adds_to_it_is_no_difference() {
        let wanted = json!({ "name": OURS, "enabled": true, "profiles": [OURS] });
        let others = entries(json!([{ "name": "a" }, { "name": "b" }]));
        let with = others.with(&wanted);
        assert_eq!(
            with,
            entries(json!([{ "name": "a" }, { "name": "b" }, wanted]))
        );
        assert_eq!(with.with(&wanted), with);
        assert!(with.has_the_same_others(&others) && with.holds(&wanted) && !others.holds(&wanted));
        let shown = json!({ "name": OURS, "enabled": true, "profiles": [OURS], "more": 1 });
        assert!(entries(json!([shown])).holds(&wanted));
        let off = json!({ "name": OURS, "enabled": false, "profiles": [OURS] });
        assert!(!entries(json!([off])).holds(&wanted));
        let fewer = entries(json!([{ "name": "a" }]));
        assert!(!fewer.has_the_same_others(&others));
    }
}

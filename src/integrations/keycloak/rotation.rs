//! Whether Keycloak keeps two secrets of a client: the feature, and the policies that apply it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::client::ClientKind;
use super::connection::{Call, Keycloak, Right, part};
use crate::action::Result;

/// What does it in a profile.
pub(super) const EXECUTOR: &str = "secret-rotation";
/// Its settings: after how many seconds a secret is refused, for how many the replaced one is taken, and
/// how long before its end it may be replaced by an update of the client.
pub(super) const LOCK_OUT_AFTER: &str = "expiration-period";
pub(super) const OVERLAP: &str = "rotated-expiration-period";
pub(super) const REPLACED_BEFORE: &str = "remaining-rotation-period";

/// The condition that a client has a role of its own with one of these names.
pub(super) const BY_ROLE: &str = "client-roles";
const BY_KIND: &str = "client-access-type";
const BY_ATTRIBUTE: &str = "client-attributes";

const FEATURE: &str = "CLIENT_SECRET_ROTATION";

/// What the realm does about secrets by itself.
pub(super) struct Rotation {
    pub(super) feature: Feature,
    /// The policies that make it keep a replaced secret, and refuse one that is too old.
    pub(super) policies: Vec<RotationPolicy>,
}

/// The feature `client-secret-rotation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    On,
    Off,
    /// It does not say.
    Unknown,
}

/// A policy with a profile that has `secret-rotation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RotationPolicy {
    pub(super) name: String,
    pub(super) enabled: bool,
    pub(super) conditions: Vec<Condition>,
    /// How old a secret may become before the client is refused.
    pub(super) lock_out_after: Option<Duration>,
    /// How long a replaced secret is taken.
    pub(super) overlap: Option<Duration>,
}

/// To which clients a policy applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Those with a role of their own of one of these names.
    Roles(BTreeSet<String>),
    /// Those of one of these kinds: `confidential`.
    Kinds(BTreeSet<String>),
    /// Those with all these attributes.
    Attributes(BTreeMap<String, String>),
    /// Those that something else is true of.
    Other(String),
    /// Those that this is not true of.
    Not(Box<Self>),
}

/// Whether something is so, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applies {
    Yes,
    No,
    /// That depends on what Purser does not know.
    Perhaps,
}

/// What conditions look at in a client.
pub(super) struct Marks<'a> {
    pub(super) kind: &'a ClientKind,
    pub(super) roles: &'a BTreeSet<String>,
    pub(super) attributes: &'a BTreeMap<String, SecretString>,
}

impl Rotation {
    /// The policies that are in force for a client, and those that may be.
    pub(super) fn policies_of(&self, client: &Marks<'_>) -> Vec<(&RotationPolicy, Applies)> {
        let all = self.policies.iter();
        let applied = all.map(|policy| (policy, policy.applies_to(client)));
        applied.filter(|(_, how)| *how != Applies::No).collect()
    }

    /// Whether Keycloak takes two secrets of this client at a time.
    pub(super) fn keeps_two(&self, client: &Marks<'_>) -> Applies {
        if self.feature == Feature::Off {
            return Applies::No;
        }
        let of_client = self.policies_of(client);
        match of_client.iter().any(|(_, how)| *how == Applies::Yes) {
            true => Applies::Yes,
            false if of_client.is_empty() => Applies::No,
            false => Applies::Perhaps,
        }
    }
}

impl RotationPolicy {
    /// Whether it is in force for this client. All of its conditions must be true.
    pub(super) fn applies_to(&self, client: &Marks<'_>) -> Applies {
        if !self.enabled || self.conditions.is_empty() {
            return Applies::No;
        }
        let mut all = Applies::Yes;
        for condition in &self.conditions {
            match condition.is_true_of(client) {
                Applies::Yes => {}
                Applies::No => return Applies::No,
                Applies::Perhaps => all = Applies::Perhaps,
            }
        }
        all
    }

    /// Whether all clients with a secret are meant, whoever made them.
    pub(super) fn is_for_all(&self) -> bool {
        let is_wide = |condition: &Condition| match condition {
            Condition::Kinds(kinds) => kinds.contains("confidential"),
            Condition::Other(name) => name == "any-client",
            _ => false,
        };
        self.enabled && !self.conditions.is_empty() && self.conditions.iter().all(is_wide)
    }
}

impl Condition {
    fn is_true_of(&self, client: &Marks<'_>) -> Applies {
        let known = |is_true| if is_true { Applies::Yes } else { Applies::No };
        match self {
            Self::Roles(roles) => known(!roles.is_disjoint(client.roles)),
            Self::Kinds(kinds) => match client.kind {
                ClientKind::Confidential => known(kinds.contains("confidential")),
                ClientKind::Public => known(kinds.contains("public")),
                ClientKind::BearerOnly => known(kinds.contains("bearer-only")),
                ClientKind::Other(_) => Applies::Perhaps,
            },
            Self::Attributes(wanted) => known(wanted.iter().all(|(name, value)| {
                let has = client.attributes.get(name);
                has.is_some_and(|has| has.expose_secret() == value)
            })),
            Self::Other(name) if name == "any-client" => Applies::Yes,
            Self::Other(_) => Applies::Perhaps,
            Self::Not(condition) => match condition.is_true_of(client) {
                Applies::Yes => Applies::No,
                Applies::No => Applies::Yes,
                Applies::Perhaps => Applies::Perhaps,
            },
        }
    }
}

/// `GET client-policies/profiles`.
#[derive(Deserialize)]
struct Profiles {
    #[serde(default)]
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    name: String,
    #[serde(default)]
    executors: Vec<Executor>,
}

#[derive(Deserialize)]
struct Executor {
    executor: String,
    #[serde(default)]
    configuration: Value,
}

/// `GET client-policies/policies`.
#[derive(Deserialize)]
struct Policies {
    #[serde(default)]
    policies: Vec<PolicyShown>,
}

#[derive(Deserialize)]
struct PolicyShown {
    name: String,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    conditions: Vec<ConditionShown>,
    #[serde(default)]
    profiles: Vec<String>,
}

#[derive(Deserialize)]
struct ConditionShown {
    condition: String,
    #[serde(default)]
    configuration: Value,
}

impl From<ConditionShown> for Condition {
    fn from(shown: ConditionShown) -> Self {
        let of = &shown.configuration;
        let plain = match shown.condition.as_str() {
            BY_ROLE => Self::Roles(texts(&of["roles"])),
            BY_KIND => Self::Kinds(texts(&of["type"])),
            BY_ATTRIBUTE => match attributes(&of["attributes"]) {
                Some(wanted) => Self::Attributes(wanted),
                None => Self::Other(shown.condition.clone()),
            },
            _ => Self::Other(shown.condition.clone()),
        };
        let negative = &of["is-negative-logic"];
        if negative.as_bool() == Some(true) || negative.as_str() == Some("true") {
            Self::Not(Box::new(plain))
        } else {
            plain
        }
    }
}

fn texts(value: &Value) -> BTreeSet<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A list of keys and values, which Keycloak keeps as a text of JSON.
fn attributes(value: &Value) -> Option<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Attribute {
        key: String,
        value: String,
    }
    let all: Vec<Attribute> = match value {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => serde_json::from_value(other.clone()).ok()?,
    };
    let all = all.into_iter();
    Some(all.map(|one| (one.key, one.value)).collect())
}

/// A number of seconds, which may be kept as a text.
fn span(value: &Value) -> Option<Duration> {
    let seconds = value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))?;
    Some(Duration::from_secs(seconds))
}

/// The policies among these that have a profile with `secret-rotation`.
fn rotating(profiles: &[Profile], policies: Vec<PolicyShown>) -> Vec<RotationPolicy> {
    let settings_of = |names: &[String]| {
        let named = profiles.iter().filter(|one| names.contains(&one.name));
        let mut executors = named.flat_map(|profile| &profile.executors);
        let rotates = executors.find(|executor| executor.executor == EXECUTOR);
        rotates.map(|executor| &executor.configuration)
    };
    let rotating = policies.into_iter().filter_map(|policy| {
        let settings = settings_of(&policy.profiles)?;
        Some(RotationPolicy {
            lock_out_after: span(&settings[LOCK_OUT_AFTER]),
            overlap: span(&settings[OVERLAP]),
            name: policy.name,
            enabled: policy.enabled,
            conditions: policy.conditions.into_iter().map(Condition::from).collect(),
        })
    });
    rotating.collect()
}

impl Keycloak {
    /// Whether Keycloak can keep two secrets of a client, and which policies have it do so.
    pub(super) async fn rotation(&self) -> Result<Rotation> {
        let what = "read its client policies";
        let get = |path| Call::get(what, Right::ViewRealm, path);
        let profiles: Profiles = self.look(&get("client-policies/profiles")).await?;
        let policies: Policies = self.look(&get("client-policies/policies")).await?;
        Ok(Rotation {
            feature: self.server().await?.feature,
            policies: rotating(&profiles.profiles, policies.policies),
        })
    }

    /// The roles that the client has of its own, by which conditions may mark it.
    pub(super) async fn roles_of(&self, uuid: &str) -> Result<BTreeSet<String>> {
        #[derive(Deserialize)]
        struct Role {
            name: String,
        }
        let path = format!("clients/{}/roles", part(uuid));
        let call = Call::get("read a client's roles", Right::ViewClients, path);
        let roles: Vec<Role> = self.look(&call).await?;
        Ok(roles.into_iter().map(|role| role.name).collect())
    }

    /// What the server says of itself: less to some than to others.
    pub(super) async fn server(&self) -> Result<Server> {
        let call = Call::get("read what it can do", Right::ViewRealm, "/serverinfo");
        let answer = self.send(&call).await?;
        match answer.status {
            200 => {
                let shown: ServerShown = serde_json::from_slice(&answer.body).unwrap_or_default();
                Ok(shown.into())
            }
            403 | 404 => Ok(ServerShown::default().into()),
            _ => Err(self.refused(&call, &answer)),
        }
    }
}

/// The server behind the realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Said only to who may manage a realm.
    pub(super) version: Option<String>,
    pub(super) feature: Feature,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerShown {
    #[serde(default)]
    system_info: System,
    #[serde(default)]
    features: Vec<FeatureShown>,
}

#[derive(Default, Deserialize)]
struct System {
    version: Option<String>,
}

#[derive(Deserialize)]
struct FeatureShown {
    name: String,
    enabled: bool,
}

impl From<ServerShown> for Server {
    fn from(shown: ServerShown) -> Self {
        let feature = shown.features.iter().find(|one| one.name == FEATURE);
        Self {
            version: shown.system_info.version,
            feature: match feature.map(|feature| feature.enabled) {
                Some(true) => Feature::On,
                Some(false) => Feature::Off,
                None => Feature::Unknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policies(conditions: &Value) -> Vec<RotationPolicy> {
        let profiles = json!({ "profiles": [
            { "name": "other", "executors": [{ "executor": "consent-required" }] },
            { "name": "rotates", "executors": [{ "executor": "secret-rotation", "configuration":
                { "expiration-period": 2_592_000, "rotated-expiration-period": "86400" } }] },
        ] });
        let policies = json!({ "policies": [
            { "name": "elsewhere", "enabled": true, "profiles": ["other"] },
            { "name": "ours", "enabled": true, "profiles": ["rotates"], "conditions": conditions },
        ] });
        let profiles: Profiles = serde_json::from_value(profiles).unwrap();
        let policies: Policies = serde_json::from_value(policies).unwrap();
        rotating(&profiles.profiles, policies.policies)
    }

    /// Whether a confidential client with the role `marked` and the attribute `a=b` keeps two.
    fn keeps_two(conditions: &Value) -> Applies {
        let rotation = Rotation {
            feature: Feature::On,
            policies: policies(conditions),
        };
        rotation.keeps_two(&Marks {
            kind: &ClientKind::Confidential,
            roles: &BTreeSet::from(["marked".to_owned()]),
            attributes: &BTreeMap::from([("a".to_owned(), SecretString::from("b"))]),
        })
    }

    #[test]
    fn only_policies_with_the_executor_are_ours_to_know() {
        let day = Duration::from_hours(24);
        let found = policies(&json!([]));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&*found[0].name, found[0].lock_out_after, found[0].overlap),
            ("ours", Some(30 * day), Some(day))
        );
    }

    #[test]
    fn a_policy_applies_when_all_its_conditions_are_true() {
        let by_role =
            json!({ "condition": "client-roles", "configuration": { "roles": ["marked"] } });
        let by_other = json!({ "condition": "client-roles", "configuration": { "roles": ["x"] } });
        let by_kind = json!({ "condition": "client-access-type", "configuration": { "type": ["confidential"] } });
        let by_attribute = json!({ "condition": "client-attributes",
            "configuration": { "attributes": "[{\"key\":\"a\",\"value\":\"b\"}]" } });
        let unknown = json!({ "condition": "client-scopes", "configuration": {} });
        let not = json!({ "condition": "client-roles",
            "configuration": { "roles": ["marked"], "is-negative-logic": true } });
        for one in [&by_role, &by_kind, &by_attribute] {
            assert_eq!(keeps_two(&json!([one])), Applies::Yes, "{one}");
        }
        for some in [
            json!([]),
            json!([by_other]),
            json!([by_kind, by_other]),
            json!([not]),
        ] {
            assert_eq!(keeps_two(&some), Applies::No, "{some}");
        }
        assert_eq!(keeps_two(&json!([by_role, unknown])), Applies::Perhaps);
        assert_eq!(keeps_two(&json!([unknown, by_other])), Applies::No);
    }

    #[test]
    fn a_policy_for_every_confidential_client_is_told_apart() {
        let all = json!({ "condition": "client-access-type", "configuration": { "type": ["confidential"] } });
        let marked =
            json!({ "condition": "client-roles", "configuration": { "roles": ["marked"] } });
        assert!(policies(&json!([all]))[0].is_for_all());
        assert!(!policies(&json!([all, marked]))[0].is_for_all());
    }
}

//! One client of the realm, with its secrets, and how these are set.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::connection::{Call, Keycloak, Right, part};
use super::rotation::Marks;
use crate::action::{ActionError, Result};
use crate::domain::nearest;
use crate::domain::time::Timestamp;

/// How a client shows who it is by a secret.
const BY_SECRET: &str = "client-secret";

/// The attributes that Keycloak keeps a client's secrets and their times in, these in seconds.
const MADE_AT: &str = "client.secret.creation.time";
pub(super) const EXPIRES_AT: &str = "client.secret.expiration.time";
const ROTATED: &str = "client.secret.rotated";
const ROTATED_MADE_AT: &str = "client.secret.rotated.creation.time";
const ROTATED_EXPIRES_AT: &str = "client.secret.rotated.expiration.time";

/// A client.
#[allow(
    clippy::struct_field_names,
    reason = "`client_id` is what the protocol calls it"
)]
pub(super) struct Client {
    /// Keycloak's own id of it.
    pub(super) uuid: String,
    /// What it calls itself at a login.
    pub(super) client_id: String,
    pub(super) enabled: bool,
    pub(super) kind: ClientKind,
    pub(super) has_service_account: bool,
    /// People log in by it.
    pub(super) has_standard_flow: bool,
    /// How it shows who it is: `client-secret`, or another, as `client-jwt`, which uses none.
    pub(super) authenticator: String,
    pub(super) secrets: Secrets,
    /// What conditions of policies may ask for.
    pub(super) attributes: BTreeMap<String, SecretString>,
}

/// How a client logs in, if it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientKind {
    /// With a secret, or a key.
    Confidential,
    /// Without either.
    Public,
    /// It never logs in, and only takes tokens.
    BearerOnly,
    /// By another protocol than `OpenID` Connect: `saml`.
    Other(String),
}

impl ClientKind {
    /// In words, behind `is`.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Confidential => "confidential".to_owned(),
            Self::Public => "public, so it has no secret".to_owned(),
            Self::BearerOnly => "bearer-only, so it never logs in".to_owned(),
            Self::Other(protocol) => format!("one of {protocol}, and not of OpenID Connect"),
        }
    }
}

/// The secrets of a client.
pub(super) struct Secrets {
    /// Empty where the client has none.
    pub(super) current: SecretString,
    pub(super) made_at: Option<Timestamp>,
    /// From then on Keycloak refuses the client, because a policy says so.
    pub(super) expires_at: Option<Timestamp>,
    /// The one before it, as long as Keycloak keeps it.
    pub(super) rotated: Option<Rotated>,
}

/// A secret that has been replaced and may still be good.
pub(super) struct Rotated {
    pub(super) value: SecretString,
    /// Until then it is taken; without it, not at all.
    pub(super) expires_at: Option<Timestamp>,
}

/// What a client's secrets are to be.
pub(super) struct Pair<'a> {
    pub(super) current: &'a SecretString,
    pub(super) expires_at: Option<Timestamp>,
    /// Another that is to be taken too, and until when.
    pub(super) rotated: Option<(&'a SecretString, Timestamp)>,
}

/// A client as the admin API shows it.
#[allow(
    clippy::struct_excessive_bools,
    reason = "these are the admin API's fields"
)]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    id: String,
    client_id: String,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    public_client: bool,
    #[serde(default)]
    bearer_only: bool,
    #[serde(default)]
    service_accounts_enabled: bool,
    #[serde(default)]
    standard_flow_enabled: bool,
    protocol: Option<String>,
    client_authenticator_type: Option<String>,
    secret: Option<SecretString>,
    #[serde(default)]
    attributes: BTreeMap<String, Option<SecretString>>,
}

impl From<Shown> for Client {
    fn from(shown: Shown) -> Self {
        let kind = match shown.protocol.as_deref() {
            None | Some("openid-connect") if shown.bearer_only => ClientKind::BearerOnly,
            None | Some("openid-connect") if shown.public_client => ClientKind::Public,
            None | Some("openid-connect") => ClientKind::Confidential,
            Some(other) => ClientKind::Other(other.to_owned()),
        };
        let attributes = shown.attributes.into_iter();
        let mut attributes: BTreeMap<_, _> = attributes
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let rotated = attributes.remove(ROTATED);
        let at = |name| seconds(attributes.get(name)?);
        let rotated = rotated.filter(|value| !value.expose_secret().is_empty());
        let secrets = Secrets {
            current: shown.secret.unwrap_or_default(),
            made_at: at(MADE_AT),
            expires_at: at(EXPIRES_AT),
            rotated: rotated.map(|value| Rotated {
                value,
                expires_at: at(ROTATED_EXPIRES_AT),
            }),
        };
        let authenticator = shown.client_authenticator_type;
        Self {
            uuid: shown.id,
            client_id: shown.client_id,
            enabled: shown.enabled,
            kind,
            has_service_account: shown.service_accounts_enabled,
            has_standard_flow: shown.standard_flow_enabled,
            authenticator: authenticator.unwrap_or_else(|| BY_SECRET.to_owned()),
            secrets,
            attributes,
        }
    }
}

fn seconds(text: &SecretString) -> Option<Timestamp> {
    let seconds: i64 = text.expose_secret().parse().ok()?;
    let micros = seconds.checked_mul(1_000_000).filter(|at| *at > 0)?;
    Some(Timestamp::from_micros(micros))
}

fn as_seconds(at: Timestamp) -> Value {
    Value::String((at.micros() / 1_000_000).to_string())
}

impl Secrets {
    /// Whether Keycloak refuses the client, by whatever secret: the present one has become too old.
    pub(super) fn is_refused(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl Client {
    /// What conditions of policies look at.
    pub(super) fn marks<'a>(&'a self, roles: &'a BTreeSet<String>) -> Marks<'a> {
        Marks {
            kind: &self.kind,
            roles,
            attributes: &self.attributes,
        }
    }

    /// The types of events of its logins that go well, by how it may log in.
    pub(super) fn ways(&self) -> Vec<&'static str> {
        let all = [
            (self.has_service_account, "CLIENT_LOGIN"),
            (self.has_standard_flow, "CODE_TO_TOKEN"),
        ];
        let used = all.into_iter().filter(|(used, _)| *used);
        used.map(|(_, way)| way).collect()
    }

    /// Whether it logs in with a secret.
    pub(super) fn uses_secret(&self) -> bool {
        self.kind == ClientKind::Confidential && self.authenticator == BY_SECRET
    }
}

impl Pair<'_> {
    /// As the admin API takes it: what is not named stays as it is.
    fn body(&self, now: Timestamp) -> Value {
        let mut attributes = Map::new();
        let mut set = |name: &str, value| attributes.insert(name.to_owned(), value);
        set(MADE_AT, as_seconds(now));
        if let Some(at) = self.expires_at {
            set(EXPIRES_AT, as_seconds(at));
        }
        if let Some((value, until)) = self.rotated {
            set(ROTATED, value.expose_secret().into());
            set(ROTATED_MADE_AT, as_seconds(now));
            set(ROTATED_EXPIRES_AT, as_seconds(until));
        }
        serde_json::json!({ "secret": self.current.expose_secret(), "attributes": attributes })
    }
}

impl Keycloak {
    /// The client of this name. An unknown one names the nearest.
    pub(super) async fn client(&self, client_id: &str) -> Result<Client> {
        let what = format!("read the client `{client_id}`");
        let query = vec![("clientId", client_id.to_owned())];
        let call = Call::get(&what, Right::ViewClients, "clients").with_query(query);
        let shown: Vec<Shown> = self.look(&call).await?;
        let found = shown.into_iter().find(|one| one.client_id == client_id);
        let Some(found) = found else {
            return Err(self.no_client(client_id).await);
        };
        let client = Client::from(found);
        self.have_masked(&client.secrets.current);
        if let Some(rotated) = &client.secrets.rotated {
            self.have_masked(&rotated.value);
        }
        Ok(client)
    }

    async fn no_client(&self, client_id: &str) -> ActionError {
        let all = match self.clients().await {
            Ok(all) => all,
            Err(error) => return error,
        };
        let names = all.iter().map(|client| client.client_id.as_str());
        let unknown = nearest::unknown("client", client_id, names);
        let (name, realm) = (self.name(), self.realm());
        ActionError::fatal(format!("{name}: in the realm `{realm}`: {unknown}"))
    }

    /// Sets a client's secret, and another that is taken beside it, in one request that may be
    /// repeated. Keycloak keeps the other only where a policy with `secret-rotation` is in force for
    /// the client, and drops it without a word elsewhere: read it back.
    ///
    /// What `pair` leaves out stays as it is. An error of which the request may have landed says so.
    pub(super) async fn set_secrets(
        &self,
        uuid: &str,
        pair: &Pair<'_>,
        now: Timestamp,
    ) -> Result<()> {
        self.have_masked(pair.current);
        if let Some((rotated, _)) = pair.rotated {
            self.have_masked(rotated);
        }
        let path = format!("clients/{}", part(uuid));
        let call = Call::new(
            "set a client's secrets",
            Right::ManageClients,
            Method::PUT,
            path,
        );
        self.change(&call.with_body(pair.body(now))).await
    }

    /// Has the replaced secret refused from now on. It is fine when there is none.
    pub(super) async fn end_rotated(&self, uuid: &str) -> Result<()> {
        let path = format!("clients/{}/client-secret/rotated", part(uuid));
        let call = Call::new(
            "end a client's replaced secret",
            Right::ManageClients,
            Method::DELETE,
            path,
        );
        self.change(&call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: Value) -> Client {
        serde_json::from_value::<Shown>(json).unwrap().into()
    }

    #[test]
    fn what_a_client_shows_is_read_with_the_times_of_its_secrets() {
        let client = shown(serde_json::json!({
            "id": "u", "clientId": "shop", "enabled": true, "serviceAccountsEnabled": true,
            "clientAuthenticatorType": "client-secret", "secret": "new", "protocol": "openid-connect",
            "attributes": {
                MADE_AT: "1700000000", EXPIRES_AT: "1800000000", ROTATED: "old",
                ROTATED_EXPIRES_AT: "1750000000", "realm_client": "false", "other": null,
            },
        }));
        assert!(client.enabled && client.has_service_account && client.uses_secret());
        assert_eq!(client.ways(), ["CLIENT_LOGIN"]);
        assert_eq!(client.secrets.current.expose_secret(), "new");
        assert_eq!(
            client.secrets.expires_at.unwrap().to_string(),
            "2027-01-15T08:00:00Z"
        );
        let rotated = client.secrets.rotated.unwrap();
        assert_eq!(rotated.value.expose_secret(), "old");
        assert!(rotated.expires_at.is_some());
        assert_eq!(
            client.attributes.keys().collect::<Vec<_>>(),
            [MADE_AT, EXPIRES_AT, ROTATED_EXPIRES_AT, "realm_client"]
        );
    }

    #[test]
    fn clients_without_a_secret_are_told_apart() {
        let of = |more: Value| {
            let mut json = serde_json::json!({ "id": "u", "clientId": "a" });
            let more = more.as_object().unwrap().clone();
            json.as_object_mut().unwrap().extend(more);
            let client = shown(json);
            (client.kind.words(), client.uses_secret())
        };
        let yes_or_no = [
            of(serde_json::json!({})),
            of(serde_json::json!({ "publicClient": true })),
            of(serde_json::json!({ "bearerOnly": true, "secret": "x" })),
            of(serde_json::json!({ "protocol": "saml" })),
            of(serde_json::json!({ "clientAuthenticatorType": "client-jwt" })),
        ];
        insta::assert_debug_snapshot!(yes_or_no, @r#"
        [
            (
                "confidential",
                true,
            ),
            (
                "public, so it has no secret",
                false,
            ),
            (
                "bearer-only, so it never logs in",
                false,
            ),
            (
                "one of saml, and not of OpenID Connect",
                false,
            ),
            (
                "confidential",
                false,
            ),
        ]
        "#);
    }

    #[test]
    fn only_what_is_given_is_set() {
        let at = Timestamp::from_micros;
        let (new, old) = (SecretString::from("new"), SecretString::from("old"));
        let alone = Pair {
            current: &new,
            expires_at: None,
            rotated: None,
        };
        insta::assert_snapshot!(alone.body(at(5_900_000)), @r#"{"secret":"new","attributes":{"client.secret.creation.time":"5"}}"#);
        let both = Pair {
            expires_at: Some(at(9_000_000)),
            rotated: Some((&old, at(8_000_000))),
            ..alone
        };
        insta::assert_snapshot!(both.body(at(5_000_000)), @r#"{"secret":"new","attributes":{"client.secret.creation.time":"5","client.secret.expiration.time":"9","client.secret.rotated":"old","client.secret.rotated.creation.time":"5","client.secret.rotated.expiration.time":"8"}}"#);
    }
}

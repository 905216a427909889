//! A realm of its own for each story, in the stack's Keycloak, kept by a person at the admin API:
//! requests that are none of Purser's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::stack::variable;

/// The client attribute that [`Realm::keeps_two_secrets`] goes by.
pub const MARK: (&str, &str) = ("purser.rotates", "yes");

/// The administrator's tokens last a minute; this one is used for less.
const TOKEN_LASTS: Duration = Duration::from_secs(40);

/// A secret of which Keycloak knows until when it takes it.
#[derive(Clone, Copy, Debug)]
pub enum Expires {
    /// The present one; with it the client is locked out.
    Current,
    /// The one before it.
    Rotated,
}

impl Expires {
    fn attribute(self) -> &'static str {
        match self {
            Self::Current => "client.secret.expiration.time",
            Self::Rotated => "client.secret.rotated.expiration.time",
        }
    }
}

/// A realm that goes when the story ends well. All that happens in it is kept as events.
pub struct Realm {
    /// Its name, which no other test uses.
    pub name: String,
    keycloak: String,
    http: reqwest::Client,
    token: Mutex<Option<(String, Instant)>>,
}

/// Keycloak's address.
pub fn url() -> String {
    variable("PURSER_TEST_KEYCLOAK")
}

/// The address of whoever logs in from this machine itself, as Keycloak sees it: its own.
pub fn seen_from_here() -> String {
    let url = reqwest::Url::parse(&url()).unwrap();
    url.host_str().unwrap().to_owned()
}

impl Realm {
    /// A new one without clients of its own.
    pub async fn create() -> Self {
        Self::create_at(&url()).await
    }

    /// The same in another Keycloak than the stack's, with the same administrator.
    pub async fn create_at(keycloak: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let realm = Self {
            name: format!("test-{}", uuid::Uuid::now_v7().simple()),
            keycloak: keycloak.to_owned(),
            http: reqwest::Client::new(),
            token: Mutex::default(),
        };
        // Keys as long as Keycloak's own take it seconds to find.
        let keys = json!({
            "name": "short",
            "providerId": "rsa-generated",
            "config": { "keySize": ["1024"], "priority": ["100"] },
        });
        let settings = json!({
            "realm": realm.name,
            "enabled": true,
            "eventsEnabled": true,
            "adminEventsEnabled": true,
            "adminEventsDetailsEnabled": true,
            "components": { "org.keycloak.keys.KeyProvider": [keys] },
        });
        let (status, said) = realm
            .ask(Method::POST, "/admin/realms", Some(&settings))
            .await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        realm
    }

    /// Where its clients get their tokens.
    pub fn token_url(&self) -> String {
        self.token_url_of(&self.name)
    }

    /// Makes a confidential client that logs in as itself; returns its secret.
    pub async fn client(&self, id: &str) -> String {
        self.client_with(json!({
            "clientId": id,
            "publicClient": false,
            "serviceAccountsEnabled": true,
            "standardFlowEnabled": false,
        }))
        .await;
        self.secret(id).await
    }

    /// Makes a client without a secret.
    pub async fn public_client(&self, id: &str) {
        self.client_with(json!({ "clientId": id, "publicClient": true }))
            .await;
    }

    /// Makes a client that never logs in.
    pub async fn bearer_only_client(&self, id: &str) {
        self.client_with(json!({ "clientId": id, "bearerOnly": true }))
            .await;
    }

    /// Makes a client of this representation.
    pub async fn client_with(&self, representation: Value) {
        self.post("/clients", &representation).await;
    }

    /// Makes a client whose service account has these roles of `realm-management`, as Purser is given
    /// one; returns its secret.
    pub async fn administrator(&self, id: &str, roles: &[&str]) -> String {
        let secret = self.client(id).await;
        let path = format!("/clients/{}/service-account-user", self.uuid(id).await);
        let account = text(&self.get(&path).await["id"]);
        let management = self.uuid("realm-management").await;
        let mut granted = Vec::new();
        for role in roles {
            let path = format!("/clients/{management}/roles/{role}");
            granted.push(self.get(&path).await);
        }
        let path = format!("/users/{account}/role-mappings/clients/{management}");
        self.post(&path, &granted.into()).await;
        secret
    }

    /// From now on a client with the attribute [`MARK`] keeps its old secret for a day beside a new
    /// one.
    pub async fn keeps_two_secrets(&self) {
        self.keeps_two_secrets_for(30 * 86_400, 86_400).await;
    }

    /// The same; a secret expires after so many seconds, and an old one after these.
    pub async fn keeps_two_secrets_for(&self, expires: u32, old_expires: u32) {
        let executor = json!({
            "executor": "secret-rotation",
            "configuration": {
                "expiration-period": expires,
                "rotated-expiration-period": old_expires,
                "remaining-rotation-period": old_expires,
            },
        });
        let profiles = json!({ "profiles": [{ "name": "rotates", "executors": [executor] }] });
        self.put("/client-policies/profiles", &profiles).await;
        let attributes = json!([{ "key": MARK.0, "value": MARK.1 }]).to_string();
        let condition = json!({
            "condition": "client-attributes",
            "configuration": { "attributes": attributes },
        });
        let policy = json!({
            "name": "rotates",
            "enabled": true,
            "conditions": [condition],
            "profiles": ["rotates"],
        });
        let policies = json!({ "policies": [policy] });
        self.put("/client-policies/policies", &policies).await;
    }

    /// From now on nobody can see who logs in.
    pub async fn records_no_logins(&self) {
        self.put("/events/config", &json!({ "eventsEnabled": false }))
            .await;
    }

    /// Gives a client the attribute [`MARK`].
    pub async fn mark(&self, id: &str) {
        let mut client = self.representation(id).await;
        client["attributes"][MARK.0] = MARK.1.into();
        self.put(&self.path_of(id).await, &client).await;
    }

    /// A client as the admin API shows it, secrets included.
    pub async fn representation(&self, id: &str) -> Value {
        self.get(&self.path_of(id).await).await
    }

    /// A client's secret.
    pub async fn secret(&self, id: &str) -> String {
        let path = format!("{}/client-secret", self.path_of(id).await);
        text(&self.get(&path).await["value"])
    }

    /// A client's old secret, if one lives on.
    pub async fn rotated(&self, id: &str) -> Option<String> {
        let path = format!("{}/client-secret/rotated", self.path_of(id).await);
        match self.ask_here(Method::GET, &path, None).await {
            (StatusCode::NOT_FOUND, _) => None,
            (StatusCode::OK, body) => Some(text(&body["value"])),
            (status, body) => panic!("GET {path}: {status} {body}"),
        }
    }

    /// Has Keycloak draw a new secret, and returns it.
    pub async fn rotate(&self, id: &str) -> String {
        let path = format!("{}/client-secret", self.path_of(id).await);
        let (status, body) = self.ask_here(Method::POST, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        text(&body["value"])
    }

    /// Sets a secret as a person does in the admin console: with all else that the page showed.
    pub async fn set_secret(&self, id: &str, secret: &str) {
        let mut client = self.representation(id).await;
        client["secret"] = secret.into();
        self.put(&self.path_of(id).await, &client).await;
    }

    /// Ends the old secret.
    pub async fn revoke_rotated(&self, id: &str) {
        let path = format!("{}/client-secret/rotated", self.path_of(id).await);
        let (status, body) = self.ask_here(Method::DELETE, &path, None).await;
        assert!(status.is_success(), "{status} {body}");
    }

    /// Has a client's secret, or its old one, expire in so many seconds, as if its time had come.
    pub async fn expires(&self, id: &str, which: Expires, seconds: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let at = (now.as_secs() + seconds).to_string();
        let attributes = json!({ which.attribute(): at });
        self.alter(id, json!({ "attributes": attributes })).await;
    }

    /// Changes these fields of a client; others stay.
    pub async fn alter(&self, id: &str, fields: Value) {
        self.put(&self.path_of(id).await, &fields).await;
    }

    /// From now on it records these types of events and no others.
    pub async fn records(&self, types: &[&str]) {
        let config = json!({ "eventsEnabled": !types.is_empty(), "enabledEventTypes": types });
        self.put("/events/config", &config).await;
    }

    /// The newest events of this type (`CLIENT_LOGIN`, `CLIENT_LOGIN_ERROR`) of a client.
    pub async fn events(&self, id: &str, kind: &str) -> Vec<Value> {
        let id = escaped(id);
        self.list(&format!("/events?client={id}&type={kind}&max=1000"))
            .await
    }

    /// What administrators did, the newest first.
    pub async fn admin_events(&self) -> Vec<Value> {
        self.list("/admin-events?max=1000").await
    }

    /// Whether Keycloak takes this secret of a client.
    pub async fn logs_in(&self, id: &str, secret: &str) -> bool {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            escaped(id),
            escaped(secret)
        );
        match self.post_form(&self.name, form).await {
            (StatusCode::OK, _) => true,
            (StatusCode::UNAUTHORIZED, _) => false,
            (status, body) => panic!("{status} {body}"),
        }
    }

    /// A client asks for a token in this way; whatever comes of it.
    pub async fn asks_for_a_token(&self, id: &str, secret: &str, grant: &str) {
        let (id, secret) = (escaped(id), escaped(secret));
        let form = format!("grant_type={grant}&client_id={id}&client_secret={secret}");
        self.post_form(&self.name, form).await;
    }

    /// Removes it and all that is in it.
    pub async fn remove(self) {
        let path = format!("/admin/realms/{}", self.name);
        let (status, body) = self.ask(Method::DELETE, &path, None).await;
        assert!(status.is_success(), "{status} {body}");
    }

    /// The id that Keycloak itself has given to a client.
    pub async fn uuid(&self, id: &str) -> String {
        let path = format!("/clients?clientId={}", escaped(id));
        text(&self.get(&path).await[0]["id"])
    }

    async fn path_of(&self, id: &str) -> String {
        format!("/clients/{}", self.uuid(id).await)
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let listed = self.get(path).await;
        listed.as_array().expect("a list").clone()
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask_here(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "GET {path}: {body}");
        body
    }

    async fn put(&self, path: &str, body: &Value) {
        let (status, said) = self.ask_here(Method::PUT, path, Some(body)).await;
        assert!(status.is_success(), "PUT {path}: {status} {said}");
    }

    async fn post(&self, path: &str, body: &Value) {
        let (status, said) = self.ask_here(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "POST {path}: {status} {said}");
    }

    /// Asks the admin API for a path of this realm.
    pub async fn ask_here(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let path = format!("/admin/realms/{}{path}", self.name);
        self.ask(method, &path, body).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.keycloak);
        let request = self
            .http
            .request(method, url)
            .bearer_auth(self.token().await);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        read(request.send().await.unwrap()).await
    }

    /// A token of the administrator's.
    async fn token(&self) -> String {
        let mut kept = self.token.lock().await;
        if let Some((token, since)) = kept.as_ref()
            && since.elapsed() < TOKEN_LASTS
        {
            return token.clone();
        }
        let form = format!(
            "grant_type=password&client_id=admin-cli&username={}&password={}",
            variable("PURSER_TEST_KEYCLOAK_ADMIN"),
            variable("PURSER_TEST_KEYCLOAK_PASSWORD")
        );
        let asked = Instant::now();
        let (status, body) = self.post_form("master", form).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let token = text(&body["access_token"]);
        *kept = Some((token.clone(), asked));
        token
    }

    fn token_url_of(&self, realm: &str) -> String {
        format!(
            "{}/realms/{realm}/protocol/openid-connect/token",
            self.keycloak
        )
    }

    async fn post_form(&self, realm: &str, form: String) -> (StatusCode, Value) {
        let request = self
            .http
            .post(self.token_url_of(realm))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        read(request.send().await.unwrap()).await
    }
}

/// Status and body; one that is no JSON as a text.
async fn read(answer: reqwest::Response) -> (StatusCode, Value) {
    let status = answer.status();
    let body = answer.text().await.unwrap();
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    (status, body)
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

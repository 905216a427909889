//! A realm, kept by an administrator: requests that are none of Purser's.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use xtask::exchange::{Request, exchange};

use super::logins::Login;
use crate::stack::parts::keycloak::{ADDRESS, ADMIN, password};
use crate::stack::places::Places;

/// The administrator's tokens last a minute; each is used for less.
const TOKEN_LASTS: Duration = Duration::from_secs(40);
const PATIENCE: Duration = Duration::from_secs(30);
/// What Purser's own client may.
const ROLES: [&str; 4] = [
    "view-clients",
    "manage-clients",
    "view-events",
    "view-realm",
];
/// The attribute of clients that keep two secrets.
const MARK: (&str, &str) = ("purser.rotates", "yes");
const DAY: u32 = 86_400;
/// So many events are asked for at a time.
const PAGE: usize = 1000;

/// Keycloak's address.
pub(crate) fn url() -> String {
    format!("http://{ADDRESS}")
}

/// A realm that goes with this.
pub(crate) struct Realm<'a> {
    places: &'a Places,
    pub(crate) name: String,
    token: Mutex<Option<(String, Instant)>>,
}

impl<'a> Realm<'a> {
    /// A new one, in place of what an earlier one of this name has left.
    pub(crate) fn create(places: &'a Places, name: &str) -> Result<Self> {
        let realm = Self {
            places,
            name: name.to_owned(),
            token: Mutex::default(),
        };
        realm.remove()?;
        let settings = json!({
            "realm": name,
            "enabled": true,
            "eventsEnabled": true,
        });
        realm.asks("POST", "/admin/realms", Some(&settings))?;
        Ok(realm)
    }

    /// Where its clients get their tokens.
    pub(crate) fn token_url(&self) -> String {
        format!("{}{}", url(), token_path(&self.name))
    }

    /// Makes a confidential client that logs in as itself; its secret.
    pub(crate) fn client(&self, id: &str) -> Result<String> {
        let client = json!({
            "clientId": id,
            "publicClient": false,
            "serviceAccountsEnabled": true,
            "standardFlowEnabled": false,
        });
        self.post("/clients", &client)?;
        self.secret(id)
    }

    /// Makes a client that may do what Purser needs; its secret.
    pub(crate) fn administrator(&self, id: &str) -> Result<String> {
        let secret = self.client(id)?;
        let path = format!("{}/service-account-user", self.path_of(id)?);
        let account = text(&self.get(&path)?["id"])?;
        let management = self.uuid("realm-management")?;
        let mut granted = Vec::new();
        for role in ROLES {
            granted.push(self.get(&format!("/clients/{management}/roles/{role}"))?);
        }
        let path = format!("/users/{account}/role-mappings/clients/{management}");
        self.post(&path, &granted.into())?;
        Ok(secret)
    }

    /// From now on a client keeps its old secret for a day beside a new one, if it [has the
    /// mark](Self::mark).
    pub(crate) fn keeps_two_secrets(&self) -> Result<()> {
        let executor = json!({
            "executor": "secret-rotation",
            "configuration": {
                "expiration-period": 30 * DAY,
                "rotated-expiration-period": DAY,
                "remaining-rotation-period": DAY,
            },
        });
        let profiles = json!({ "profiles": [{ "name": "rotates", "executors": [executor] }] });
        self.put("/client-policies/profiles", &profiles)?;
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
        self.put(
            "/client-policies/policies",
            &json!({ "policies": [policy] }),
        )
    }

    /// Has this client keep two secrets.
    pub(crate) fn mark(&self, id: &str) -> Result<()> {
        let path = self.path_of(id)?;
        let mut client = self.get(&path)?;
        client["attributes"][MARK.0] = MARK.1.into();
        self.put(&path, &client)
    }

    /// A client's secret.
    pub(crate) fn secret(&self, id: &str) -> Result<String> {
        let path = format!("{}/client-secret", self.path_of(id)?);
        text(&self.get(&path)?["value"])
    }

    /// Whether a client's secret of before is kept.
    pub(crate) fn keeps_rotated(&self, id: &str) -> Result<bool> {
        let path = format!(
            "/admin/realms/{}{}/client-secret/rotated",
            self.name,
            self.path_of(id)?
        );
        match self.ask("GET", &path, None)? {
            (404, _) => Ok(false),
            (200, _) => Ok(true),
            (status, said) => bail!("GET {path}: {status} {said}"),
        }
    }

    /// Whether a client is let in by this secret.
    pub(crate) fn accepts(&self, id: &str, secret: &str) -> Result<bool> {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        match post_form(&self.name, &form)? {
            (200, _) => Ok(true),
            (401, _) => Ok(false),
            (status, said) => bail!("a login of {id}: {status} {said}"),
        }
    }

    /// The logins of a client since then, in milliseconds of the epoch; those alone that were refused,
    /// where only these are wanted. The oldest first.
    pub(crate) fn logins(&self, id: &str, since: u64, only_refused: bool) -> Result<Vec<Login>> {
        let types = if only_refused {
            "type=CLIENT_LOGIN_ERROR"
        } else {
            "type=CLIENT_LOGIN&type=CLIENT_LOGIN_ERROR"
        };
        let mut found: Vec<Login> = Vec::new();
        for first in (0..).step_by(PAGE) {
            let path = format!("/events?client={id}&{types}&first={first}&max={PAGE}");
            let page = self.get(&path)?;
            let page = page.as_array().context("the events are no list")?;
            let logins = page.iter().map(Login::of).collect::<Result<Vec<_>>>()?;
            let is_last = logins.len() < PAGE || logins.iter().any(|login| login.at < since);
            found.extend(logins);
            if is_last {
                break;
            }
        }
        found.retain(|login| login.at >= since);
        // New ones that come meanwhile move the others from page to page.
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn uuid(&self, id: &str) -> Result<String> {
        text(&self.get(&format!("/clients?clientId={id}"))?[0]["id"])
    }

    fn path_of(&self, id: &str) -> Result<String> {
        Ok(format!("/clients/{}", self.uuid(id)?))
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.asks("GET", &format!("/admin/realms/{}{path}", self.name), None)
    }

    fn put(&self, path: &str, body: &Value) -> Result<()> {
        let path = format!("/admin/realms/{}{path}", self.name);
        self.asks("PUT", &path, Some(body)).map(drop)
    }

    fn post(&self, path: &str, body: &Value) -> Result<()> {
        let path = format!("/admin/realms/{}{path}", self.name);
        self.asks("POST", &path, Some(body)).map(drop)
    }

    fn remove(&self) -> Result<()> {
        let path = format!("/admin/realms/{}", self.name);
        match self.ask("DELETE", &path, None)? {
            (204 | 404, _) => Ok(()),
            (status, said) => bail!("DELETE {path}: {status} {said}"),
        }
    }

    /// What it answers, if that is well.
    fn asks(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, said) = self.ask(method, path, body)?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path}: {status} {said}"
        );
        Ok(serde_json::from_str(&said).unwrap_or_default())
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String)> {
        let bearer = format!("Bearer {}", self.token()?);
        let body = body.map(Value::to_string).unwrap_or_default();
        send(&Request {
            method,
            path,
            headers: &[
                ("Authorization", &bearer),
                ("Content-Type", "application/json"),
            ],
            body: &body,
        })
    }

    fn token(&self) -> Result<String> {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, since)) = kept.as_ref()
            && since.elapsed() < TOKEN_LASTS
        {
            return Ok(token.clone());
        }
        let password = password(self.places)?;
        let form =
            format!("grant_type=password&client_id=admin-cli&username={ADMIN}&password={password}");
        let asked = Instant::now();
        let (status, said) = post_form("master", &form)?;
        ensure!(status == 200, "the administrator's login: {status} {said}");
        let said: Value = serde_json::from_str(&said)?;
        let token = text(&said["access_token"])?;
        *kept = Some((token.clone(), asked));
        Ok(token)
    }
}

impl Drop for Realm<'_> {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// The address from which this program logs in, as Keycloak sees it: its own.
pub(crate) fn seen_from_here() -> Ipv4Addr {
    *ADDRESS.ip()
}

fn token_path(realm: &str) -> String {
    format!("/realms/{realm}/protocol/openid-connect/token")
}

fn post_form(realm: &str, form: &str) -> Result<(u16, String)> {
    send(&Request {
        method: "POST",
        path: &token_path(realm),
        headers: &[("Content-Type", "application/x-www-form-urlencoded")],
        body: form,
    })
}

fn send(request: &Request) -> Result<(u16, String)> {
    let stream = TcpStream::connect(ADDRESS).context("Keycloak takes no calls")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(stream, &ADDRESS.to_string(), request)
        .with_context(|| format!("Keycloak: {} {}", request.method, request.path))
}

fn text(value: &Value) -> Result<String> {
    let text = value.as_str();
    Ok(text
        .with_context(|| format!("no text, but {value}"))?
        .to_owned())
}

//! What Purser's own token says: the roles of its client, and what time it is there.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::connection::{Keycloak, Right};
use crate::action::{Clock, ClockReading, Result};
use crate::domain::time::Timestamp;

impl Right {
    /// The roles that give it, the least first.
    fn roles(self) -> &'static [&'static str] {
        match self {
            Self::ViewClients => &["view-clients", "manage-clients"],
            Self::ManageClients => &["manage-clients"],
            Self::ViewEvents => &["view-events", "manage-events"],
            Self::ViewRealm => &["view-realm", "manage-realm"],
            Self::ManageRealm => &["manage-realm"],
        }
    }
}

impl Keycloak {
    /// Which of these rights its service account lacks; `None` when the token does not say which it has.
    pub(super) async fn lacks(&self, wanted: &[Right]) -> Result<Option<Vec<Right>>> {
        let token = self.token("read its own rights", None).await?;
        let Some(roles) = roles_in(&token, &self.roles_client()) else {
            return Ok(None);
        };
        let has = |right: &Right| right.roles().iter().any(|role| roles.contains(*role));
        let lacking = wanted.iter().filter(|right| !has(right));
        Ok(Some(lacking.copied().collect()))
    }

    /// Its clock, beside ours: its answers have no `Date`, but a token says when it was made.
    pub(super) async fn now_there(&self, clock: &dyn Clock) -> Option<ClockReading> {
        let before = clock.now();
        let token = self.new_token("look at its clock").await.ok()?;
        let after = clock.now();
        let seconds = claims_of(&token)?.get("iat")?.as_i64()?;
        Some(ClockReading {
            before,
            theirs: Timestamp::from_micros(seconds.checked_mul(1_000_000)?),
            after,
            coarse: Duration::from_secs(1),
        })
    }
}

/// The roles of a client that a token gives; `None` of a token that is not made to be read.
fn roles_in(token: &SecretString, client: &str) -> Option<BTreeSet<String>> {
    let claims = claims_of(token)?;
    let of_all = claims.get("resource_access")?;
    let roles = of_all[client]["roles"].as_array();
    let roles = roles.into_iter().flatten().filter_map(Value::as_str);
    Some(roles.map(str::to_owned).collect())
}

fn claims_of(token: &SecretString) -> Option<Value> {
    let claims = token.expose_secret().split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&claims).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(claims: &Value) -> Option<BTreeSet<String>> {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        let token = SecretString::from(format!("head.{claims}.signature"));
        roles_in(&token, "realm-management")
    }

    #[test]
    fn the_roles_of_the_one_client_are_read_from_a_token() {
        let claims = serde_json::json!({ "resource_access": {
            "account": { "roles": ["view-profile"] },
            "realm-management": { "roles": ["view-clients", "query-clients"] },
        } });
        let both = ["query-clients", "view-clients"].map(str::to_owned);
        assert_eq!(roles(&claims), Some(both.into()));
        let of_others = serde_json::json!({ "resource_access": { "account": {} } });
        assert_eq!(roles(&of_others), Some([].into()));
    }

    #[test]
    fn a_token_that_names_no_roles_says_nothing() {
        assert_eq!(roles(&serde_json::json!({ "sub": "x" })), None);
        assert_eq!(roles_in(&"opaque".into(), "realm-management"), None);
        assert_eq!(roles_in(&"a.?.c".into(), "realm-management"), None);
    }
}

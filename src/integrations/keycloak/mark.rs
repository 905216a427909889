//! An instant by the realm's own clock, to the millisecond: that of a login whose token is known.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::connection::Keycloak;
use crate::domain::time::Timestamp;

/// What stands in the middle of a token.
#[derive(Deserialize)]
struct Claims {
    jti: String,
}

/// The id of a token, by which the event of its login is known.
pub(super) fn id_of(token: &SecretString) -> Option<String> {
    let claims = token.expose_secret().split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Some(claims.jti)
}

impl Keycloak {
    /// When somebody has logged in as this client with the token of this id.
    pub(super) async fn login_of(
        &self,
        client_id: &str,
        token: &str,
    ) -> crate::action::Result<Option<Timestamp>> {
        let logins = self.newest_logins(client_id).await?;
        let mut its = logins
            .into_iter()
            .filter(|(id, _)| id.as_deref() == Some(token));
        Ok(its.next().map(|(_, login)| login.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_an_id_in_its_middle() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":1,"jti":"trrtcc:0c9d"}"#);
        let token = format!("e30.{claims}.c2ln");
        assert_eq!(id_of(&token.into()).as_deref(), Some("trrtcc:0c9d"));
        for other in ["", "opaque", "a.b.c", "a.e30.c"] {
            assert_eq!(id_of(&other.into()), None, "{other}");
        }
    }
}

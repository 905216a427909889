//! The login for a registry that comes with a call: understood, and written anew.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::json;
use super::rules::{Facts, Judge, Refusal, Rules};
use super::shape::{Shape, admit};

/// Where it stands.
pub(super) const HEADER: &str = "x-registry-auth";

/// No login is longer, in bytes of its header.
const LONGEST: usize = 16 * 1024;

const TOKEN: Shape = Shape::Unset("Purser logs in by name and password");

const LOGIN: Shape = Shape::Object(&[
    ("username", Shape::Text),
    ("password", Shape::Text),
    ("serveraddress", Shape::Text),
    ("email", TOKEN),
    ("auth", TOKEN),
    ("identitytoken", TOKEN),
    ("registrytoken", TOKEN),
]);

/// The header as it is forwarded. Nothing that is said of it shows any of its texts.
///
/// # Errors
/// It is no login by name and password.
pub(super) fn admit_login(header: &HeaderValue, rules: &Rules) -> Result<HeaderValue, Refusal> {
    let garbled = || Refusal::garbled("its login for a registry is not plain");
    if header.len() > LONGEST {
        return Err(garbled());
    }
    let read = URL_SAFE.decode(header.as_bytes()).map_err(|_| garbled())?;
    let value = json::parse(&read).map_err(|_| garbled())?;
    let facts = Facts::default();
    let judge = Judge {
        rules,
        facts: &facts,
    };
    let login = admit(value, LOGIN, "", &judge)?;
    let mut written =
        HeaderValue::try_from(URL_SAFE.encode(login.to_string())).map_err(|_| garbled())?;
    written.set_sensitive(true);
    Ok(written)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn admitted(login: &Value) -> Result<Value, String> {
        let header = HeaderValue::try_from(URL_SAFE.encode(login.to_string())).unwrap();
        let written = admit_login(&header, &Rules::default()).map_err(|why| why.to_string())?;
        let read = URL_SAFE.decode(written.as_bytes()).unwrap();
        Ok(serde_json::from_slice(&read).unwrap())
    }

    #[test]
    fn a_name_and_a_password_go_through_and_nothing_else() {
        let plain =
            json!({ "username": "ann", "password": "?>~?>~", "serveraddress": "r.example" });
        assert_eq!(admitted(&plain).unwrap(), plain);
        let mut with_nothing = plain.clone();
        with_nothing["auth"] = Value::Null;
        with_nothing["email"] = Value::Null;
        assert_eq!(admitted(&with_nothing).unwrap(), plain);
        for strange in [
            json!({ "username": "ann", "identitytoken": "a-secret" }),
            json!({ "username": ["a-secret"] }),
            json!({ "username": "ann", "more": "a-secret" }),
            json!(["a-secret"]),
        ] {
            let why = admitted(&strange).unwrap_err();
            assert!(!why.contains("a-secret"), "{why}");
        }
        let header = HeaderValue::from_static("{\"username\":\"ann\"}");
        assert!(admit_login(&header, &Rules::default()).is_err());
    }
}

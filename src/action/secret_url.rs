//! An address that often is all the secret that there is: whoever knows it may use it.

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::domain::redact::Redactor;

/// Parts of an address that are at least as long are secrets by themselves, in characters: `hooks`
/// and `services` are none.
const SECRET_PART: usize = 16;

/// The address of another program, read once. Nothing that is made of it for people shows it.
#[derive(Clone)]
pub struct SecretUrl {
    url: Url,
    own: Arc<Redactor>,
}

/// What a text is that is no such address; it is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address that begins with http:// or https://")]
pub struct NoSecretUrl;

impl SecretUrl {
    /// From its text, which may have spaces around it.
    ///
    /// # Errors
    /// It is none; this does not show it.
    pub fn parse(text: &str) -> Result<Self, NoSecretUrl> {
        let url = Url::parse(text.trim()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = url else {
            return Err(NoSecretUrl);
        };
        let own = Arc::new(Redactor::new());
        learn(&own, text, &url);
        Ok(Self { url, own })
    }

    /// To send something there.
    pub fn expose(&self) -> &Url {
        &self.url
    }

    /// Whose it is.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// What whoever listens there has said, without the address and its parts. To be done before
    /// anything is cut off: half of a secret is not known for one.
    pub fn hidden_in(&self, said: &str) -> String {
        self.own.text(said)
    }

    /// Has it masked from now on, and its parts.
    pub fn have_masked(&self, redactor: &Redactor) {
        learn(redactor, self.url.as_str(), &self.url);
    }
}

/// Servers name what they were asked for in many ways: all of it, the path with or without the
/// query, or a part of it, as it was sent or decoded.
fn learn(redactor: &Redactor, text: &str, url: &Url) {
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    for whole in [text, url.as_str(), path, &format!("{path}?{query}")] {
        redactor.learn(whole);
    }
    let values = query.split('&').map(|pair| pair.split_once('='));
    let values = values.map(|pair| pair.map_or("", |(_, value)| value));
    for part in path.split('/').chain([query]).chain(values) {
        if part.chars().count() >= SECRET_PART {
            redactor.learn(part);
            redactor.learn(&percent_decode_str(part).decode_utf8_lossy());
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_a_server_names_it_it_is_hidden() {
        let url = "https://ann:pass-word@hooks.example/services/T0/a%2Flong%20secret%20part?key=an-other-long-one&n=1";
        let address = SecretUrl::parse(url).unwrap();
        for said in [
            url,
            "/services/T0/a%2Flong%20secret%20part?key=an-other-long-one&n=1",
            "/services/T0/a%2Flong%20secret%20part",
            "a/long secret part",
            "an-other-long-one",
            "pass-word",
        ] {
            assert_eq!(address.hidden_in(said), "[secret]", "{said}");
            let redactor = Redactor::new();
            address.have_masked(&redactor);
            assert_eq!(redactor.text(said), "[secret]", "{said}");
        }
        assert_eq!(address.hidden_in("services of n=1"), "services of n=1");
        assert_eq!(
            format!("{address:?} {}", address.host()),
            "SecretUrl hooks.example"
        );
    }

    #[test]
    fn what_is_no_address_is_not_shown() {
        for text in [
            "",
            "hooks.example/a",
            "ftp://hooks.example",
            "https://",
            "unix:/run/x",
        ] {
            let why = SecretUrl::parse(text).unwrap_err().to_string();
            assert_eq!(why, "no address that begins with http:// or https://");
        }
    }
}

//! Failures of a Keycloak in words for people, and whether a change may have happened.

use reqwest::Method;
use serde::Deserialize;

use super::connection::{Answer, Call, Keycloak, Right};
use crate::action::ActionError;
use crate::domain::cause::innermost;

/// More of its own words are not shown, in characters.
const MOST_WORDS: usize = 200;

/// Why there is no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection could be made: nothing was sent.
    Unreachable(String),
    /// It is not known whom a connection would be to: nothing was sent.
    Untrusted(String),
    /// It gave no answer in time.
    TooSlow,
    /// The connection broke before the end of the answer.
    Broken(String),
    /// It cannot answer at present: this is what it said.
    NotNow(String),
    /// It sends on to another address, which is not followed.
    Elsewhere(String),
    /// An answer that is none of Keycloak's.
    Garbled(String),
}

impl Trouble {
    pub(super) fn no_answer(error: &reqwest::Error) -> Self {
        let text = innermost(error);
        if error.is_connect() || error.is_builder() {
            let is_tls = [
                "certificate",
                "received corrupt message",
                "TLS",
                "HandshakeFailure",
            ];
            if is_tls.iter().any(|word| text.contains(word)) {
                Self::Untrusted(text)
            } else {
                Self::Unreachable(text)
            }
        } else if error.is_timeout() {
            Self::TooSlow
        } else {
            Self::Broken(text)
        }
    }

    /// Of an answer that says nothing about what was asked.
    pub(super) fn of(answer: &Answer) -> Self {
        match (answer.status, &answer.location) {
            (300..=399, Some(to)) => Self::Elsewhere(to.clone()),
            (408 | 425 | 429 | 500.., _) => Self::NotNow(told(answer)),
            _ => Self::Garbled(told(answer)),
        }
    }

    /// Whether a change that was sent may have happened.
    fn may_have_landed(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Untrusted(_) | Self::Elsewhere(_) => false,
            Self::TooSlow | Self::Broken(_) | Self::NotNow(_) | Self::Garbled(_) => true,
        }
    }
}

/// What to do so that a server is trusted, by what rustls says of its certificate.
fn for_trust(why: &str, setting: &str) -> String {
    let says = |word: &str| why.contains(word);
    if says("UnknownIssuer") {
        "have this machine trust the authority that has issued its certificate (`update-ca-certificates`), or \
         start Purser with `SSL_CERT_FILE`, a file with the authorities that it is to trust"
            .to_owned()
    } else if says("not valid for name") || says("NotValidForName") {
        format!("correct {setting}, or have a certificate issued to it for that name")
    } else if says("expired") {
        "renew its certificate, and see that this machine's clock is right".to_owned()
    } else {
        format!("see to its certificate and that {setting} is right")
    }
}

/// The status of an answer, and Keycloak's own words for it, which hold no secret.
pub(super) fn told(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Words {
        #[serde(alias = "errorMessage")]
        error: Option<String>,
        error_description: Option<String>,
    }
    let words = serde_json::from_slice::<Words>(&answer.body).ok();
    let words = words.and_then(|words| words.error_description.or(words.error));
    let status = answer.status;
    match words.filter(|words| !words.starts_with("HTTP ") && !words.is_empty()) {
        Some(words) => {
            let words: String = words.chars().take(MOST_WORDS).collect();
            format!("{status}: {words}")
        }
        None => format!("status {status}"),
    }
}

impl Keycloak {
    /// Of a call that got no answer.
    pub(super) fn explain(&self, call: &Call<'_>, trouble: Trouble) -> ActionError {
        let is_change = call.method != Method::GET;
        let may_have_landed = is_change && trouble.may_have_landed();
        let mut error = self.explain_login(call.what, trouble);
        if may_have_landed {
            error.message.push_str(". It may have happened");
            error.may_have_landed()
        } else {
            if is_change {
                error.message.push_str(". Nothing was changed");
            }
            error
        }
    }

    /// The same of a login, which changes nothing.
    pub(super) fn explain_login(&self, what: &str, trouble: Trouble) -> ActionError {
        let (name, url) = (self.name(), self.url());
        let setting = format!("the `url` in [systems.{name}]");
        let (can_be_retried, why) = match trouble {
            Trouble::Unreachable(why) => (
                true,
                format!(
                    "nothing answers at {url} ({why}); see that it runs and that {setting} is right"
                ),
            ),
            Trouble::Untrusted(why) => (
                false,
                format!(
                    "no safe connection to {url} can be made ({why}); {}",
                    for_trust(&why, &setting)
                ),
            ),
            Trouble::TooSlow => (
                true,
                format!(
                    "no answer within {}; see its log, or raise `timeout` in [systems.{name}]",
                    self.settings().timeout
                ),
            ),
            Trouble::Broken(why) => (
                true,
                format!(
                    "{url} gave no whole answer ({why}); see its log, or that of the proxy before it"
                ),
            ),
            Trouble::NotNow(why) => (
                true,
                format!("it cannot answer at present ({why}); see its log, and try again"),
            ),
            Trouble::Elsewhere(to) => (
                false,
                format!("{url} sends on to {to}, and Purser does not follow; correct {setting}"),
            ),
            Trouble::Garbled(why) => (
                false,
                format!(
                    "{url} does not answer as Keycloak does ({why}); see that {setting} is right, with the \
                     path if it has one"
                ),
            ),
        };
        let message = format!("{name}: cannot {what}: {why}");
        if can_be_retried {
            ActionError::retryable(message)
        } else {
            ActionError::fatal(message)
        }
    }

    /// Of a call that was answered otherwise than it should be.
    pub(super) fn refused(&self, call: &Call<'_>, answer: &Answer) -> ActionError {
        let (name, what, told) = (self.name(), call.what, told(answer));
        let nothing = match call.method {
            Method::GET => "",
            _ => ". Nothing was changed",
        };
        let fatal =
            |why: String| ActionError::fatal(format!("{name}: cannot {what}: {why}{nothing}"));
        match answer.status {
            401 => fatal(format!(
                "it refuses the token that it has just given ({told}); see that the `url` and the realms in \
                 [systems.{name}] are right"
            )),
            403 => fatal(self.role_missing(call.right)),
            404 if told.contains("Realm not found") => self.no_realm(what, self.realm(), "realm"),
            400 | 404 | 405 | 413 | 415 | 422 => fatal(format!("it answered {told}")),
            409 => ActionError::retryable(format!(
                "{name}: cannot {what}: somebody has just changed the same ({told}){nothing}; try again"
            )),
            _ => self.explain(call, Trouble::of(answer)),
        }
    }

    /// Which role is missing, and where it is given.
    pub(super) fn role_missing(&self, right: Right) -> String {
        let (client, of) = (&self.settings().client_id, self.roles_client());
        format!(
            "the service account of `{client}` lacks the role `{right}` of the client `{of}`; give it that \
             in the admin console, under `Service account roles` of `{client}`"
        )
    }

    /// The client whose roles are the rights of the admin API.
    pub(super) fn roles_client(&self) -> String {
        // In the realm `master` each realm, itself too, has a client of its own that holds them.
        if self.login_realm() == self.realm() && self.realm() != "master" {
            "realm-management".to_owned()
        } else {
            format!("{}-realm", self.realm())
        }
    }
}

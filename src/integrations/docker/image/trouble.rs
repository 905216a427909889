//! Why an image cannot be had, by what the engine says of it, and what to do then.

use bollard::errors::Error;

use super::super::engine::{Docker, one_line};
use super::super::registries::Login;
use super::Reference;
use crate::action::ActionError;
use crate::domain::finding::Remark;
use crate::domain::words::cut;

/// So much is quoted of what the engine says, in characters.
const LONGEST_QUOTE: usize = 400;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::integrations::docker) enum Trouble {
    /// No answer comes from the registry, or none that helps.
    Unreachable,
    /// The engine does not trust its certificate, or it has none.
    Untrusted,
    /// It lets nobody fetch any more for a while.
    Busy,
    /// There is no such image.
    NotFound,
    /// It asks for a login, and there is none.
    NoLogin,
    /// There is a login, and the engine has not got it.
    LoginDropped,
    /// It takes the login for a wrong one.
    LoginRefused,
    /// It says that the image is not there or not to be seen, which are the same to it.
    Closed,
    /// It is there, for other platforms.
    NoPlatform,
    /// The engine's disk is full.
    NoSpace,
    /// The engine says something else.
    Other,
}

/// The image, the engine, and the login for its registry.
#[derive(Clone, Copy)]
pub(in crate::integrations::docker) struct Place<'a> {
    pub(in crate::integrations::docker) docker: &'a Docker,
    pub(in crate::integrations::docker) image: &'a Reference,
}

impl Trouble {
    /// By the engine's own words: it has no codes for most of these. `None`: no answer came from the
    /// engine itself.
    pub(in crate::integrations::docker) fn of(error: &Error, has_login: bool) -> Option<Self> {
        match error {
            Error::DockerResponseServerError {
                status_code,
                message,
            } => Some(Self::read(message, Some(*status_code), has_login)),
            Error::DockerStreamError { error } => Some(Self::read(error, None, has_login)),
            _ => None,
        }
    }

    fn read(said: &str, status: Option<u16>, has_login: bool) -> Self {
        let said = said.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if says(&["no space left on device", "disk quota exceeded"]) {
            Self::NoSpace
        } else if says(&[
            "no matching manifest for",
            "cannot be used on this platform",
        ]) {
            Self::NoPlatform
        } else if says(&["no basic auth credentials"]) {
            if has_login {
                Self::LoginDropped
            } else {
                Self::NoLogin
            }
        } else if says(&["toomanyrequests", "too many requests"]) {
            Self::Busy
        } else if says(&["x509:", "http response to https client"]) {
            Self::Untrusted
        } else if says(&[
            "pull access denied",
            "access to the resource is denied",
            "denied:",
        ]) {
            Self::Closed
        } else if says(&[
            "unauthorized",
            "authentication required",
            "incorrect username",
        ]) {
            if has_login {
                Self::LoginRefused
            } else {
                Self::NoLogin
            }
        } else if says(&["manifest unknown", "name unknown", "not found"]) || status == Some(404) {
            Self::NotFound
        } else if says(UNREACHABLE) {
            Self::Unreachable
        } else {
            Self::Other
        }
    }

    /// Whether it may be over by itself.
    fn passes(self) -> bool {
        matches!(self, Self::Unreachable | Self::Busy)
    }
}

/// What Go says of a server that does not answer.
const UNREACHABLE: &[&str] = &[
    "connection refused",
    "connection reset",
    "no such host",
    "no route to host",
    "network is unreachable",
    "i/o timeout",
    "tls handshake timeout",
    "deadline exceeded",
    "request canceled",
    "server misbehaving",
    "failure in name resolution",
    "unexpected eof",
    ": eof",
    "502 bad gateway",
    "503 service unavailable",
    "504 gateway timeout",
];

impl Place<'_> {
    /// The login for the image's registry.
    pub(super) fn login(&self) -> Option<&Login> {
        self.docker.registries().login(self.image.registry())
    }

    /// The error for people. `near` is a name like it of what the engine has.
    pub(in crate::integrations::docker) fn explain(
        &self,
        error: Error,
        near: Option<&str>,
    ) -> ActionError {
        let Some(trouble) = Trouble::of(&error, self.login().is_some()) else {
            let what = format!("the image {} was asked for", self.image);
            return self.docker.failed(&what, error);
        };
        let text = format!(
            "the image {} is not on `{}` and cannot be fetched: {}; {}",
            self.image,
            self.docker.name(),
            self.cause(trouble, &quote(&error)),
            self.next(trouble, near)
        );
        let told = if trouble.passes() {
            ActionError::retryable(text)
        } else {
            ActionError::fatal(text)
        };
        told.because(error)
    }

    /// The same of the registry alone.
    pub(in crate::integrations::docker) fn remark(
        &self,
        trouble: Trouble,
        error: &Error,
    ) -> Remark {
        Remark::problem(self.cause(trouble, &quote(error)), self.next(trouble, None))
    }

    fn cause(&self, trouble: Trouble, said: &str) -> String {
        let registry = format!("the registry {}", self.image.registry());
        let who = self.login().map(|login| login.username.as_str());
        match trouble {
            Trouble::Unreachable => format!("{registry} cannot be reached ({said})"),
            Trouble::Untrusted => format!("the engine does not trust {registry} ({said})"),
            Trouble::Busy => format!("{registry} hands out nothing more for a while ({said})"),
            Trouble::NotFound => format!("{registry} has no such image"),
            Trouble::NoLogin => format!("{registry} asks for a login, and there is none for it"),
            Trouble::LoginDropped => format!(
                "{registry} asks for a login, and that of {} did not get as far as the engine",
                who.unwrap_or_default()
            ),
            Trouble::LoginRefused => {
                format!(
                    "{registry} refuses the login of {}",
                    who.unwrap_or_default()
                )
            }
            Trouble::Closed => format!(
                "{registry} has no such image, or none for {}",
                who.unwrap_or("those who have not logged in")
            ),
            Trouble::NoPlatform => {
                format!("{registry} has none for the engine's platform ({said})")
            }
            Trouble::NoSpace => format!("the engine's disk is full ({said})"),
            Trouble::Other => format!("the engine says: {said}"),
        }
    }

    fn next(&self, trouble: Trouble, near: Option<&str>) -> String {
        let registry = self.image.registry();
        let table = format!("[systems.{}.registries.\"{registry}\"]", self.docker.name());
        let near = near.map(|near| format!("did you mean `{near}`, which it has?"));
        let or = |other: &str| match &near {
            Some(near) => format!("{near} Else {other}"),
            None => other.to_owned(),
        };
        match (trouble, self.login()) {
            (Trouble::Unreachable, _) => {
                or("see that the registry runs and that its name is right, and try again")
            }
            (Trouble::Untrusted, _) => format!(
                "put the registry's certificate into /etc/docker/certs.d/{registry}/ca.crt on the \
                 engine's machine"
            ),
            (Trouble::Busy, Some(_)) => "try again later".to_owned(),
            (Trouble::Busy, None) => format!("try again later, or with a login in {table}"),
            (Trouble::NotFound, _) => or("build or push it, or correct its name"),
            (Trouble::NoLogin, _) => {
                format!("write `username` and `password_file` into {table}")
            }
            (Trouble::LoginDropped, _) => {
                "have what stands before the engine's socket let the header \
                                           X-Registry-Auth through, as `purser docker-proxy` does"
                    .to_owned()
            }
            (Trouble::LoginRefused, login) => format!(
                "put the right password into {}, for {table}, and restart Purser",
                login.map_or_else(String::new, |login| login.source.to_string())
            ),
            (Trouble::Closed, None) => {
                or(&format!("correct its name, or write a login into {table}"))
            }
            (Trouble::Closed, Some(login)) => or(&format!(
                "correct its name, or let {} pull it there",
                login.username
            )),
            (Trouble::NoPlatform, _) => "build and push it for that platform too".to_owned(),
            (Trouble::NoSpace, _) => {
                "make room there, as with docker.prune_images, and try again".to_owned()
            }
            (Trouble::Other, _) => "see what the engine's log says of it".to_owned(),
        }
    }
}

/// What the engine says, on one line.
fn quote(error: &Error) -> String {
    let said = match error {
        Error::DockerResponseServerError { message, .. } => one_line(message),
        Error::DockerStreamError { error } => one_line(error),
        other => one_line(&other.to_string()),
    };
    cut(&said, LONGEST_QUOTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_understood_by_their_words() {
        use Trouble::{
            Busy, Closed, LoginDropped, LoginRefused, NoLogin, NoPlatform, NoSpace, NotFound,
            Other, Unreachable, Untrusted,
        };
        // Those with a number of a port come from an engine 20.10 with registry 2.8, others from the
        // sources of both, and from Docker Hub.
        for (said, status, without, with) in [
            (
                "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
                500,
                Unreachable,
                Unreachable,
            ),
            (
                "Get \"https://nohost.invalid/v2/\": dial tcp: lookup nohost.invalid on 10.255.255.53:53: no such host",
                500,
                Unreachable,
                Unreachable,
            ),
            (
                "Get \"https://r.example/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
                500,
                Unreachable,
                Unreachable,
            ),
            (
                "Get \"https://r.example:5000/v2/\": http: server gave HTTP response to HTTPS client",
                500,
                Untrusted,
                Untrusted,
            ),
            (
                "Get \"https://r.example/v2/\": x509: certificate signed by unknown authority",
                500,
                Untrusted,
                Untrusted,
            ),
            (
                "manifest unknown: manifest unknown",
                404,
                NotFound,
                NotFound,
            ),
            (
                "manifest for 127.0.0.1:26001/shop/web:v9 not found: manifest unknown: manifest unknown",
                404,
                NotFound,
                NotFound,
            ),
            (
                "Head \"http://127.0.0.1:26001/v2/shop/web/manifests/v1\": no basic auth credentials",
                500,
                NoLogin,
                LoginDropped,
            ),
            (
                "unauthorized: authentication required",
                401,
                NoLogin,
                LoginRefused,
            ),
            (
                "unauthorized: incorrect username or password",
                500,
                NoLogin,
                LoginRefused,
            ),
            (
                "pull access denied for shop/web, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                404,
                Closed,
                Closed,
            ),
            (
                "no matching manifest for linux/amd64 in the manifest list entries",
                0,
                NoPlatform,
                NoPlatform,
            ),
            (
                "toomanyrequests: You have reached your pull rate limit.",
                429,
                Busy,
                Busy,
            ),
            (
                "failed to register layer: Error processing tar file(exit status 1): write /f1: no space left on device",
                0,
                NoSpace,
                NoSpace,
            ),
            ("something new", 500, Other, Other),
        ] {
            let read = |has_login| Trouble::read(said, Some(status), has_login);
            assert_eq!((read(false), read(true)), (without, with), "{said}");
        }
    }
}

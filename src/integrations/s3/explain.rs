//! Failures of an object store in words for people: what is wrong, and which file or bucket to
//! look at.

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};

use super::connection::S3;
use crate::action::ActionError;
use crate::domain::cause::innermost;
use crate::domain::names::SystemName;
use crate::domain::nearest;
use crate::domain::secret::SecretSource;

/// What went wrong, as far as the server or the network told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server refused, with S3's own word for the reason where it gave one.
    Refused {
        status: Option<u16>,
        code: Option<String>,
    },
    /// No connection could be made.
    Unreachable(String),
    /// It stopped answering, or the connection broke.
    Silent(String),
    /// An object that should not be there is.
    Exists(String),
    /// An object that should be there is not.
    Missing(String),
    /// Anything else.
    Other(String),
}

impl Trouble {
    pub(super) fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    pub(super) fn no_answer(error: &reqwest::Error) -> Self {
        let text = innermost(error);
        if error.is_connect() {
            Self::Unreachable(text)
        } else {
            Self::Silent(text)
        }
    }

    pub(super) fn of_answer(status: u16, body: &str) -> Self {
        Self::Refused {
            status: Some(status),
            code: code_in(body),
        }
    }

    pub(super) fn of_library(error: &object_store::Error) -> Self {
        use object_store::Error as E;

        if let Some(http) = cause::<HttpError>(error) {
            let text = innermost(http);
            return match http.kind() {
                HttpErrorKind::Connect => Self::Unreachable(text),
                _ => Self::Silent(text),
            };
        }
        let code = code_in(&error.to_string());
        match (error, code.as_deref()) {
            (E::NotFound { path, .. }, None | Some("NoSuchKey" | "NoSuchUpload")) => {
                Self::Missing(path.clone())
            }
            (E::AlreadyExists { path, .. }, None | Some("PreconditionFailed")) => {
                Self::Exists(path.clone())
            }
            (E::PermissionDenied { .. }, _) => Self::Refused {
                status: Some(403),
                code,
            },
            (E::Unauthenticated { .. }, _) => Self::Refused {
                status: Some(401),
                code,
            },
            (_, Some(_)) => Self::Refused { status: None, code },
            _ => Self::Other(innermost(error)),
        }
    }

    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }
}

impl S3 {
    /// `what` is an infinitive: `write s3://minio/backups/x`. Looks for the nearest bucket when
    /// there is none of this name.
    pub(super) async fn explain(&self, what: &str, bucket: &str, trouble: Trouble) -> ActionError {
        if trouble.code() == Some("NoSuchBucket") {
            return self.no_such_bucket(what, bucket).await;
        }
        self.sentence(what, bucket, &trouble)
    }

    async fn no_such_bucket(&self, what: &str, bucket: &str) -> ActionError {
        let name = self.name();
        let why = match self.list_buckets().await {
            Ok(known) => nearest::unknown("bucket", bucket, known.iter().map(String::as_str)),
            Err(_) => format!(
                "there is no bucket `{bucket}`, and the key may not list those that there are"
            ),
        };
        ActionError::fatal(format!("could not {what} on {name}: {why}"))
    }

    fn sentence(&self, what: &str, bucket: &str, trouble: &Trouble) -> ActionError {
        let (name, endpoint) = (self.name(), self.endpoint());
        let failed = format!("could not {what} on {name}");
        match trouble {
            Trouble::Refused { status, code } => {
                self.refusal(&failed, bucket, *status, code.as_deref())
            }
            Trouble::Unreachable(why) => ActionError::retryable(format!(
                "{failed}: nothing answers at {endpoint} ({why}); see that it runs and that the \
                 endpoint in [systems.{name}] is right"
            )),
            Trouble::Silent(why) => {
                ActionError::retryable(format!("{failed}: {endpoint} gave no whole answer ({why})"))
            }
            Trouble::Exists(path) => ActionError::fatal(format!(
                "{failed}: `{path}` exists already in `{bucket}`, and is left as it is"
            )),
            Trouble::Missing(path) => {
                ActionError::fatal(format!("{failed}: there is no `{path}` in `{bucket}`"))
            }
            Trouble::Other(why) => ActionError::fatal(format!("{failed}: {why}")),
        }
    }

    fn refusal(
        &self,
        failed: &str,
        bucket: &str,
        status: Option<u16>,
        code: Option<&str>,
    ) -> ActionError {
        let name = self.name();
        match (code, status) {
            (Some("InvalidAccessKeyId"), _) => ActionError::fatal(format!(
                "{failed}: it knows no such access key; put the right one into {} \
                 and restart Purser",
                place_of("access_key_file", name, self.access_key_source())
            )),
            (Some("SignatureDoesNotMatch"), _) => ActionError::fatal(format!(
                "{failed}: the secret key does not belong to the access key; put the right one \
                 into {} and restart Purser",
                place_of("secret_key_file", name, self.secret_key_source())
            )),
            (Some("RequestTimeTooSkewed"), _) => ActionError::fatal(format!(
                "{failed}: its clock and this machine's differ too much; set the one that is wrong"
            )),
            (Some("AccessDenied"), _) => ActionError::fatal(format!(
                "{failed}: the access key is valid but may not do this in `{bucket}`; allow it in \
                 the key's policy"
            )),
            (None, Some(401 | 403)) => ActionError::fatal(format!(
                "{failed}: the key was refused; look at {} and {}, and at the key's policy for \
                 `{bucket}`",
                self.access_key_source(),
                self.secret_key_source()
            )),
            (Some(code), _) if is_passing(code) => {
                ActionError::retryable(format!("{failed}: it cannot at present ({code})"))
            }
            (code, Some(500..)) => ActionError::retryable(format!(
                "{failed}: it failed itself ({}); its own log says why",
                code.unwrap_or("without a reason")
            )),
            (code, status) => ActionError::fatal(format!(
                "{failed}: refused as {} {}",
                status.map_or_else(String::new, |status| status.to_string()),
                code.unwrap_or("without a reason")
            )),
        }
    }
}

/// Where people put a better key: `/run/secrets/minio_key (secret_key_file of [systems.minio])`.
fn place_of(setting: &str, system: &SystemName, source: &SecretSource) -> String {
    match source {
        SecretSource::File(path) => {
            format!("{} ({setting} of [systems.{system}])", path.display())
        }
        stored @ SecretSource::Stored(_) => stored.to_string(),
    }
}

fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "InternalError"
            | "SlowDown"
            | "SlowDownRead"
            | "SlowDownWrite"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "OperationAborted"
            | "XMinioServerNotInitialized"
    )
}

/// S3's word for a failure, from the `<Code>` of its answer.
fn code_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word =
        !code.is_empty() && code.len() < 60 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    is_word.then(|| code.to_owned())
}

fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_taken_from_the_answer() {
        let body = "<Error><Code>NoSuchBucket</Code><Message>…</Message></Error>";
        assert_eq!(Trouble::of_answer(404, body).code(), Some("NoSuchBucket"));
        assert_eq!(Trouble::of_answer(403, "").code(), None);
        assert_eq!(code_in("<Code><script></Code>"), None);
    }
}

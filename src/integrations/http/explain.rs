//! Failures of a web service in words for people, and whether what was sent may have happened.

use super::answer::Answer;
use super::connection::WebService;
use super::request::Request;
use crate::action::ActionError;
use crate::domain::cause::innermost;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection could be made: nothing was sent.
    Unreachable(String),
    /// It gave no answer in time.
    TooSlow,
    /// The connection broke before the answer.
    Broken(String),
}

impl Trouble {
    pub(super) fn no_answer(error: &reqwest::Error) -> Self {
        let text = innermost(error);
        if error.is_connect() || error.is_builder() {
            Self::Unreachable(text)
        } else if error.is_timeout() {
            Self::TooSlow
        } else {
            Self::Broken(text)
        }
    }
}

/// What a status says of a change that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was not done, and will not be.
    Refused,
    /// It was not done now; later it may be.
    NotNow,
    /// Nobody can tell; another try may clear it up.
    Unknown,
    /// Nobody can tell, and another try would be answered in the same way.
    UnknownForGood,
}

impl Verdict {
    /// Of an answer that is none of those that were expected.
    ///
    /// 408 says that the request did not come whole; 307 and 308 that it is to be sent elsewhere;
    /// other redirects are how many services answer what they have just done. 409 is what a
    /// service says that still works on an earlier request with the same key.
    pub(super) fn of(status: u16, keyed: bool) -> Self {
        match status {
            408 | 425 | 429 => Self::NotNow,
            409 if keyed => Self::Unknown,
            307 | 308 | 400..=499 | 501 | 505 => Self::Refused,
            500.. => Self::Unknown,
            _ => Self::UnknownForGood,
        }
    }
}

impl WebService {
    /// Of a read that got no answer.
    pub(super) fn not_read(&self, request: &Request, trouble: &Trouble) -> ActionError {
        ActionError::retryable(self.no_answer(request, trouble))
    }

    /// Of a read whose answer is not one of those that were expected.
    pub(super) fn not_expected(
        &self,
        request: &Request,
        answer: &Answer,
        expected: &[u16],
    ) -> ActionError {
        let why = self.told(request, answer, expected);
        match answer.status {
            408 | 425 | 429 | 500.. => ActionError::retryable(format!("{why}. Try again later")),
            _ => ActionError::fatal(why),
        }
    }

    /// Of a change that got no answer.
    pub(super) fn not_answered(&self, request: &Request, trouble: &Trouble) -> ActionError {
        let why = self.no_answer(request, trouble);
        match trouble {
            Trouble::Unreachable(_) => ActionError::retryable(format!("{why}. Nothing was sent")),
            Trouble::TooSlow | Trouble::Broken(_) => {
                ActionError::retryable(format!("{why}. It may have happened")).may_have_landed()
            }
        }
    }

    /// Of a change whose answer is not one of those that were expected.
    pub(super) fn not_done(
        &self,
        request: &Request,
        answer: &Answer,
        expected: &[u16],
        keyed: bool,
    ) -> ActionError {
        let why = self.told(request, answer, expected);
        let unclear = format!("{why}. It may have happened");
        match Verdict::of(answer.status, keyed) {
            Verdict::Refused => ActionError::fatal(format!("{why}. It did not happen")),
            Verdict::NotNow => {
                ActionError::retryable(format!("{why}. It did not happen; try again later"))
            }
            Verdict::Unknown => ActionError::retryable(unclear).may_have_landed(),
            Verdict::UnknownForGood => ActionError::fatal(unclear).may_have_landed(),
        }
    }

    /// Of a request that should take something back.
    pub(super) fn not_taken_back(&self, request: &Request, answer: &Answer) -> ActionError {
        let why = self.told(request, answer, &[]);
        let why = format!("{why}. What it should take back is still there, or may be");
        match Verdict::of(answer.status, false) {
            Verdict::Refused | Verdict::UnknownForGood => ActionError::fatal(why),
            Verdict::NotNow | Verdict::Unknown => ActionError::retryable(why),
        }
    }

    fn no_answer(&self, request: &Request, trouble: &Trouble) -> String {
        let (name, url) = (self.name(), self.url());
        match trouble {
            Trouble::Unreachable(why) => format!(
                "{name}: nothing answers at {url} ({why}); see that it runs and that the `url` in \
                 [systems.{name}] is right"
            ),
            Trouble::TooSlow => format!(
                "{name}: no answer to {} within {}; see its log, or raise `timeout` in \
                 [systems.{name}]",
                request.named(),
                self.timeout()
            ),
            Trouble::Broken(why) => format!(
                "{name}: the connection broke before {} was answered ({why}); see its log, or that \
                 of the proxy before it",
                request.named()
            ),
        }
    }

    fn told(&self, request: &Request, answer: &Answer, expected: &[u16]) -> String {
        let (name, asked, told) = (self.name(), request.named(), answer.told());
        match (answer.status, &answer.location) {
            (300..=399, Some(to)) => {
                format!("{name}: {asked} sends on to {to}, and Purser does not follow ({told})")
            }
            (401 | 403, _) => format!(
                "{name}: {asked} was refused ({told}): {}",
                self.token_advice()
            ),
            (200..=299, _) => {
                let wanted: Vec<_> = expected.iter().map(u16::to_string).collect();
                let wanted = wanted.join(" or ");
                format!("{name}: {asked} was answered with {told}, and {wanted} was expected")
            }
            _ => format!("{name}: {asked} was answered with {told}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_definite_no_is_taken_for_one() {
        let of = |status| Verdict::of(status, false);
        for status in [
            307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422, 501, 505,
        ] {
            assert_eq!(of(status), Verdict::Refused, "{status}");
        }
        for status in [408, 425, 429] {
            assert_eq!(of(status), Verdict::NotNow, "{status}");
        }
        for status in [500, 502, 503, 504, 599] {
            assert_eq!(of(status), Verdict::Unknown, "{status}");
        }
        for status in [202, 301, 302, 303] {
            assert_eq!(of(status), Verdict::UnknownForGood, "{status}");
        }
        assert_eq!(Verdict::of(409, true), Verdict::Unknown);
    }
}

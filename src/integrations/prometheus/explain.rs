//! Failures of a Prometheus in words for people; a query that it does not understand is shown with
//! a mark under the place.

use serde::Deserialize;

use super::connection::Prometheus;
use crate::action::ActionError;
use crate::domain::cause::innermost;
use crate::domain::position::Position;

/// What went wrong, as far as the server or the network told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection could be made.
    Unreachable(String),
    /// It gave no answer in time.
    TooSlow,
    /// The connection broke.
    Silent(String),
    /// It wants another login.
    Login(u16),
    /// It sends on to another address, which is not followed.
    Elsewhere(String),
    /// Its own words for what is wrong with the query, or with itself.
    Told {
        status: u16,
        kind: String,
        error: String,
    },
    /// An answer that is none of Prometheus's.
    Garbled(String),
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "errorType", default)]
    kind: String,
    error: String,
}

impl Trouble {
    pub(super) fn no_answer(error: &reqwest::Error) -> Self {
        let text = innermost(error);
        if error.is_timeout() && !error.is_connect() {
            Self::TooSlow
        } else if error.is_connect() {
            Self::Unreachable(text)
        } else {
            Self::Silent(text)
        }
    }

    pub(super) fn of_answer(status: u16, location: Option<String>, body: &[u8]) -> Self {
        if let Ok(Problem { kind, error }) = serde_json::from_slice(body) {
            return Self::Told {
                status,
                kind,
                error,
            };
        }
        match (status, location) {
            (401 | 403, _) => Self::Login(status),
            (300..=399, Some(to)) => Self::Elsewhere(to),
            (404, _) => Self::Garbled("404 Not Found".to_owned()),
            (status @ 500.., _) => Self::Silent(format!("status {status}")),
            _ => Self::Garbled(format!("status {status}")),
        }
    }
}

impl Prometheus {
    pub(super) fn explain(&self, trouble: Trouble) -> ActionError {
        let (name, url) = (self.name(), self.url());
        match trouble {
            Trouble::Unreachable(why) => ActionError::retryable(format!(
                "{name}: nothing answers at {url} ({why}); see that it runs and that the `url` in \
                 [systems.{name}] is right"
            )),
            Trouble::TooSlow => ActionError::retryable(format!(
                "{name}: no answer within {}: ask for a shorter range or for fewer series, or raise \
                 `timeout` in [systems.{name}]",
                self.settings().timeout
            )),
            Trouble::Silent(why) => ActionError::retryable(format!(
                "{name}: {url} gave no whole answer ({why}); see its log, or that of the proxy \
                     before it, and ask again"
            )),
            Trouble::Login(status) => ActionError::fatal(format!(
                "{name}: the login was refused ({status}): {}",
                self.login_advice()
            )),
            Trouble::Elsewhere(to) => ActionError::fatal(format!(
                "{name}: {url} sends on to {to}, and Purser does not follow; put the right address \
                 into `url` in [systems.{name}]"
            )),
            Trouble::Told {
                status,
                kind,
                error,
            } => self.told(status, &kind, &error),
            Trouble::Garbled(why) => ActionError::fatal(format!(
                "{name}: {url} does not answer as Prometheus does ({why}); see that the `url` in \
                 [systems.{name}] is right, with the path if it has one"
            )),
        }
    }

    fn login_advice(&self) -> String {
        let (settings, name) = (self.settings(), self.name());
        match (self.login_source(), &settings.basic_auth) {
            (Some(source), None) => format!("put the right token into {source}"),
            (Some(source), Some(_)) => format!("look at `username` and at {source}"),
            (None, _) => format!("set `bearer_file` or `basic_auth` in [systems.{name}]"),
        }
    }

    fn told(&self, status: u16, kind: &str, error: &str) -> ActionError {
        let name = self.name();
        match kind {
            "timeout" | "canceled" => ActionError::retryable(format!(
                "{name}: the query took too long ({error}): ask for a shorter range or fewer series"
            )),
            "unavailable" | "internal" if status >= 500 => ActionError::retryable(format!(
                "{name}: it cannot answer at present ({error}); see its log, and ask again"
            )),
            _ => ActionError::fatal(format!("{name}: {error}")),
        }
    }

    /// The same failure with the place in the query, if it is about one.
    pub(super) fn point_at(&self, query: &str, error: ActionError) -> ActionError {
        let Some(pointed) = pointed(query, &error.message) else {
            return error;
        };
        ActionError::fatal(format!("{}: {pointed}", self.name()))
    }
}

/// Prometheus's `1:7: parse error: unclosed left parenthesis` with the line of the query, and a
/// mark under the column, which it counts in bytes.
fn pointed(query: &str, message: &str) -> Option<String> {
    let (before, why) = message.split_once(": parse error: ")?;
    let place = before.rsplit(' ').next()?;
    let (line, column) = place.split_once(':')?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let text = query.split('\n').nth(line.checked_sub(1)?)?;
    let column = Position::of_byte(text, column.checked_sub(1)?).column;
    let place = Position { line, column };
    let (text, mark) = window(text, column);
    Some(format!(
        "the query is wrong at {place}: {why}\n    {text}\n    {mark:>width$}",
        mark = '^',
        width = mark
    ))
}

/// As much of a line as a terminal shows, and where in it the column is.
fn window(line: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 70;
    let from = column
        .saturating_sub(WIDTH - 10)
        .min(line.chars().count().saturating_sub(WIDTH));
    let shown = line.chars().skip(from).take(WIDTH);
    // A tab would move the mark.
    let shown = shown.map(|c| if c == '\t' { ' ' } else { c }).collect();
    (shown, column - from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_mark_stands_under_the_character_that_is_meant() {
        let message = "p: invalid parameter \"query\": 2:11: parse error: unexpected identifier";
        insta::assert_snapshot!(pointed("sum(\n  up{a=\"ü\"} oops\n)", message).unwrap(), @r#"
        the query is wrong at 2:10: unexpected identifier
              up{a="ü"} oops
                     ^
        "#);
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let query = format!("{}oops", "a + ".repeat(100));
        let shown = pointed(&query, "1:401: parse error: no").unwrap();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[1].len(), 74);
        assert_eq!(&lines[1][lines[2].len() - 1..], "oops");
    }

    #[test]
    fn what_names_no_place_is_left_alone() {
        assert_eq!(pointed("up", "query timed out"), None);
        assert_eq!(pointed("up", "9:9: parse error: no such line"), None);
    }

    proptest! {
        #[test]
        fn no_place_is_out_of_reach(query in "\\PC*", line in 0_usize..3, column in 0_usize..200) {
            pointed(&query, &format!("{line}:{column}: parse error: x"));
        }
    }
}

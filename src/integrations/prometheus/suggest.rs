//! Names for people to choose from while they type.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::connection::Prometheus;
use crate::action::{ActionError, Result, ports};
use crate::domain::nearest;

impl ports::Suggest for Prometheus {
    /// Completes `metrics` and `graphs`.
    fn suggest<'a>(&'a self, what: &'a str, typed: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        async move {
            match what {
                "metrics" => {
                    let (before, word) = last_word(typed);
                    let names = ports::matching(self.metrics().await?, word);
                    Ok(names
                        .into_iter()
                        .map(|name| format!("{before}{name}"))
                        .collect())
                }
                "graphs" => Ok(ports::matching(
                    self.settings().graphs.keys().cloned().collect(),
                    typed,
                )),
                _ => {
                    let why =
                        nearest::unknown("list of Prometheus names", what, ["metrics", "graphs"]);
                    Err(ActionError::fatal(why))
                }
            }
        }
        .boxed()
    }
}

/// A query is completed at its end: `sum(rate(htt`.
fn last_word(typed: &str) -> (&str, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let begins = typed.trim_end_matches(is_name).len();
    typed.split_at(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_completed_at_its_end() {
        assert_eq!(last_word("sum(rate(htt"), ("sum(rate(", "htt"));
        assert_eq!(last_word("up"), ("", "up"));
        assert_eq!(last_word("sum("), ("sum(", ""));
    }
}

//! `[retention]`: how long what has ended is kept.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Wrong;
use super::document::Origins;
use crate::domain::retention::Keep;

/// `[retention]`. Receipts are always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For how long the log of a run, what its steps said and the fire that started it are kept after its end.
    pub runs: Keep,
    /// The same of the bytes that its steps have kept for people; never longer than the run.
    pub artifacts: Keep,
}

/// The table as it is written.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RetentionTable {
    /// How long the log of a run and what its steps said are kept after its end: `90d` unless it is said, or
    /// `never` for always. Its receipt is always kept.
    runs: Option<Keep>,
    /// How long what its steps have kept for people is kept after its end: `30d` unless it is said.
    artifacts: Option<Keep>,
}

const RUNS: Keep = Keep::days(90);
const ARTIFACTS: Keep = Keep::days(30);

/// Checks the table: what a run has kept is found by the run, and goes with it at the latest.
pub(super) fn retention(table: &RetentionTable, origins: &Origins) -> Result<Retention, Wrong> {
    let runs = table.runs.unwrap_or(RUNS);
    match table.artifacts {
        Some(artifacts) if artifacts.is_longer_than(runs) => Err((
            origins.of(&["retention", "artifacts"]),
            "what a run has kept goes with the run at the latest: give `artifacts` no more time than \
             `runs`"
                .to_owned(),
        )),
        Some(artifacts) => Ok(Retention { runs, artifacts }),
        None => Ok(Retention {
            runs,
            artifacts: if ARTIFACTS.is_longer_than(runs) {
                runs
            } else {
                ARTIFACTS
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn read(text: &str) -> Result<Retention, String> {
        let text = format!("[retention]\n{text}");
        let config = Config::parse(Path::new("purser.toml"), &text, []);
        config
            .map(|config| config.retention)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn runs_are_kept_for_a_season_and_what_they_have_kept_for_a_month() {
        let (runs, artifacts) = (Keep::days(90), Keep::days(30));
        assert_eq!(read(""), Ok(Retention { runs, artifacts }));
        let week = Keep::days(7);
        let short = Retention {
            runs: week,
            artifacts: week,
        };
        assert_eq!(read("runs = '7d'"), Ok(short));
        let always = Retention {
            runs: Keep::Always,
            artifacts: Keep::Always,
        };
        assert_eq!(read("runs = 'never'\nartifacts = 'never'"), Ok(always));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let errors = [
            "runs = '10m'",
            "runs = 'soon'",
            "artifacts = 'never'",
            "runs = '7d'\nartifacts = '8d'",
            "artefacts = '7d'",
        ]
        .map(|text| read(text).unwrap_err())
        .join("\n");
        insta::assert_snapshot!(errors, @"
        purser.toml:2:8: in `retention.runs`: `10m` is less than an hour: write 36h, 90d or never
        purser.toml:2:8: in `retention.runs`: `soon` is no length of time (expected number at 0): write 36h, 90d or never
        purser.toml:2:1: what a run has kept goes with the run at the latest: give `artifacts` no more time than `runs`
        purser.toml:3:1: what a run has kept goes with the run at the latest: give `artifacts` no more time than `runs`
        purser.toml:2:1: unknown field `artefacts`; did you mean `artifacts`?
        ");
    }
}

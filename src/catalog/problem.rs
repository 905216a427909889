//! What is wrong in a file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::domain::position::Position;

/// Something wrong in a workflow or command file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// In which file, or folder.
    pub file: PathBuf,
    /// Where in it; `None` when it is about the file as a whole.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// One sentence: what is wrong, and the nearest thing that is right.
    pub message: String,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The catalog cannot be used.
    Error,
    /// It can, but something in it cannot have been meant.
    Warning,
}

impl fmt::Display for Problem {
    /// `workflows/backup.yaml:7:5: unknown action …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(position) = self.position {
            write!(f, "{position}:")?;
        }
        if self.severity == Severity::Warning {
            f.write_str(" warning:")?;
        }
        write!(f, " {}", self.message)
    }
}

/// Collects the problems of one file.
pub(super) struct Report {
    file: PathBuf,
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            problems: vec![],
        }
    }

    pub(super) fn error(&mut self, at: impl Into<Option<Position>>, message: impl Into<String>) {
        self.add(Severity::Error, at.into(), message.into());
    }

    pub(super) fn warning(&mut self, at: impl Into<Option<Position>>, message: impl Into<String>) {
        self.add(Severity::Warning, at.into(), message.into());
    }

    pub(super) fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// In the order of the file's lines, each once.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems
            .sort_by_key(|problem| (problem.position, problem.severity));
        self.problems.dedup();
        self.problems
    }

    fn add(&mut self, severity: Severity, position: Option<Position>, message: String) {
        let file = self.file.clone();
        self.problems.push(Problem {
            file,
            position,
            severity,
            message,
        });
    }
}

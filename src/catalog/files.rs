//! The YAML files of a folder and of the folders within it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::problem::{Problem, Report};

/// One file, read.
pub(super) struct File {
    /// The folders that it lies in, from the outside, and its own name without the ending.
    pub(super) words: Vec<String>,
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl File {
    /// What it is called after: `db backup` of `db/backup.yaml`.
    pub(super) fn name(&self) -> String {
        self.words.join(" ")
    }
}

/// Whether a folder must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// All files of a folder and of those within it, so many levels down; what cannot be read, and what
/// lies deeper, is a problem.
pub(super) fn all(
    folder: &Path,
    presence: Presence,
    deepest: usize,
    problems: &mut Vec<Problem>,
) -> Vec<File> {
    let mut walk = Walk {
        deepest,
        files: vec![],
        problems,
    };
    match entries(folder) {
        Ok(paths) => walk.take(paths, &[]),
        Err(error) => {
            let message = format!("the folder cannot be read: {error}");
            let mut report = Report::new(folder);
            if presence == Presence::Required || error.kind() != ErrorKind::NotFound {
                report.error(None, message);
            } else {
                report.warning(None, message);
            }
            walk.problems.extend(report.into_problems());
        }
    }
    walk.files
}

struct Walk<'p> {
    /// So many folders may lie in each other; with none, folders are passed over.
    deepest: usize,
    files: Vec<File>,
    problems: &'p mut Vec<Problem>,
}

impl Walk<'_> {
    fn take(&mut self, paths: Vec<PathBuf>, within: &[String]) {
        for path in paths {
            let mut report = Report::new(&path);
            if path.is_dir() && !is_yaml(&path) {
                if self.deepest > 0 {
                    self.enter(&path, within, &mut report);
                }
            } else if let Some(file) = read(&path, within, &mut report) {
                self.files.push(file);
            }
            self.problems.extend(report.into_problems());
        }
    }

    fn enter(&mut self, folder: &Path, within: &[String], report: &mut Report) {
        let Some(name) = name_of(folder.file_name()) else {
            return;
        };
        match entries(folder) {
            Err(error) => report.error(None, format!("the folder cannot be read: {error}")),
            Ok(paths) if within.len() < self.deepest => {
                self.take(paths, &[within, &[name]].concat());
            }
            Ok(paths) => {
                if paths.iter().any(|path| is_yaml(path) || path.is_dir()) {
                    let message = format!(
                        "folders lie at most {} deep in each other, and this is one more: move what \
                         is in it further up",
                        self.deepest
                    );
                    report.error(None, message);
                }
            }
        }
    }
}

fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    Ok(paths)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml")
}

/// `None` for what is hidden, and for what is no text.
fn name_of(part: Option<&std::ffi::OsStr>) -> Option<String> {
    let name = part?.to_str()?;
    (!name.starts_with('.')).then(|| name.to_owned())
}

fn read(path: &Path, within: &[String], report: &mut Report) -> Option<File> {
    let name = name_of(path.file_stem())?;
    match path.extension()?.to_str()? {
        "yaml" => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| report.error(None, format!("the file cannot be read: {error}")));
            Some(File {
                words: [within, &[name]].concat(),
                path: path.to_owned(),
                text: text.ok()?,
            })
        }
        "yml" => {
            let message = format!("the file is passed over: call it `{name}.yaml`");
            report.error(None, message);
            None
        }
        _ => None,
    }
}

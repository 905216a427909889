//! The files of a folder as a backup takes them; what it cannot take is said.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::action::ports::OwnFile;
use crate::action::{ActionError, Result};

/// Folders within folders are followed so far.
const DEEPEST: usize = 8;

/// What was found, by name.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// What can be read.
    pub(super) files: Vec<OwnFile>,
    /// What cannot, and why.
    pub(super) left_out: Vec<String>,
}

impl Listed {
    /// What the catalog reads of this folder: its YAML files, and those of the folders within it, so
    /// many levels down.
    pub(super) fn catalog(folder: &Path, name: &str, deeper: usize) -> Result<Self> {
        let mut listed = Self::default();
        listed.fill_with_yaml(folder, name, deeper)?;
        Ok(listed)
    }

    fn fill_with_yaml(&mut self, folder: &Path, name: &str, deeper: usize) -> Result<()> {
        let files = entries(folder).map_err(|error| unreadable(folder, &error))?;
        for file in files.iter().filter(|file| !file.starts_with('.')) {
            let (path, name) = (folder.join(file), format!("{name}/{file}"));
            if has_ending(file, "yaml") {
                // Of a link what it leads to: that is how files are mounted into containers.
                self.add(&path, name, fs::metadata(&path));
            } else if deeper > 0 && path.is_dir() {
                self.fill_with_yaml(&path, &name, deeper - 1)?;
            }
        }
        Ok(())
    }

    /// All files of this folder and of those within it. Links are none of ours: nobody makes any
    /// there.
    pub(super) fn artifacts(folder: &Path, name: &str) -> Result<Self> {
        let mut listed = Self::default();
        let filled = listed.fill(folder, name, DEEPEST);
        filled.map_err(|error| unreadable(folder, &error))?;
        Ok(listed)
    }

    fn fill(&mut self, folder: &Path, name: &str, deeper: usize) -> io::Result<()> {
        for file in entries(folder)? {
            // An artifact that is half there is none yet.
            if has_ending(&file, "half") {
                continue;
            }
            let (path, name) = (folder.join(&file), format!("{name}/{file}"));
            let found = fs::symlink_metadata(&path);
            if deeper > 0 && found.as_ref().is_ok_and(fs::Metadata::is_dir) {
                self.fill(&path, &name, deeper - 1)?;
            } else {
                self.add(&path, name, found);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: String, found: io::Result<fs::Metadata>) {
        let why = match found {
            Ok(found) if !found.is_file() => "it is no file".to_owned(),
            Ok(_) => match File::open(path) {
                Ok(_) => {
                    let path = path.to_owned();
                    return self.files.push(OwnFile { name, path });
                }
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        self.left_out.push(format!("{}: {why}", path.display()));
    }
}

/// The size of these files together.
pub(super) fn size(files: &[OwnFile]) -> u64 {
    let of = |file: &OwnFile| fs::metadata(&file.path).map_or(0, |found| found.len());
    files.iter().map(of).sum()
}

/// The names in a folder, sorted; none where there is no folder. A name that is no text is none of
/// ours.
fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn has_ending(file: &str, ending: &str) -> bool {
    Path::new(file).extension().is_some_and(|it| it == ending)
}

fn unreadable(folder: &Path, error: &io::Error) -> ActionError {
    ActionError::retryable(format!(
        "the folder {} cannot be read: {error}",
        folder.display()
    ))
}

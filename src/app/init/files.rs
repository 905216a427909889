//! Puts files in their places, all or none, and never over what is there unless that was said.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use similar::TextDiff;

use super::owner::Owner;
use crate::action::failpoint;
use crate::cli::{Failure, FileState, FileView};
use crate::init::{CONFIG, Contents, File, Proposal};

/// Everything is written here first.
const STAGE: &str = ".purser-init";

/// What is to become of each file.
pub(super) struct Plan {
    folder: PathBuf,
    owner: Owner,
    files: Vec<(File, FileState, Option<String>)>,
}

impl Plan {
    /// Compares a proposal with what is there.
    pub(super) fn of(
        folder: &Path,
        proposal: &Proposal,
        force: &[String],
    ) -> Result<Self, Failure> {
        let is_proposed =
            |wanted: &&String| proposal.files.iter().any(|file| file.path == **wanted);
        if let Some(stranger) = force.iter().find(|wanted| !is_proposed(wanted)) {
            return Err(Failure::usage(format!(
                "--force {stranger}: that is none of the files that are proposed"
            )));
        }
        let files = proposal.files.iter().map(|file| {
            let (state, difference) = compare(folder, file, force)?;
            Ok((file.clone(), state, difference))
        });
        Ok(Self {
            folder: folder.to_owned(),
            owner: Owner::of(folder),
            files: files.collect::<Result<_, Failure>>()?,
        })
    }

    /// Whether something is there that may not be replaced.
    pub(super) fn is_blocked(&self) -> bool {
        self.files
            .iter()
            .any(|(_, state, _)| *state == FileState::Differs)
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.to_write().next().is_none()
    }

    /// The files, for people.
    pub(super) fn views(&self) -> Vec<FileView> {
        let view = |(file, state, difference): &(File, FileState, Option<String>)| FileView {
            path: file.path.clone(),
            state: *state,
            difference: difference.clone(),
        };
        self.files.iter().map(view).collect()
    }

    fn to_write(&self) -> impl Iterator<Item = (&File, FileState)> {
        let files = self.files.iter().map(|(file, state, _)| (file, *state));
        files.filter(|(_, state)| matches!(state, FileState::New | FileState::Replaced))
    }

    /// The secrets first, and the configuration last: whenever this ends, no file names a secret, or
    /// a recipient, that is not there.
    fn in_order(&self) -> [Vec<(&File, FileState)>; 3] {
        let (secrets, rest): (Vec<_>, Vec<_>) = self
            .to_write()
            .partition(|(file, _)| matches!(file.contents, Contents::Secret(_)));
        let (last, rest) = rest.into_iter().partition(|(file, _)| file.path == CONFIG);
        [secrets, rest, last]
    }

    /// Writes all files to a folder of their own, has them checked there, and moves them to their
    /// places. What was moved is taken back when one cannot be.
    pub(super) fn carry_out(
        &self,
        check: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let stage = Stage::make(&self.folder, self.owner)?;
        for (file, ..) in &self.files {
            stage
                .write(file, self.owner)
                .map_err(|error| failed(&stage.path.join(&file.path), &error))?;
        }
        check(&stage.path).map_err(|wrong| {
            Failure::failed(format!(
                "what was to be written is not good; nothing was written, and this is a mistake of \
                 Purser's: {}",
                wrong.message
            ))
        })?;
        let mut placed = vec![];
        for group in self.in_order() {
            for (file, state) in &group {
                let (from, to) = (stage.path.join(&file.path), self.folder.join(&file.path));
                if let Err(error) = place(&from, &to, *state, self.owner) {
                    return Err(take_back(&placed, &to, &error));
                }
                placed.push((to, *state));
            }
            if let Err(error) = self.settle(&group) {
                return Err(take_back(&placed, &self.folder, &error));
            }
            if group
                .iter()
                .any(|(file, _)| matches!(file.contents, Contents::Secret(_)))
            {
                failpoint("init/secrets placed");
            }
        }
        Ok(())
    }

    /// What was placed is there after a power cut too, before anything that names it is.
    fn settle(&self, group: &[(&File, FileState)]) -> io::Result<()> {
        let files = group.iter().map(|(file, _)| self.folder.join(&file.path));
        let folders: BTreeSet<_> = files
            .filter_map(|path| path.parent().map(Path::to_owned))
            .chain([self.folder.clone()])
            .collect();
        folders
            .iter()
            .try_for_each(|folder| fs::File::open(folder)?.sync_all())
    }
}

/// New files are removed again. One that was replaced cannot be had back, and is named.
fn take_back(placed: &[(PathBuf, FileState)], at: &Path, error: &io::Error) -> Failure {
    let stays: Vec<_> = placed
        .iter()
        .filter(|(path, state)| *state == FileState::Replaced || fs::remove_file(path).is_err())
        .map(|(path, _)| path.display().to_string())
        .collect();
    let left = if stays.is_empty() {
        "nothing was written".to_owned()
    } else {
        format!("these were written: {}", stays.join(", "))
    };
    Failure::failed(format!("{}: {error}; {left}", at.display()))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("{}: {error}; nothing was written", path.display()))
}

fn compare(
    folder: &Path,
    file: &File,
    force: &[String],
) -> Result<(FileState, Option<String>), Failure> {
    let path = folder.join(&file.path);
    let is_forced = force.contains(&file.path);
    let there = match fs::read(&path) {
        Ok(there) => String::from_utf8_lossy(&there).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((FileState::New, None)),
        Err(error) => return Err(failed(&path, &error)),
    };
    Ok(match &file.contents {
        Contents::Plain(text) if *text == there => (FileState::Same, None),
        Contents::Secret(text) if text.expose_secret() == there => (FileState::Same, None),
        Contents::Secret(_) if !is_forced => (FileState::Kept, None),
        Contents::Secret(_) => (FileState::Replaced, None),
        Contents::Plain(text) => {
            let state = if is_forced {
                FileState::Replaced
            } else {
                FileState::Differs
            };
            (state, Some(difference(&file.path, &there, text)))
        }
    })
}

fn difference(path: &str, there: &str, proposed: &str) -> String {
    TextDiff::from_lines(there, proposed)
        .unified_diff()
        .header(path, &format!("{path}, as it is proposed"))
        .to_string()
}

/// A new file appears at once and whole, and only where none is; a replaced one is whole too.
fn place(from: &Path, to: &Path, state: FileState, owner: Owner) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        owner.make_folder(folder)?;
    }
    if state == FileState::Replaced {
        return fs::rename(from, to);
    }
    match fs::hard_link(from, to) {
        // Not every file system has links.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !to.exists() => {
            fs::rename(from, to)
        }
        linked => linked,
    }
}

/// A folder beside the places of the files, which goes in any case.
struct Stage {
    path: PathBuf,
    /// Held as long as it is in use.
    _lock: fs::File,
}

impl Stage {
    fn make(folder: &Path, owner: Owner) -> Result<Self, Failure> {
        owner
            .make_folder(folder)
            .map_err(|error| failed(folder, &error))?;
        clear(folder);
        let path = folder.join(format!("{STAGE}-{}", std::process::id()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| failed(&path, &error))?;
        let lock = fs::File::open(&path).and_then(|lock| Ok(lock.try_lock().map(|()| lock)?));
        match lock {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) => {
                let _ = fs::remove_dir(&path);
                Err(failed(&path, &error))
            }
        }
    }

    fn write(&self, file: &File, owner: Owner) -> io::Result<()> {
        let path = self.path.join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let (text, mode, is_secret) = match &file.contents {
            Contents::Plain(text) => (text.as_str(), 0o644, false),
            Contents::Secret(text) => (text.expose_secret(), 0o600, true),
        };
        let mut new = OpenOptions::new();
        let mut written = new.write(true).create_new(true).mode(mode).open(&path)?;
        written.write_all(text.as_bytes())?;
        written.set_permissions(Permissions::from_mode(mode))?;
        owner.give(&path, is_secret)?;
        written.sync_all()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What stays has a name that says whose it is.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what a killed one has left: there are secrets in it. One that is at work holds its lock.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_stage = name.to_string_lossy().starts_with(&format!("{STAGE}-"));
        let is_left = || fs::File::open(entry.path()).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_stage && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_left() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

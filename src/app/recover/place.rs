//! The files beside the store: put where they belong, unless something is there.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::cli::Failure;
use crate::config::Config;
use crate::integrations::own::{COMMANDS, CONFIG, WORKFLOWS};

/// The mode of folders that everybody may look into: whoever types commands reads the configuration.
const PUBLIC: u32 = 0o755;
/// The mode of folders for the owner only.
const PRIVATE: u32 = 0o700;

/// Whether configuration, workflows and commands can be put where they belong, as far as that is known
/// before the backup is there. The text is that of the backup's configuration.
pub(super) fn check(config: &Config, text: &[u8]) -> Result<(), Failure> {
    let mut folders = vec![&*config.catalog.workflows, &*config.catalog.commands];
    folders.retain(|folder| !folder.exists());
    let is_same = fs::read(&config.file).is_ok_and(|there| there == text);
    folders.extend(config.file.parent().filter(|_| !is_same));
    folders.into_iter().try_for_each(writable)
}

fn writable(folder: &Path) -> Result<(), Failure> {
    let mut there = folder.ancestors().filter(|one| one.exists());
    let there = there.next().unwrap_or(Path::new("."));
    access(there, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|error| {
        Failure::failed(format!(
            "nothing can be written to {} ({}), where what people have written belongs: name another \
             folder with --to FOLDER, and move it from there",
            there.display(),
            error.desc()
        ))
    })
}

/// What became of them.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// Files that were put there.
    pub(super) new: Vec<PathBuf>,
    /// Files that were there, and say something else.
    pub(super) left: Vec<PathBuf>,
    /// The backup's configuration, where it is not the one in force.
    pub(super) beside: Option<PathBuf>,
    /// All that was not there before, folders too, in the order in which it was made.
    made: Vec<PathBuf>,
}

impl Placed {
    /// Puts configuration, workflows and commands where this configuration looks for them.
    pub(super) fn files(&mut self, from: &Path, config: &Config) -> io::Result<()> {
        self.config(&from.join(CONFIG), &config.file)?;
        let catalog = &config.catalog;
        for (name, to) in [
            (WORKFLOWS, &catalog.workflows),
            (COMMANDS, &catalog.commands),
        ] {
            // An empty one is in no backup, and is missed.
            self.make(to, PUBLIC)?;
            self.folder(&from.join(name), to, PUBLIC)?;
        }
        Ok(())
    }

    /// Puts the files of a folder into another, which may hold some of them: they are named by what
    /// is in them.
    pub(super) fn artifacts(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let mut artifacts = Self::default();
        let done = artifacts.folder(from, to, PRIVATE);
        self.made.append(&mut artifacts.made);
        done
    }

    /// Removes all that was not there before.
    pub(super) fn take_back(self) {
        for path in self.made.iter().rev() {
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }

    fn config(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.file(from, to, PUBLIC)?;
        if self.left.is_empty() {
            return Ok(());
        }
        let beside = to.with_extension("recovered.toml");
        let others = self.left.len();
        self.file(from, &beside, PUBLIC)?;
        self.beside = (self.left.len() == others).then_some(beside);
        Ok(())
    }

    fn folder(&mut self, from: &Path, to: &Path, mode: u32) -> io::Result<()> {
        if !from.exists() {
            return Ok(());
        }
        let entries = fs::read_dir(from).map_err(at(from))?;
        let mut names = entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(at(from))?;
        names.sort();
        for name in names {
            let (from, to) = (from.join(&name), to.join(&name));
            if from.is_dir() {
                self.folder(&from, &to, mode)?;
            } else {
                self.file(&from, &to, mode)?;
            }
        }
        Ok(())
    }

    /// Puts a file there with the mode that it has, and makes folders on the way with this one.
    fn file(&mut self, from: &Path, to: &Path, folder_mode: u32) -> io::Result<()> {
        let text = fs::read(from).map_err(at(from))?;
        match fs::read(to) {
            Ok(there) if there == text => return Ok(()),
            Ok(_) => {
                self.left.push(to.to_owned());
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(to)(error)),
        }
        if let Some(folder) = to.parent() {
            self.make(folder, folder_mode)?;
        }
        let mut half = to.as_os_str().to_owned();
        half.push(".half");
        let half = PathBuf::from(half);
        self.made.push(half.clone());
        let write = || {
            fs::write(&half, text)?;
            fs::File::open(&half)?.sync_all()?;
            fs::set_permissions(&half, fs::metadata(from)?.permissions())?;
            fs::rename(&half, to)
        };
        write().map_err(at(to))?;
        self.made.push(to.to_owned());
        self.new.push(to.to_owned());
        Ok(())
    }

    /// Makes a folder and those that it is in. One that is there stays as it is.
    fn make(&mut self, folder: &Path, mode: u32) -> io::Result<()> {
        if folder.as_os_str().is_empty() || folder.exists() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.make(parent, mode)?;
        }
        fs::create_dir(folder).map_err(at(folder))?;
        self.made.push(folder.to_owned());
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).map_err(at(folder))
    }
}

/// The same failure, with the path that it happened at.
fn at(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

//! The files beside the store: put where they belong, unless something is there.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::integrations::own::{COMMANDS, CONFIG, WORKFLOWS};

/// For everybody to read: whoever types commands reads the configuration, and secrets are in files
/// of their own.
const PUBLIC: Modes = Modes {
    file: 0o644,
    folder: 0o755,
};
/// For the owner only.
const PRIVATE: Modes = Modes {
    file: 0o600,
    folder: 0o700,
};

#[derive(Clone, Copy)]
struct Modes {
    file: u32,
    folder: u32,
}

/// What became of them.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// Files that were put there.
    pub(super) new: Vec<PathBuf>,
    /// Files that were there, and say something else.
    pub(super) left: Vec<PathBuf>,
}

/// Puts configuration, workflows and commands where this configuration looks for them.
pub(super) fn files(from: &Path, config: &Config) -> io::Result<Placed> {
    let mut placed = Placed::default();
    placed.file(&from.join(CONFIG), &config.file, PUBLIC)?;
    if placed.left.contains(&config.file) {
        let beside = config.file.with_extension("recovered.toml");
        placed.file(&from.join(CONFIG), &beside, PUBLIC)?;
    }
    let catalog = &config.catalog;
    for (name, to) in [
        (WORKFLOWS, &catalog.workflows),
        (COMMANDS, &catalog.commands),
    ] {
        // An empty one is in no backup, and is missed.
        make(to, PUBLIC)?;
        placed.folder(&from.join(name), to, PUBLIC)?;
    }
    Ok(placed)
}

/// Puts the files of a folder into another, which may hold some of them: they are named by what is
/// in them.
pub(super) fn artifacts(from: &Path, to: &Path) -> io::Result<()> {
    Placed::default().folder(from, to, PRIVATE)
}

impl Placed {
    fn folder(&mut self, from: &Path, to: &Path, modes: Modes) -> io::Result<()> {
        if !from.exists() {
            return Ok(());
        }
        let mut names: Vec<_> = fs::read_dir(from)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<_>>()?;
        names.sort();
        for name in names {
            let (from, to) = (from.join(&name), to.join(&name));
            if from.is_dir() {
                self.folder(&from, &to, modes)?;
            } else {
                self.file(&from, &to, modes)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path, modes: Modes) -> io::Result<()> {
        let text = fs::read(from)?;
        match fs::read(to) {
            Ok(there) if there == text => return Ok(()),
            Ok(_) => {
                self.left.push(to.to_owned());
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if let Some(folder) = to.parent() {
            make(folder, modes)?;
        }
        let mut half = to.as_os_str().to_owned();
        half.push(".half");
        let half = PathBuf::from(half);
        fs::write(&half, text)?;
        fs::File::open(&half)?.sync_all()?;
        fs::set_permissions(&half, fs::Permissions::from_mode(modes.file))?;
        fs::rename(&half, to)?;
        self.new.push(to.to_owned());
        Ok(())
    }
}

/// Makes a folder and those that it is in. One that is there stays as it is.
fn make(folder: &Path, modes: Modes) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.exists() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make(parent, modes)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(modes.folder))
}

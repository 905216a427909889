//! A secret that is all that a file holds, as a Docker secret is.
//!
//! The file keeps its place on the disk: a container into which just this file is mounted would never see
//! another one that took its name.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;

use nix::unistd::{AccessFlags, access};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::pair::same;
use crate::action::{ActionError, Result};
use crate::domain::secret::LONGEST;

/// A file with a secret.
#[derive(Clone)]
pub(super) struct SecretFile(PathBuf);

impl SecretFile {
    pub(super) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn shown(&self) -> String {
        self.0.display().to_string()
    }

    pub(super) fn cannot_write(&self) -> Option<String> {
        let may = AccessFlags::R_OK | AccessFlags::W_OK;
        let shown = self.shown();
        if !self.0.is_file() {
            return Some(format!("{shown} is no file that is there"));
        }
        access(&self.0, may)
            .err()
            .map(|error| format!("Purser may not read and write {shown} ({error})"))
    }

    pub(super) fn has(&self, secret: &SecretString) -> Result<bool> {
        Ok(same(&without_end(&self.read(&mut self.open()?)?), secret))
    }

    pub(super) fn write(&self, secret: &SecretString, expected: &[&SecretString]) -> Result<()> {
        let mut file = self.open()?;
        let text = self.read(&mut file)?;
        let value = without_end(&text);
        // A write that was cut short has left the beginning of what it was to write.
        let mut known = expected.iter().copied().chain([secret]);
        if !known.any(|one| one.expose_secret().starts_with(value.expose_secret())) {
            return Err(ActionError::fatal(format!(
                "{} holds another secret than the one that counts: somebody else has changed it, and it was \
                 left as it is",
                self.shown()
            )));
        }
        let end = if text.ends_with('\n') { "\n" } else { "" };
        let whole = Zeroizing::new(format!("{}{end}", secret.expose_secret()));
        if *text == *whole {
            return Ok(());
        }
        let mut written = || -> std::io::Result<()> {
            file.rewind()?;
            file.write_all(whole.as_bytes())?;
            file.set_len(whole.len() as u64)?;
            file.sync_all()
        };
        written().map_err(|error| {
            ActionError::retryable(format!("{} cannot be written: {error}", self.shown()))
                .may_have_landed()
        })
    }

    fn open(&self) -> Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.0)
            .map_err(|error| self.unreadable(&error))
    }

    fn read(&self, file: &mut File) -> Result<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST as u64 + 2)
            .read_to_string(&mut text)
            .map_err(|error| self.unreadable(&error))?;
        Ok(text)
    }

    fn unreadable(&self, error: &std::io::Error) -> ActionError {
        ActionError::fatal(format!(
            "{} cannot be read and written: {error}",
            self.shown()
        ))
    }
}

fn without_end(text: &str) -> SecretString {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn another_secret_lies_in_the_same_file_with_the_end_that_it_had() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("secret");
        std::fs::write(&path, "a-long-old-secret\n").unwrap();
        let inode = std::fs::metadata(&path).unwrap().ino();
        let file = SecretFile::at(path.clone());
        let (old, new, third) = ("a-long-old-secret".into(), "new".into(), "x".into());
        assert_eq!(file.cannot_write(), None);
        assert!(file.has(&old).unwrap());
        assert!(file.write(&new, &[&third]).is_err());
        for _ in 0..2 {
            file.write(&new, &[&old]).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        }
        // As a write leaves it that was killed.
        for begun in ["", "ne"] {
            std::fs::write(&path, begun).unwrap();
            file.write(&new, &[&old]).unwrap();
            assert!(file.has(&new).unwrap());
        }
        assert_eq!(std::fs::metadata(&path).unwrap().ino(), inode);
        std::fs::remove_file(&path).unwrap();
        assert!(
            file.cannot_write()
                .unwrap()
                .contains("is no file that is there")
        );
    }
}

//! A secret in a file of variables, as Compose's `env_file` names it.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::pair::same;
use crate::action::{ActionError, HostFolder, Result};
use crate::domain::dotenv::{Dotenv, Value};

/// A variable in a file.
#[derive(Clone)]
pub(super) struct EnvFile {
    folder: PathBuf,
    name: String,
    variable: String,
}

impl EnvFile {
    /// # Errors
    /// It has no name, or the variable none that there can be.
    pub(super) fn at(path: &Path, variable: &str) -> Result<Self, String> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(format!("{} is no file", path.display()));
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if variable.is_empty() || !variable.chars().all(is_part) {
            return Err(format!("`{variable}` is no name of a variable"));
        }
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_string_lossy().into_owned(),
            variable: variable.to_owned(),
        })
    }

    pub(super) fn shown(&self) -> String {
        format!(
            "{} in {}",
            self.variable,
            self.folder.join(&self.name).display()
        )
    }

    pub(super) fn variable(&self) -> &str {
        &self.variable
    }

    pub(super) fn cannot_write(&self) -> Option<String> {
        HostFolder::open(&self.folder).map_or_else(Some, |folder| folder.cannot_write(&self.name))
    }

    pub(super) fn has(&self, secret: &SecretString) -> Result<bool> {
        let (_, text) = self.read()?;
        let value = self.value(&text)?;
        Ok(value.is_some_and(|value| same(&value, secret)))
    }

    pub(super) fn write(
        &self,
        secret: &SecretString,
        expected: &[&SecretString],
        token: &str,
    ) -> Result<()> {
        let (folder, text) = self.read()?;
        let value = self.value(&text)?;
        let is = |wanted: &SecretString| value.as_ref().is_some_and(|value| same(value, wanted));
        if is(secret) {
            return Ok(());
        }
        if !expected.iter().any(|one| is(one)) {
            return Err(self.another_one());
        }
        if secret.expose_secret().chars().any(|c| !fits(c)) {
            return Err(ActionError::fatal(format!(
                "the secret has characters that would need quotes in {}, so it is not written there",
                self.shown()
            )));
        }
        let file = Dotenv::parse(&text).map_err(|why| self.unclear(&why))?;
        let with_it = file.set(&self.variable, secret.expose_secret());
        let written = folder.write(&self.name, Some(&text), &with_it, token);
        written.map_err(ActionError::fatal)
    }

    fn read(&self) -> Result<(HostFolder, String)> {
        let read = HostFolder::open(&self.folder)
            .and_then(|folder| folder.read(&self.name).map(|text| (folder, text)));
        read.map_err(ActionError::fatal)
    }

    fn value(&self, text: &str) -> Result<Option<SecretString>> {
        let file = Dotenv::parse(text).map_err(|why| self.unclear(&why))?;
        match file.value(&self.variable) {
            Value::Is(value) => Ok(Some(value.into())),
            Value::Unset => Ok(None),
            Value::Unclear(why) => Err(self.unclear(&format!("{} {why}", self.variable))),
        }
    }

    fn unclear(&self, why: &str) -> ActionError {
        let file = self.folder.join(&self.name);
        ActionError::fatal(format!("{}: {why}", file.display()))
    }

    fn another_one(&self) -> ActionError {
        ActionError::fatal(format!(
            "{} holds another secret than the one that counts: somebody else has changed it, and it was left \
             as it is",
            self.shown()
        ))
    }
}

/// What stands in such a file without quotes and means itself.
fn fits(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~+/=:@%,".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_variable_gets_another_value_and_every_other_byte_stays() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("orders.env");
        std::fs::write(&path, "# orders\nSECRET=\"old\" # by hand\nOTHER=$SECRET\n").unwrap();
        let file = EnvFile::at(&path, "SECRET").unwrap();
        assert_eq!(file.cannot_write(), None);
        let (old, new, third) = ("old".into(), "n3w".into(), "x".into());
        assert!(file.has(&old).unwrap());
        let why = file.write(&new, &[&third], "t").unwrap_err().to_string();
        assert!(why.contains("holds another secret"), "{why}");
        for _ in 0..2 {
            file.write(&new, &[&old], "t").unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text, "# orders\nSECRET=\"n3w\" # by hand\nOTHER=$SECRET\n");
        }
        let odd = file.write(&"a b".into(), &[&new], "t").unwrap_err();
        assert!(!odd.to_string().contains("a b"), "{odd}");
        std::fs::write(&path, "SECRET=$OTHER\n").unwrap();
        assert!(
            file.has(&old)
                .unwrap_err()
                .to_string()
                .contains("is made of other variables")
        );
        std::fs::remove_file(&path).unwrap();
        assert!(
            file.has(&old)
                .unwrap_err()
                .to_string()
                .contains("is not there")
        );
    }
}

//! Seals secrets with age for the identity in `secrets.key`, and opens them.
//!
//! The file is an identity file of age: whoever has it and the database reads the secrets with the
//! `age` command too. It is read anew each time, so that what is on disk is all that there is to
//! know. Its last identity seals; all of them open. There is more than one only while the key is
//! being changed, or after that was cut short.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use age::{Decryptor, Encryptor};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Result, StoreError, put_key_file};
use crate::domain::keys::SECRETS_KEY;

/// Opens and seals secrets.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: PathBuf,
}

/// Sealed bytes that no identity of ours opens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotOpened(String);

impl Vault {
    /// The vault of the store in this folder.
    pub fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The file with the identity.
    pub fn file(&self) -> PathBuf {
        self.folder.join(SECRETS_KEY)
    }

    /// Whether the file is there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn exists(&self) -> Result<bool> {
        self.file()
            .try_exists()
            .map_err(|error| self.failed(&error))
    }

    /// Makes the file with a first identity, for the owner only.
    ///
    /// # Errors
    /// It is there already, or cannot be written.
    pub fn make(&self) -> Result<()> {
        if self.exists()? {
            return Err(self.trouble("is there already, and was left as it is"));
        }
        self.replace(&[Identity::generate()])
    }

    /// How many identities there are: 1, or more after a change of the key was cut short.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn count(&self) -> Result<usize> {
        Ok(self.identities()?.len())
    }

    /// Adds a fresh identity behind those that there are. From now on it seals, and all open.
    ///
    /// # Errors
    /// The file cannot be read or written: it is as it was.
    pub fn add_identity(&self) -> Result<()> {
        let mut identities = self.identities()?;
        identities.push(Identity::generate());
        self.replace(&identities)
    }

    /// Drops all identities but the one that seals.
    ///
    /// # Errors
    /// The file cannot be read or written: it is as it was.
    pub fn keep_last_identity(&self) -> Result<()> {
        let last = self.identities()?.pop();
        self.replace(last.as_slice())
    }

    /// Seals a value: a file of age, binary.
    ///
    /// # Errors
    /// The file with the identity cannot be read.
    pub fn seal(&self, value: &SecretString) -> Result<Vec<u8>> {
        let identities = self.identities()?;
        let recipient = identities.last().map(Identity::to_public);
        let recipient = recipient.iter().map(|one| one as &dyn age::Recipient);
        let failed = |error: &dyn std::fmt::Display| self.failed(error);
        let encryptor = Encryptor::with_recipients(recipient).map_err(|error| failed(&error))?;
        let seal = || -> io::Result<Vec<u8>> {
            let mut sealed = Vec::new();
            let mut writer = encryptor.wrap_output(&mut sealed)?;
            writer.write_all(value.expose_secret().as_bytes())?;
            writer.finish()?;
            Ok(sealed)
        };
        seal().map_err(|error| failed(&error))
    }

    /// Opens what was sealed; `Ok(Err(_))` when no identity of ours does.
    ///
    /// # Errors
    /// The file with the identity cannot be read.
    pub fn open(&self, sealed: &[u8]) -> Result<Result<SecretString, NotOpened>> {
        let identities = self.identities()?;
        let identities = identities.iter().map(|one| one as &dyn age::Identity);
        let not_opened = |error: &dyn std::fmt::Display| {
            NotOpened(format!(
                "{} does not open it ({error})",
                self.file().display()
            ))
        };
        let open = || {
            let decryptor = Decryptor::new_buffered(sealed).map_err(|error| not_opened(&error))?;
            let mut reader = decryptor
                .decrypt(identities)
                .map_err(|error| not_opened(&error))?;
            let mut value = String::new();
            reader
                .read_to_string(&mut value)
                .map_err(|error| not_opened(&error))?;
            Ok(SecretString::from(value))
        };
        Ok(open())
    }

    fn identities(&self) -> Result<Vec<Identity>> {
        let text = fs::read_to_string(self.file()).map(SecretString::from);
        let text = text.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.trouble(
                "is not there, and without it no secret can be opened: restore it from a backup",
            ),
            _ => self.failed(&error),
        })?;
        let lines = text.expose_secret().lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Result<Vec<Identity>, _> = lines.map(str::parse).collect();
        identities
            .ok()
            .filter(|identities| !identities.is_empty())
            .ok_or_else(|| {
                self.trouble(
                    "holds no identity of age, AGE-SECRET-KEY-1…: restore it from a backup",
                )
            })
    }

    fn replace(&self, identities: &[Identity]) -> Result<()> {
        let text = SecretString::from(file_of(identities));
        put_key_file(&self.file(), text.expose_secret().as_bytes())
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> StoreError {
        self.trouble(&format!("cannot be read or written: {error}"))
    }

    fn trouble(&self, message: &str) -> StoreError {
        StoreError::File {
            file: self.file().display().to_string(),
            message: message.to_owned(),
        }
    }
}

/// The text of an identity file of age.
fn file_of(identities: &[Identity]) -> String {
    let first = "# Opens the secrets of the store in this folder. The last identity seals.\n";
    identities.iter().fold(first.to_owned(), |text, identity| {
        let (public, secret) = (identity.to_public(), identity.to_string());
        format!("{text}# public key: {public}\n{}\n", secret.expose_secret())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;

    fn vault() -> (tempfile::TempDir, Vault) {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::of(folder.path());
        vault.make().unwrap();
        (folder, vault)
    }

    fn opened(vault: &Vault, sealed: &[u8]) -> String {
        vault
            .open(sealed)
            .unwrap()
            .unwrap()
            .expose_secret()
            .to_owned()
    }

    #[test]
    fn the_key_is_for_its_owner_only_and_never_made_twice() {
        let (_folder, vault) = vault();
        let mode = || fs::metadata(vault.file()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        assert!(vault.make().is_err());
        vault.add_identity().unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn while_the_key_is_changed_old_and_new_open() {
        let (_folder, vault) = vault();
        let before = vault.seal(&"old".into()).unwrap();
        vault.add_identity().unwrap();
        let between = vault.seal(&"new".into()).unwrap();
        assert_eq!(opened(&vault, &before), "old");
        assert_eq!(opened(&vault, &between), "new");
        vault.keep_last_identity().unwrap();
        assert_eq!(vault.count().unwrap(), 1);
        assert!(vault.open(&before).unwrap().is_err());
        assert_eq!(opened(&vault, &between), "new");
    }

    #[test]
    fn half_a_file_of_a_killed_change_is_in_nobodys_way() {
        let (folder, vault) = vault();
        let half = folder.path().join("secrets.key.new");
        fs::write(half, "AGE-SECRET-KEY-1HALF").unwrap();
        let sealed = vault.seal(&"value".into()).unwrap();
        vault.add_identity().unwrap();
        assert_eq!(opened(&vault, &sealed), "value");
    }

    #[test]
    fn a_key_that_is_gone_or_garbled_says_what_to_do() {
        let (_folder, vault) = vault();
        fs::write(vault.file(), "# nothing\nhunter2\n").unwrap();
        let told = vault.seal(&"x".into()).unwrap_err().to_string();
        assert!(
            told.contains("restore it") && !told.contains("hunter2"),
            "{told}"
        );
        fs::remove_file(vault.file()).unwrap();
        let told = vault.seal(&"x".into()).unwrap_err().to_string();
        assert!(told.contains("is not there"), "{told}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn what_is_sealed_opens_and_shows_nothing(value in "\\PC{12,200}") {
            let (_folder, vault) = vault();
            let sealed = vault.seal(&value.clone().into()).unwrap();
            prop_assert_eq!(opened(&vault, &sealed), value.clone());
            prop_assert!(!String::from_utf8_lossy(&sealed).contains(&value));
            let mut altered = sealed;
            *altered.last_mut().unwrap() ^= 1;
            prop_assert!(vault.open(&altered).unwrap().is_err());
        }
    }
}

//! The folder that Traefik's file provider reads (`providers.file.directory`), as it lies for Purser.
//!
//! Traefik takes files there that end with `.yml`, `.yaml` or `.toml`, and no others. One that is written in
//! place may be read half done; one that is renamed into its place is not.
//!
//! Source: Traefik's documentation, "File", and its provider's code (version 3.7).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use nix::unistd::{AccessFlags, access};

use crate::action::ports::RouteFiles;
use crate::action::{ActionError, Result};

/// A longer file is none of Purser's, in bytes.
const LONGEST: u64 = 1 << 20;
/// Traefik may run as another user.
const FOR_ALL_TO_READ: u32 = 0o644;

/// A folder of routes.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Why files cannot be put there.
    pub(super) fn cannot_write(&self) -> Option<String> {
        let shown = self.0.display();
        match fs::metadata(&self.0) {
            Err(error) => return Some(format!("{shown} cannot be looked at ({error})")),
            Ok(facts) if !facts.is_dir() => return Some(format!("{shown} is no folder")),
            Ok(_) => {}
        }
        let may_write = access(&self.0, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
        (!may_write).then(|| format!("Purser may not write to {shown}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let failed = |why: &str| format!("{} cannot be read ({why})", self.shown(name));
        let file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error.to_string())),
        };
        let mut text = String::new();
        let read = file.take(LONGEST + 1).read_to_string(&mut text);
        read.map_err(|error| failed(&error.to_string()))?;
        if text.len() as u64 > LONGEST {
            return Err(failed("it is longer than 1 MiB"));
        }
        Ok(Some(text))
    }

    fn put(
        &self,
        name: &str,
        expected: &[Option<String>],
        text: Option<&str>,
    ) -> Result<(), String> {
        let there = self.text(name)?;
        if there.as_deref() == text {
            return Ok(());
        }
        if !expected.contains(&there) {
            return Err(format!(
                "somebody else has changed {}, which leads people to the containers, and it was not written over: \
                 take that change back, and try again",
                self.shown(name)
            ));
        }
        let done = match text {
            Some(text) => self.write(name, text),
            None => fs::remove_file(self.path(name)),
        };
        done.and_then(|()| File::open(&self.0)?.sync_all())
            .map_err(|error| format!("{} cannot be written ({error})", self.shown(name)))
    }

    fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        // Traefik takes no file that ends so.
        let half = self.path(&format!(".{name}.half"));
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        let mut file = options.mode(FOR_ALL_TO_READ).open(&half)?;
        file.set_permissions(fs::Permissions::from_mode(FOR_ALL_TO_READ))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&half, self.path(name))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl RouteFiles for Folder {
    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        let (folder, name) = (self.clone(), name.to_owned());
        blocking(move || folder.text(&name)).boxed()
    }

    fn replace<'a>(
        &'a self,
        name: &'a str,
        expected: &'a [Option<&'a str>],
        text: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>> {
        let (folder, name) = (self.clone(), name.to_owned());
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let expected: Vec<_> = expected.iter().copied().map(owned).collect();
        let text = owned(text);
        blocking(move || folder.put(&name, &expected, text.as_deref())).boxed()
    }
}

/// Looks at files, which may lie on a disk that does not answer, on a thread that may wait.
async fn blocking<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T> {
    let looked = tokio::task::spawn_blocking(look).await;
    let looked =
        looked.map_err(|_| ActionError::fatal("looking at the routes' folder broke off"))?;
    looked.map_err(ActionError::fatal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_text_takes_the_place_of_the_expected_one_and_of_no_other() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_owned());
        assert_eq!(folder.cannot_write(), None);
        assert_eq!(folder.read("web.yml").await.unwrap(), None);
        folder
            .replace("web.yml", &[None], Some("one"))
            .await
            .unwrap();
        // The same once more, by somebody who does not know that it was done.
        folder
            .replace("web.yml", &[None], Some("one"))
            .await
            .unwrap();
        let why = folder
            .replace("web.yml", &[None], Some("two"))
            .await
            .unwrap_err();
        let why = why
            .message
            .replace(&place.path().display().to_string(), "/routes");
        insta::assert_snapshot!(why, @"somebody else has changed /routes/web.yml, which leads people to the containers, and it was not written over: take that change back, and try again");
        folder
            .replace("web.yml", &[None, Some("one")], Some("two"))
            .await
            .unwrap();
        assert_eq!(
            folder.read("web.yml").await.unwrap().as_deref(),
            Some("two")
        );
        assert_eq!(files(&place), ["web.yml"]);
        folder
            .replace("web.yml", &[Some("two")], None)
            .await
            .unwrap();
        folder
            .replace("web.yml", &[Some("two")], None)
            .await
            .unwrap();
        assert_eq!(files(&place), [""; 0]);
    }

    #[tokio::test]
    async fn what_a_kill_has_left_half_done_is_no_route_and_in_nobodys_way() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(".web.yml.half"), "ht").unwrap();
        let folder = Folder::new(place.path().to_owned());
        folder
            .replace("web.yml", &[None], Some("http"))
            .await
            .unwrap();
        assert_eq!(files(&place), ["web.yml"]);
        let mode = fs::metadata(place.path().join("web.yml"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, FOR_ALL_TO_READ);
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let folder = Folder::new(PathBuf::from("/nowhere/routes"));
        insta::assert_snapshot!(folder.cannot_write().unwrap(), @"/nowhere/routes cannot be looked at (No such file or directory (os error 2))");
    }
}

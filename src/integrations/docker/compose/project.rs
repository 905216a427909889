//! One project in its folder: its Compose files and its `.env`.

use std::collections::HashMap;
use std::path::Path;

use super::file::{File, Image};
use crate::action::HostFolder;
use crate::domain::dotenv::{Dotenv, Value};

/// Where Compose looks for a file, the first that is there.
const NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// Which file it takes beside that one, the first that is there.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Of which file Compose takes variables.
pub(super) const DOTENV: &str = ".env";

/// What Compose writes on a container: its files, as they lay for who called it, with commas between.
const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// From where the paths of that are taken.
const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// Files of variables that were named when Compose was called.
const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";

/// A container's labels.
pub(super) type Labels = HashMap<String, String>;

/// A project whose folder is there.
pub(super) struct Project {
    pub(super) name: String,
    pub(super) folder: HostFolder,
    /// Its Compose files in their order, from the folder on.
    files: Vec<String>,
}

/// A project's files, read.
pub(super) struct Files {
    pub(super) compose: Vec<File>,
    /// The text of `.env`, if it is there.
    pub(super) dotenv: Option<String>,
}

impl Project {
    /// The project in this folder, with the files that the labels of one of its containers name.
    pub(super) fn open(name: &str, path: &Path, labels: Option<&Labels>) -> Result<Self, String> {
        let folder = HostFolder::open(path)?;
        let files = match labels {
            Some(labels) => named_files(labels)?,
            None => None,
        };
        let files = files.unwrap_or_else(|| usual_files(path));
        if files.is_empty() {
            return Err(format!("there is no Compose file in {}", path.display()));
        }
        Ok(Self {
            name: name.to_owned(),
            folder,
            files,
        })
    }

    /// How people call its `.env`.
    pub(super) fn dotenv(&self) -> String {
        self.folder.shown(DOTENV)
    }

    /// Why its `.env` could not be written.
    pub(super) fn cannot_write(&self) -> Option<String> {
        self.folder.cannot_write(DOTENV)
    }

    /// Reads its files; none of them has any effect yet.
    pub(super) fn read(&self) -> Result<Files, String> {
        let read = |name: &String| {
            let text = self.folder.read(name)?;
            File::parse(&self.folder.shown(name), &text)
        };
        let files = Files {
            compose: self.files.iter().map(read).collect::<Result<_, _>>()?,
            dotenv: self.folder.read_if_there(DOTENV)?,
        };
        files
            .variables()
            .map_err(|why| format!("{}, {why}", self.dotenv()))?;
        Ok(files)
    }
}

/// The Compose files that are there, in Compose's order, where no container says which were taken.
fn usual_files(folder: &Path) -> Vec<String> {
    let there = |names: [&str; 4]| {
        let found = names.into_iter().find(|name| folder.join(name).is_file());
        found.map(str::to_owned)
    };
    there(NAMES).into_iter().chain(there(OVERRIDES)).collect()
}

impl Files {
    /// The variables of `.env`.
    pub(super) fn variables(&self) -> Result<Dotenv<'_>, String> {
        Dotenv::parse(self.dotenv.as_deref().unwrap_or_default())
    }

    /// The image that the files name for a service, and which of them does: of several the last one.
    pub(super) fn image(&self, service: &str) -> Option<(&File, &Image)> {
        let mut files = self.compose.iter().rev();
        files.find_map(|file| Some((file, file.image(service)?)))
    }

    /// Whether any of them says something of a service.
    pub(super) fn knows(&self, service: &str) -> bool {
        let mut services = self.compose.iter().flat_map(File::services);
        services.any(|(name, _)| name == service)
    }
}

/// What `.env` gives a template. What the environment of whoever calls Compose gives it cannot be seen.
pub(super) fn given(variables: &Dotenv<'_>, name: &str) -> Option<String> {
    match variables.value(name) {
        Value::Is(text) => Some(text),
        Value::Unset | Value::Unclear(_) => None,
    }
}

/// The Compose files that the labels name, from the working folder on; `None` where they name none.
fn named_files(labels: &Labels) -> Result<Option<Vec<String>>, String> {
    let working = labels.get(WORKING_DIR).map(Path::new);
    let own = |path: &str| -> Result<String, String> {
        let outside = || format!("the project was started with {path}, which is not in its folder");
        let path = Path::new(path);
        let inside = match working {
            Some(working) if path.is_absolute() => {
                path.strip_prefix(working).map_err(|_| outside())?
            }
            _ => path.file_name().map(Path::new).ok_or_else(outside)?,
        };
        Ok(inside.display().to_string())
    };
    if let Some(named) = labels
        .get(ENVIRONMENT_FILE)
        .filter(|named| !named.is_empty())
        && own(named).ok().as_deref() != Some(DOTENV)
    {
        return Err(format!(
            "the project takes its variables from {named}, and not from `.env`"
        ));
    }
    let Some(named) = labels.get(CONFIG_FILES).filter(|named| !named.is_empty()) else {
        return Ok(None);
    };
    let files = named.split(',').map(own);
    files.collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(labels: &[(&str, &str)]) -> Result<Option<Vec<String>>, String> {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        named_files(&labels.collect())
    }

    #[test]
    fn compose_takes_the_first_of_its_names_and_one_beside_it() {
        let place = tempfile::tempdir().unwrap();
        for name in ["docker-compose.yml", "compose.yml", "compose.override.yaml"] {
            std::fs::write(place.path().join(name), "").unwrap();
        }
        assert_eq!(
            usual_files(place.path()),
            ["compose.yml", "compose.override.yaml"]
        );
    }

    #[test]
    fn the_files_are_those_that_compose_was_called_with() {
        let host = (WORKING_DIR, "/home/ann/shop");
        let named = files(&[
            host,
            (
                CONFIG_FILES,
                "/home/ann/shop/a.yaml,/home/ann/shop/more/b.yaml",
            ),
        ]);
        assert_eq!(named.unwrap().unwrap(), ["a.yaml", "more/b.yaml"]);
        let named = files(&[(CONFIG_FILES, "/home/ann/shop/a.yaml")]);
        assert_eq!(named.unwrap().unwrap(), ["a.yaml"]);
        assert_eq!(files(&[host]), Ok(None));
    }

    #[test]
    fn what_lies_elsewhere_is_refused() {
        let host = (WORKING_DIR, "/home/ann/shop");
        let why = files(&[host, (CONFIG_FILES, "/etc/shop.yaml")]).unwrap_err();
        insta::assert_snapshot!(why, @"the project was started with /etc/shop.yaml, which is not in its folder");
        let why = files(&[host, (ENVIRONMENT_FILE, "/home/ann/shop/prod.env")]).unwrap_err();
        insta::assert_snapshot!(why, @"the project takes its variables from /home/ann/shop/prod.env, and not from `.env`");
        assert_eq!(
            files(&[host, (ENVIRONMENT_FILE, "/home/ann/shop/.env")]),
            Ok(None)
        );
    }
}

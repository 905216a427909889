//! Compose projects whose folders Purser may read and write: from where a service takes its version.
//!
//! ```toml
//! [systems.shop.projects]
//! shop = "/srv/shop"
//! ```

mod file;
mod order;

mod pin;
mod project;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub(super) use crate::domain::dotenv::Before;

pub(super) use pin::{Pin, Set};

use self::project::Project;
use crate::action::{ActionError, Connect, ConnectError, Result};
use crate::domain::finding::Remark;

/// The folders of projects, as they lie for Purser. A project that is not among them is not looked at.
#[derive(Clone, Default)]
pub(super) struct Projects {
    folders: BTreeMap<String, PathBuf>,
    /// Two deploys of one project at the same time write one after the other.
    writing: Arc<Mutex<()>>,
}

impl Projects {
    /// Reads the table `[systems.NAME.projects]`; looks at no folder.
    pub(super) fn connect(
        table: BTreeMap<String, PathBuf>,
        connect: &Connect<'_>,
    ) -> std::result::Result<Self, ConnectError> {
        for (project, folder) in &table {
            let begins_well =
                project.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
            let is_part =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
            if !begins_well || !project.chars().all(is_part) {
                return Err(connect.error(format!(
                    "projects.\"{project}\": that is no name of a Compose project: `docker compose ls` \
                     shows the names, of small letters, digits, `-` and `_`"
                )));
            }
            if folder.as_os_str().is_empty() {
                return Err(connect.error(format!(
                    "projects.{project}: write the folder in which its Compose file lies, such as \
                     \"/srv/{project}\""
                )));
            }
        }
        let from_base = |(project, folder): (String, PathBuf)| (project, connect.base.join(folder));
        Ok(Self {
            folders: table.into_iter().map(from_base).collect(),
            writing: Arc::default(),
        })
    }

    /// The folder of a project.
    fn folder(&self, project: &str) -> Option<&Path> {
        self.folders.get(project).map(PathBuf::as_path)
    }

    /// How each project's folder stands: whether versions can be pinned there.
    pub(super) async fn examine(&self) -> Vec<Remark> {
        let projects = self.folders.clone();
        let looked = move || {
            let each = projects.iter();
            each.map(|(name, folder)| looked_at(name, folder)).collect()
        };
        blocking(looked)
            .await
            .unwrap_or_else(|error| vec![Remark::from(&error)])
    }
}

fn looked_at(name: &str, folder: &Path) -> Remark {
    let read = Project::open(name, folder, None);
    let why = match &read {
        Err(why) => Some(why.clone()),
        Ok(project) => project.read().err().or_else(|| project.cannot_write()),
    };
    match (read, why) {
        (Ok(project), None) => Remark::well(format!(
            "versions of the Compose project `{name}` can be pinned in {}",
            project.dotenv()
        )),
        (_, why) => Remark::problem(
            format!(
                "versions of the Compose project `{name}` cannot be pinned: {}",
                why.unwrap_or_default()
            ),
            format!("see to the folder, or correct `{name}` under `projects`"),
        ),
    }
}

/// Looks at files, which may lie on a disk that does not answer, on a thread that may wait.
async fn blocking<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(look)
        .await
        .map_err(|_| ActionError::fatal("looking at the project's folder broke off"))
}

//! Where backups are: a file, a folder of this machine, or a folder of an object store.

use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path as Key;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use crate::action::objects::{ObjectUrl, Objects};
use crate::action::{ActionError, Connect, Registry, Systems};
use crate::app::world::load_config;
use crate::cli::Failure;
use crate::domain::names::SystemName;
use crate::domain::redact::Redactor;
use crate::domain::secret::Opened;
use crate::integrations;
use crate::integrations::own::{Found, backups};

/// The folder that keeps backups, and the one of them that was named.
pub(super) struct Source {
    pub(super) folder: Arc<dyn Objects>,
    named: Option<String>,
}

impl Source {
    /// Finds out what `from` means.
    pub(super) fn find(from: &str, config: &Path) -> Result<Self, Failure> {
        let url = address(from)?;
        let mut systems = Systems::new();
        systems.set_folders(Arc::new(integrations::folders::LocalFolders));
        if let ObjectUrl::S3 { system, .. } = &url {
            connect(&mut systems, system, config, from)?;
        }
        let open = |url: &ObjectUrl| systems.objects(url).map_err(said);
        let is_one = match &url {
            ObjectUrl::File { path } if !path.exists() => {
                return Err(Failure::usage(format!("there is no {}", path.display())));
            }
            ObjectUrl::File { path } => path.is_file(),
            // An address of an object store may be that of one backup, and looks the same.
            ObjectUrl::S3 { prefix, .. } => Path::new(prefix)
                .extension()
                .is_some_and(|ending| ending == "age"),
        };
        let one = url.split().filter(|_| is_one);
        Ok(match one {
            Some((folder, name)) => Self {
                folder: open(&folder)?,
                named: Some(name),
            },
            None => Self {
                folder: open(&url)?,
                named: None,
            },
        })
    }

    /// All backups there, newest first.
    pub(super) async fn all(&self) -> Result<Vec<Found>, Failure> {
        backups(&*self.folder).await.map_err(said)
    }

    /// The one that was named, or the newest.
    pub(super) async fn chosen(&self) -> Result<String, Failure> {
        if let Some(name) = &self.named {
            return Ok(name.clone());
        }
        let newest = self.all().await?.into_iter().next();
        newest.map(|found| found.name).ok_or_else(|| {
            Failure::failed(format!(
                "there are no backups of Purser in {}",
                self.folder.url()
            ))
        })
    }

    /// Its bytes.
    pub(super) async fn read(
        &self,
        name: &str,
    ) -> Result<impl AsyncRead + Send + Unpin + 'static, Failure> {
        match self.folder.store().get(&Key::from(name)).await {
            Ok(got) => {
                let bytes = got.into_stream().map_err(std::io::Error::other);
                Ok(StreamReader::new(bytes))
            }
            Err(error) => {
                let what = format!("read {name} in {}", self.folder.url());
                Err(said(self.folder.explain(&what, error).await))
            }
        }
    }
}

fn said(error: ActionError) -> Failure {
    Failure::failed(error.message)
}

/// What people type for a path is one, without a scheme.
fn address(from: &str) -> Result<ObjectUrl, Failure> {
    if from.contains("://") {
        return from
            .parse()
            .map_err(|error: crate::action::objects::NotAnObjectUrl| {
                Failure::usage(error.to_string())
            });
    }
    let path = std::fs::canonicalize(from)
        .map_err(|error| Failure::usage(format!("--from {from}: {error}")))?;
    Ok(ObjectUrl::File { path })
}

/// Whether no key is one that the store keeps, which has yet to be recovered.
fn in_files(settings: &toml::Table) -> Result<(), String> {
    let kept = settings
        .keys()
        .filter_map(|key| key.strip_suffix("_secret"));
    let kept: Vec<_> = kept.collect();
    if kept.is_empty() {
        return Ok(());
    }
    let named = |ending: &str| {
        let named: Vec<_> = kept.iter().map(|key| format!("{key}{ending}")).collect();
        named.join(" and ")
    };
    Err(format!(
        "{}, and these secrets are in the backup itself: name {} instead",
        named("_secret"),
        named("_file")
    ))
}

/// Connects the one system that the address names; the others may not be there yet.
fn connect(
    systems: &mut Systems,
    name: &SystemName,
    config_path: &Path,
    from: &str,
) -> Result<(), Failure> {
    let needed = |why: String| {
        Failure::usage(format!(
            "{why}. `{from}` needs a configuration with these lines, by --config FILE:\n\
             [systems.{name}]\nkind = \"s3\"\nendpoint = \"http://HOST:9000\"\n\
             access_key_file = \"/path/to/access_key\"\nsecret_key_file = \"/path/to/secret_key\""
        ))
    };
    if !config_path.exists() {
        return Err(needed(format!("there is no {}", config_path.display())));
    }
    let config = load_config(config_path)?;
    let Some(system) = config.systems.get(name) else {
        return Err(needed(format!(
            "{} has no [systems.{name}]",
            config_path.display()
        )));
    };
    in_files(&system.settings).map_err(|why| {
        let file = config_path.display();
        needed(format!("{file}: [systems.{name}] names {why}"))
    })?;
    let registry = Registry::new(integrations::all());
    let integration = registry.integration(&system.kind).map_err(|unknown| {
        Failure::usage(config.system_error(name, Some("kind"), unknown).to_string())
    })?;
    let redactor = Arc::new(Redactor::new());
    let connected = (integration.connect)(&Connect {
        name,
        settings: system.settings.clone(),
        redactor: &redactor,
        // They are in the store that is to be recovered.
        secrets: &Opened::default(),
        base: config.base(),
    })
    .map_err(|error| Failure::usage(config.explain(&error).to_string()))?;
    systems.insert(
        name.clone(),
        integration.kind,
        system.environment.clone(),
        connected,
    );
    Ok(())
}

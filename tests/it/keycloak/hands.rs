//! Purser's actions on a realm, and the systems that they are given.

use std::sync::Arc;

use purser::action::{Connect, Examination, Registry, Systems, Use, Uses};
use purser::domain::names::{RunId, SystemName};
use purser::domain::redact::Redactor;
use purser::domain::secret::Opened;
use purser::integrations::{self, keycloak};
use serde_json::Value;

use crate::support::journal::{MemoryJournal, WallClock};
use crate::support::keycloak::{Realm, url};
use crate::support::systems::connect;

/// What Purser logs in as.
pub const PURSER: &str = "purser";

/// A system `sso` of these settings, and the folder with the secret that they name.
pub struct Sso {
    pub systems: Arc<Systems>,
    pub settings: toml::Table,
    _folder: tempfile::TempDir,
}

impl Sso {
    /// The realm, with a client for Purser that has these roles.
    pub async fn of(realm: &Realm, roles: &[&str], more: &str) -> Self {
        let secret = realm.administrator(PURSER, roles).await;
        Self::at(&url(), &realm.name, PURSER, &secret, more)
    }

    /// Any realm, client and secret.
    pub fn at(url: &str, realm: &str, client: &str, secret: &str, more: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, secret).unwrap();
        let mut settings = toml::toml! {
            url = (url)
            realm = (realm)
            client_id = (client)
            client_secret_file = (file.display().to_string())
        };
        settings.extend(more.parse::<toml::Table>().unwrap());
        let mut systems = Systems::new();
        connect(
            &mut systems,
            &keycloak::integration(),
            "sso",
            settings.clone(),
        );
        Self {
            systems: Arc::new(systems),
            settings,
            _folder: folder,
        }
    }

    /// What an action gives or says.
    pub async fn run(&self, action: &str, input: Value) -> Result<Value, String> {
        let registry = Registry::new(integrations::all());
        let action = registry.action(action).unwrap();
        let run = RunId::new(uuid::Uuid::now_v7());
        let journal = Arc::new(MemoryJournal::default());
        let ctx = journal.context(run, action.spec(), "sso", &self.systems);
        action.run(&ctx, input).await.map_err(|error| error.message)
    }

    /// What the doctor sees for workflows with these actions, each remark in a line.
    pub async fn examined(&self, actions: &[&str]) -> (String, Examination) {
        let registry = Registry::new(integrations::all());
        let uses = actions.iter().map(|action| Use {
            action: (*action).into(),
            risk: registry.action(action).unwrap().spec().risk,
            workflow: "any".into(),
            with: [].into(),
        });
        let system = &self.systems.get("sso").unwrap().system;
        let found = system.examine(&Uses(uses.collect()), &WallClock).await;
        let lines = found.remarks.iter().map(|remark| {
            let (state, message) = (remark.verdict.state(), &remark.message);
            let next = remark.verdict.next().map(|next| format!("\n    {next}"));
            format!("{state:?}: {message}{}", next.unwrap_or_default())
        });
        (lines.collect::<Vec<_>>().join("\n"), found)
    }

    /// What the check says, well or not.
    pub async fn checked(&self) -> String {
        let system = &self.systems.get("sso").unwrap().system;
        let checked = system.check().await;
        checked.unwrap_or_else(|error| error.message)
    }
}

/// What is wrong with these settings.
pub fn complaint(settings: &str) -> String {
    let connected = (keycloak::integration().connect)(&Connect {
        name: &SystemName::from("sso"),
        settings: settings.parse().unwrap(),
        redactor: &Arc::new(Redactor::new()),
        secrets: &Opened::default(),
        base: std::path::Path::new("/nowhere"),
    });
    connected.err().unwrap().to_string()
}

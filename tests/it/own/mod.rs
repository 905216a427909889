//! Purser's own backup: made by the real program, opened with other tools, and put back on a machine
//! that has nothing.

mod disk;
mod halfway;
mod incomplete;
mod mid_write;
mod page;
mod pruning;
mod recover;
mod refused;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::program::{Home, Said};

/// A key of age: the file with its secret half, and its public half.
pub struct Key {
    folder: TempDir,
    /// What stands in `recipients`.
    pub public: String,
}

impl Key {
    /// A new one.
    pub fn new() -> Self {
        use age::secrecy::ExposeSecret as _;
        let folder = tempfile::tempdir().unwrap();
        let identity = age::x25519::Identity::generate();
        let text = format!(
            "# a key for a test\n{}\n",
            identity.to_string().expose_secret()
        );
        fs::write(folder.path().join("key.txt"), text).unwrap();
        Self {
            folder,
            public: identity.to_public().to_string(),
        }
    }

    /// The file with the secret half.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("key.txt")
    }
}

/// Writes the workflow `backup-purser` of one step, to this folder of objects.
pub fn backs_up_to(home: &Home, to: &str, key: &Key, more: &str) {
    let steps = format!(
        "
steps:
  - id: backup
    uses: purser.backup_store
    with: {{ to: '{to}', recipients: [{}]{more} }}
",
        key.public
    );
    home.workflow("backup-purser", &steps);
}

/// Makes a backup: the output of its step.
pub async fn backed_up(home: &Home) -> Value {
    let run = home.starts(&["backup-purser"]).await;
    let ended = home.ends(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    ended["run"]["steps"]["backup"]["output"].clone()
}

/// A folder for a Purser, with nothing in it.
pub fn empty_machine() -> Home {
    let home = Home::new(&[]);
    fs::remove_file(home.path("purser.toml")).unwrap();
    fs::remove_dir(home.path("workflows")).unwrap();
    fs::remove_dir(home.path("commands")).unwrap();
    home
}

/// `purser recover --from FROM --identity KEYFILE`.
pub async fn recovers(home: &Home, from: &str, key: &Key, more: &[&str]) -> Said {
    let key = key.file().display().to_string();
    let asked = [&["recover", "--from", from, "--identity", &key], more].concat();
    home.types(&asked).await
}

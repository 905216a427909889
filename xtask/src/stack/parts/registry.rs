//! A registry of images, for what an engine has to fetch.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;
use crate::stack::need::{Need, debian, must_find};
use crate::stack::part::{Launch, Part};
use crate::stack::places::Places;
use crate::stack::{http, ports};

const NAME: &str = "registry";
const PORT: u16 = ports::of(NAME);
const PROGRAM: &str = "docker-registry";

/// An empty registry without accounts: engines take one on loopback without TLS.
pub(crate) struct Registry;

impl Part for Registry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self, _places: &Places) -> Vec<Need> {
        vec![debian(PROGRAM, "docker-registry")]
    }

    fn launch(&self, places: &Places) -> Result<Launch> {
        let dir = places.dir(NAME);
        let data = dir.join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        let config = dir.join("config.yml");
        fs::write(&config, settings(&data))
            .with_context(|| format!("cannot write {}", config.display()))?;
        let program = must_find(PROGRAM)?;
        let mut command = Command::new(&program);
        command.arg("serve").arg(config);
        let version = sh::output(Command::new(program).arg("--version"))?;
        let version = version.split_whitespace().last().unwrap_or("?").to_owned();
        Ok(Launch {
            command,
            version,
            address: address(),
        })
    }

    fn is_ready(&self, _places: &Places) -> Result<bool> {
        Ok(http::is_ok(PORT, "/v2/"))
    }

    fn env(&self, _places: &Places) -> Result<Vec<(&'static str, String)>> {
        Ok(vec![("PURSER_TEST_REGISTRY", address())])
    }
}

fn address() -> String {
    format!("127.0.0.1:{PORT}")
}

/// JSON is YAML too, and needs no quoting of ours.
fn settings(data: &Path) -> String {
    serde_json::json!({
        "version": "0.1",
        "log": { "level": "warn", "accesslog": { "disabled": true } },
        "storage": { "filesystem": { "rootdirectory": data } },
        "http": { "addr": address() },
    })
    .to_string()
}

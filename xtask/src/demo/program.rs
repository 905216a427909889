//! The program that is played, built from the checkout.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};

use crate::{sh, test};

/// Builds it as the tests do, and says where it is.
pub(crate) fn build() -> Result<PathBuf> {
    let mut cargo = test::cargo();
    cargo.args(["build", "--quiet", "--package", "purser", "--bin", "purser"]);
    cargo
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped());
    let mut build = sh::spawn(&mut cargo)?;
    let messages = build.process.stdout.take().context("cargo has no output")?;
    let mut built = None;
    for message in BufReader::new(messages).lines() {
        let message: serde_json::Value = serde_json::from_str(&message?)?;
        if let Some(path) = message["executable"].as_str() {
            built = Some(PathBuf::from(path));
        }
    }
    build.wait()?;
    built.context("cargo does not say where it has put purser")
}

//! Cargo, called from within a program that cargo runs.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::sh;

/// What cargo tells the program that it runs of this program's package. Build scripts watch these:
/// handed on, they would have the half of all dependencies built anew.
const OF_THE_CALLER: &[&str] = &[
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
];

/// Cargo, in the checkout.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let of_the_caller = |name: &str| OF_THE_CALLER.iter().any(|start| name.starts_with(start));
        if name.to_str().is_some_and(of_the_caller) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(root()).stdin(Stdio::null());
    cargo
}

/// The checkout: the folder above this crate's, as cargo tells whom it runs; else where we are.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    here.and_then(|dir| dir.parent().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("."))
}

/// Builds `purser` with these further arguments, and says where it is.
pub(crate) fn build_purser(args: &[&str]) -> Result<PathBuf> {
    built("build", "purser", args)
}

/// Builds the local Discord of the tests, and says where it is.
pub(crate) fn build_fake_discord() -> Result<PathBuf> {
    built("build", "fake-discord", &[])
}

/// The same, with arguments for the compiler of the program alone.
pub(crate) fn rustc_purser(args: &[&str], compiler: &[&str]) -> Result<PathBuf> {
    rustc("purser", args, compiler)
}

/// Builds the service of the tests, with arguments for the compiler, and says where it is.
pub(crate) fn rustc_test_web(args: &[&str], compiler: &[&str]) -> Result<PathBuf> {
    rustc("test-web", args, compiler)
}

fn rustc(package: &str, args: &[&str], compiler: &[&str]) -> Result<PathBuf> {
    built("rustc", package, &[args, &["--"], compiler].concat())
}

/// The program of a package is called like it.
fn built(command: &str, package: &str, args: &[&str]) -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args([command, "--quiet", "--package", package, "--bin", package]);
    cargo
        .arg("--message-format=json-render-diagnostics")
        .args(args)
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
    built.with_context(|| format!("cargo does not say where it has put {package}"))
}

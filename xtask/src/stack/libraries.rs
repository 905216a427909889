//! Libraries of other languages that tests hold our own code against.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::sh;
use crate::stack::cache;
use crate::stack::need::{self, Source, debian, must_find};
use crate::stack::places::Places;

const NPM: &[&str] = &["standardwebhooks@1.1.1"];
const PYPI: &[&str] = &[
    "standardwebhooks==1.1.0",
    "jsonschema==4.26.0",
    "attrs==26.1.0",
    "jsonschema-specifications==2025.9.1",
    "referencing==0.37.0",
    "rpds-py==0.30.0",
    "typing_extensions==4.15.0",
];

/// Fetches what is missing.
pub(crate) fn provide(places: &Places) -> Result<()> {
    npm(places)?;
    pypi(places).map(drop)
}

/// Where they are: what Node.js and Python call the path of their modules.
pub(crate) fn env(places: &Places) -> Vec<(&'static str, String)> {
    let npm = cache::path(places, "npm", &cache::key(NPM)).join("node_modules");
    let pypi = cache::path(places, "pypi", &cache::key(PYPI));
    vec![
        ("PURSER_TEST_NODE_PATH", npm.display().to_string()),
        ("PURSER_TEST_PYTHONPATH", pypi.display().to_string()),
    ]
}

fn npm(places: &Places) -> Result<()> {
    cache::ensure(places, "npm", &cache::key(NPM), |dir| {
        let node = need::Need {
            program: "npm",
            source: Source::People("install Node.js 20 or newer, with npm"),
        };
        need::provide(&[node])?;
        let mut npm = Command::new(must_find("npm")?);
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ]);
        sh::output(npm.arg(dir).args(NPM)).map(drop)
    })
    .map(drop)
}

fn pypi(places: &Places) -> Result<()> {
    let key = cache::key(PYPI);
    cache::ensure(places, "pypi", &key, |dir| pip_install(dir, PYPI)).map(drop)
}

/// Puts packages of Python's, built already and without what they depend on, into a folder.
pub(crate) fn pip_install(dir: &Path, packages: &[&str]) -> Result<()> {
    need::provide(&[debian("pip3", "python3-pip")])?;
    let mut pip = Command::new(must_find("pip3")?);
    pip.args([
        "install",
        "--no-deps",
        "--only-binary=:all:",
        "--root-user-action=ignore",
        "--target",
    ]);
    sh::output(pip.arg(dir).args(packages)).map(drop)
}

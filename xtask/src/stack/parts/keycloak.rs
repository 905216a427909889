//! Keycloak, which may keep two live secrets of a client; built once.
//!
//! To fill an empty database takes it longer than to start: we fill one once, and each start gets a
//! copy of that.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::stack::need::{Need, debian, must_find};
use crate::stack::part::{Launch, Part};
use crate::stack::parts::{bridge, docker};
use crate::stack::places::Places;
use crate::stack::{cache, http, ports, secret};
use crate::{say, sh};

pub(crate) const NAME: &str = "keycloak";
/// On the containers' bridge: what they connect to there shows their own addresses to Keycloak.
pub(crate) const ADDRESS: SocketAddrV4 = SocketAddrV4::new(bridge::HOST, ports::of(NAME));
const VERSION: &str = "26.7.3";
const ARTIFACT: &str = "org.keycloak:keycloak-quarkus-dist";
const FETCHER: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
/// By which it keeps two live secrets.
const FEATURES: &str = "--features=client-secret-rotation";
/// What Keycloak has to know beside that when it is built.
const BUILD: &[&str] = &[
    "--db=dev-file",
    "--health-enabled=true",
    "--http-management-health-enabled=false",
];
/// What it has to know when it starts.
const START: &[&str] = &[
    "--http-enabled=true",
    "--hostname-strict=false",
    "--log-level=warn,org.keycloak.events:error,io.quarkus:info",
];
/// It serves few requests and not for long: small and early matters more than fast.
const JAVA: &[(&str, &str)] = &[
    ("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx320m"),
    ("JAVA_OPTS_GC", "-XX:+UseSerialGC"),
    ("JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1"),
];
/// Who may do all.
pub(crate) const ADMIN: &str = "admin";
/// The variable by which it is told the administrator's password, which no list of processes shows.
const PASSWORD: &str = "ADMIN_PASSWORD";
/// The file of a database.
const DATABASE: &str = "keycloakdb.mv.db";

/// The one without features, for stories that start it.
const PLAIN: &str = "keycloak-plain";

/// One server with the realm `master` alone.
pub(crate) struct Keycloak;

impl Part for Keycloak {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self, places: &Places) -> Vec<Need> {
        let mut needs = vec![debian("java", "openjdk-17-jdk-headless")];
        if !home(places).exists() {
            needs.extend([debian("mvn", "maven"), debian("unzip", "unzip")]);
        }
        needs
    }

    fn stands_on(&self) -> &'static [&'static str] {
        &[docker::NAME]
    }

    fn prepare(&self, places: &Places) -> Result<()> {
        cache::ensure(places, NAME, &key(), build)?;
        if seed(places)?.exists() {
            return Ok(());
        }
        fill(places)
    }

    fn host(&self) -> Result<Ipv4Addr> {
        bridge::wait()?;
        Ok(bridge::HOST)
    }

    fn launch(&self, places: &Places) -> Result<Launch> {
        let data = places.dir(NAME).join("data");
        remove(&data)?;
        fs::create_dir(&data)?;
        fs::copy(seed(places)?.join(DATABASE), data.join(DATABASE))?;
        let mut command = keycloak(places, &["start"], &data);
        command
            .arg(format!("--http-host={}", ADDRESS.ip()))
            .arg(format!("--http-port={}", ADDRESS.port()))
            .args(START);
        Ok(Launch {
            command,
            version: VERSION.to_owned(),
            address: ADDRESS.to_string(),
        })
    }

    fn is_ready(&self, _places: &Places) -> Result<bool> {
        Ok(http::is_ok_at(ADDRESS, "/health/ready"))
    }

    fn furnish(&self, places: &Places) -> Result<()> {
        let with = home(places);
        cache::ensure(places, PLAIN, &plain_key(), |dir| build_plain(&with, dir)).map(drop)
    }

    fn patience(&self) -> Duration {
        Duration::from_mins(2)
    }

    fn env(&self, places: &Places) -> Result<Vec<(&'static str, String)>> {
        Ok(vec![
            ("PURSER_TEST_KEYCLOAK", format!("http://{ADDRESS}")),
            ("PURSER_TEST_KEYCLOAK_ADMIN", ADMIN.to_owned()),
            ("PURSER_TEST_KEYCLOAK_PASSWORD", password(places)?),
            (
                "PURSER_TEST_KEYCLOAK_PLAIN",
                program(&plain(places)).display().to_string(),
            ),
            (
                "PURSER_TEST_KEYCLOAK_SEED",
                seed(places)?.join(DATABASE).display().to_string(),
            ),
        ])
    }
}

/// The administrator's.
pub(crate) fn password(places: &Places) -> Result<String> {
    secret::of(places, NAME)
}

fn key() -> String {
    cache::key(&[&[ARTIFACT, VERSION, FEATURES], BUILD].concat())
}

/// The folder of the one without features.
fn plain(places: &Places) -> PathBuf {
    cache::path(places, PLAIN, &plain_key()).join(NAME)
}

fn plain_key() -> String {
    cache::key(&[key().as_str()])
}

/// The folder that it was unpacked to and built in.
fn home(places: &Places) -> PathBuf {
    cache::path(places, NAME, &key()).join(format!("{NAME}-{VERSION}"))
}

fn program(home: &Path) -> PathBuf {
    home.join("bin/kc.sh")
}

/// Fetches, unpacks and builds it; only the folder that was built is kept.
fn build(dir: &Path) -> Result<()> {
    say::line(NAME, format!("fetching and building {VERSION}, once"));
    let rubbish = dir.join("maven");
    let mut maven = Command::new(must_find("mvn")?);
    maven
        .args(["--batch-mode", "--quiet", FETCHER])
        .arg(format!("-Dartifact={ARTIFACT}:{VERSION}:zip"))
        .arg(flag("-Dmaven.repo.local=", &rubbish.join("repository")))
        .arg(flag("-DoutputDirectory=", &rubbish))
        .current_dir(dir);
    sh::output(&mut maven).context("cannot fetch it from Maven's repository")?;
    let archive = rubbish.join(format!("keycloak-quarkus-dist-{VERSION}.zip"));
    let mut unzip = Command::new(must_find("unzip")?);
    sh::output(unzip.arg("-q").arg(archive).arg("-d").arg(dir))?;
    fs::remove_dir_all(&rubbish)?;
    let home = dir.join(format!("{NAME}-{VERSION}"));
    let mut build = Command::new(program(&home));
    sh::output(build.arg("build").arg(FEATURES).args(BUILD)).map(drop)
}

/// The same files, all but those that a build makes.
fn build_plain(with: &Path, dir: &Path) -> Result<()> {
    const MADE: &str = "lib/quarkus";
    say::line(PLAIN, "building it without features, once");
    let home = dir.join(NAME);
    sh::output(Command::new("cp").arg("-al").arg(with).arg(&home))?;
    fs::remove_dir_all(home.join(MADE))?;
    let made = [with, &home].map(|folder| folder.join(MADE));
    sh::output(Command::new("cp").arg("-a").args(made))?;
    sh::output(Command::new(program(&home)).arg("build").args(BUILD)).map(drop)
}

/// The folder with the filled database, in which the administrator has this stack's password.
fn seed(places: &Places) -> Result<PathBuf> {
    let key = cache::key(&[&key(), &password(places)?]);
    Ok(places.dir(NAME).join(format!("seed-{key}")))
}

/// Fills an empty database with the realm `master` and its administrator.
fn fill(places: &Places) -> Result<()> {
    say::line(NAME, "filling its database, once");
    for old in fs::read_dir(places.dir(NAME))?.flatten() {
        if old.file_name().to_string_lossy().starts_with("seed") {
            remove(&old.path())?;
        }
    }
    let half = places.dir(NAME).join("seed");
    let mut command = keycloak(places, &["bootstrap-admin", "user"], &half);
    command.args(["--no-prompt", "--username", ADMIN]);
    command.args(["--password:env", PASSWORD]);
    command.env(PASSWORD, password(places)?);
    sh::output(&mut command).context("cannot fill its database")?;
    Ok(fs::rename(half, seed(places)?)?)
}

/// One of its commands, on the database in this folder.
fn keycloak(places: &Places, command: &[&str], database: &Path) -> Command {
    let mut keycloak = Command::new(program(&home(places)));
    keycloak.envs(JAVA.iter().copied());
    let url = format!(
        "--db-url=jdbc:h2:file:{}/keycloakdb;NON_KEYWORDS=VALUE;TRACE_LEVEL_FILE=0",
        database.display()
    );
    // A cluster would listen everywhere.
    keycloak.args(command);
    keycloak.args(["--optimized", "--cache=local", &url]);
    keycloak
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}{}", path.display())
}

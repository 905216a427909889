//! All that the demo needs, set up: parts of the stack, a shop in them, and Purser to look after it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::unistd::{Gid, Group};

use super::database::Server as Database;
use super::discord::Discord;
use super::docker::{CONTAINER, Docker, describe};
use super::objects::{Objects, curl_config};
use super::person::Person;
use super::record::Record;
use super::{files, screen};
use crate::stack::places::Places;
use crate::stack::process::{self, Identity};
use crate::stack::{self, http, need, ports};
use crate::{cargo, sh};

/// The demo's folder among those of the stack's parts, which every user may pass.
pub(crate) const NAME: &str = "demo";

const PATIENCE: Duration = Duration::from_secs(30);

/// Where Purser listens for messages.
const PORT: u16 = ports::of("demo");
/// What the demo's hook and its sender share. No secret: it is printed on the screen.
pub(crate) const HOOK_KEY: &[u8] = b"the-bookshop-and-its-n8n";
/// The same as Purser reads it.
const HOOK_SECRET: &str = "whsec_dGhlLWJvb2tzaG9wLWFuZC1pdHMtbjhu";

/// The query that the configuration has saved as `memory`.
pub(crate) const MEMORY: &str = "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes";

/// Where messages for the hook are sent to.
pub(crate) fn hook_url() -> String {
    format!("http://127.0.0.1:{PORT}/hooks/status")
}

/// How to set up.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// The program to play, instead of building it.
    pub(crate) binary: Option<&'a Path>,
    /// Backups go to a local folder, though `MinIO` could be had.
    pub(crate) no_minio: bool,
    /// Ann and Bo talk to Purser in a local Discord.
    pub(crate) discord: bool,
}

/// What the scenes play on.
pub(crate) struct Stage {
    places: Places,
    /// Files, store and logs.
    pub(crate) folder: PathBuf,
    /// The engine with the service.
    pub(crate) docker: Docker,
    /// The server with the orders.
    pub(crate) database: Database,
    /// Where backups go.
    pub(crate) objects: Objects,
    /// Where figures are asked for.
    pub(crate) prometheus: String,
    /// Where people talk to Purser, if that is not the terminal alone.
    pub(crate) discord: Option<Discord>,
    /// Who asks.
    pub(crate) ann: Person,
    /// Who looks over her shoulder.
    pub(crate) bo: Person,
    record: Record,
    /// How often the server was started.
    starts: usize,
    _lock: File,
}

impl Stage {
    /// Sets up everything, whatever was left from the demo before. What it has started is stopped
    /// by [`Stage::strike`], or here when this fails.
    pub(crate) fn set_up(options: &Options) -> Result<Self> {
        let places = Places::from_env()?;
        let lock = places.lock(NAME)?;
        if let Some(left) = Record::read(&places) {
            screen::line("  stopping what the demo before has left running");
            left.stop(&places)?;
        }
        let mut record = Record::default();
        let set = Self::parts(&places, options, &mut record).and_then(|objects| {
            let mut stage = Self::build(objects, record, lock)?;
            stage.furnish(options)?;
            Ok(stage)
        });
        if set.is_err()
            && let Some(left) = Record::read(&places)
        {
            // The first error says more than one that follows from it.
            let _ = left.stop(&places);
        }
        set
    }

    /// Starts the parts that are down, and says where backups will go.
    fn parts(places: &Places, options: &Options, record: &mut Record) -> Result<Objects> {
        let mut start = |name: &'static str| -> Result<()> {
            let parts = stack::select(&[name])?;
            if !parts.iter().all(|part| stack::is_up(places, *part)) {
                record.parts.push(name.to_owned());
                record.write(places)?;
            }
            stack::up(places, &parts)?;
            if let Some((version, address)) = stack::what_is_up(places, name) {
                screen::line(format!("  {name:<9} {version} at {address}"));
            }
            Ok(())
        };
        let tools = ["curl", "openssl", "zstd"].map(|tool| need::debian(tool, tool));
        need::provide(&tools)?;
        start("docker")?;
        start("postgres")?;
        start("prometheus")?;
        let folder = Objects::Folder(places.dir(NAME).join("backups"));
        if options.no_minio {
            screen::line("  without MinIO, as was asked: backups go to a folder of this machine");
            return Ok(folder);
        }
        if let Err(why) = start("minio") {
            sh::check_interrupted()?;
            screen::line(format!("  MinIO cannot be had here ({why:#})"));
            screen::line("  so backups go to a folder of this machine");
            return Ok(folder);
        }
        let env = Env::of(places, &["minio"])?;
        let keys = places.dir(NAME).join("secrets/curl");
        Ok(Objects::Bucket {
            endpoint: env.get("PURSER_TEST_S3_ENDPOINT")?,
            keys,
            disk: places.dir("minio").join("data"),
        })
    }

    fn build(objects: Objects, record: Record, lock: File) -> Result<Self> {
        let places = Places::from_env()?;
        record.write(&places)?;
        let env = Env::of(&places, &["docker", "postgres", "prometheus"])?;
        Ok(Self {
            folder: places.dir(NAME),
            docker: Docker::at(&env.get("PURSER_TEST_DOCKER_HOST")?)?,
            database: Database::at(&env.get("PURSER_TEST_POSTGRES_URL")?)?,
            objects,
            prometheus: env.get("PURSER_TEST_PROMETHEUS_URL")?,
            discord: None,
            ann: Person::ann(),
            bo: Person::bo()?,
            places,
            record,
            starts: 0,
            _lock: lock,
        })
    }

    /// Makes the shop and Purser's files, and starts both.
    fn furnish(&mut self, options: &Options) -> Result<()> {
        files::empty(&self.folder)?;
        if options.discord {
            self.discord = Some(self.start_discord()?);
        }
        self.write_files()?;
        self.copy_program(options.binary)?;
        self.database.remove()?;
        self.database.create()?;
        self.objects.create()?;
        self.docker.remove_service()?;
        self.docker.start_service(CONTAINER, "v1")?;
        let well = format!("{CONTAINER} v1 running healthy");
        wait("the shop is well", || {
            Ok(describe(&self.docker.containers()?) == well)
        })?;
        self.start_purser().map(drop)
    }

    fn write_files(&self) -> Result<()> {
        let env = Env::of(&self.places, &["postgres"])?;
        let group = Group::from_gid(Gid::from_raw(self.bo.gid))?;
        let mut holes = vec![
            ("@SOCKET@", self.socket().display().to_string()),
            ("@GROUP@", group.context("bo's group has no name")?.name),
            ("@ANN@", self.ann.uid.to_string()),
            ("@BO@", self.bo.uid.to_string()),
            ("@DOCKER@", self.docker.host().to_owned()),
            ("@POSTGRES_BIN@", env.get("PURSER_TEST_POSTGRES_BIN")?),
            ("@BACKUPS@", self.objects.url()),
            ("@PORT@", PORT.to_string()),
            ("@PROMETHEUS@", self.prometheus.clone()),
            ("@MEMORY@", MEMORY.to_owned()),
        ];
        let mut secrets = vec![
            ("orders-db", self.database.url_of_orders()),
            ("hook-status", HOOK_SECRET.to_owned()),
        ];
        if let Objects::Bucket { endpoint, .. } = &self.objects {
            holes.push(("@ENDPOINT@", endpoint.clone()));
            let env = Env::of(&self.places, &["minio"])?;
            let access_key = env.get("PURSER_TEST_S3_ACCESS_KEY")?;
            let secret_key = env.get("PURSER_TEST_S3_SECRET_KEY")?;
            let region = env.get("PURSER_TEST_S3_REGION")?;
            secrets.push(("curl", curl_config(&access_key, &secret_key, &region)));
            secrets.push(("minio-access-key", access_key));
            secrets.push(("minio-secret-key", secret_key));
        }
        if let Some(discord) = &self.discord {
            holes.extend(files::discord_holes(discord));
            secrets.push(("discord", discord.token.clone()));
        }
        files::write(&self.folder, &holes, &secrets)
    }

    /// Starts the local Discord and waits until it has said who is there.
    fn start_discord(&mut self) -> Result<Discord> {
        let program = cargo::build_fake_discord()?;
        let log = self.discord_log();
        let server = process::spawn(Command::new(program), &self.folder, &log)?;
        self.record.discord = Some(server.clone());
        self.record.write(&self.places)?;
        wait("the local Discord says who is there", || {
            if !server.is_alive() {
                bail!("the local Discord has ended:\n{}", sh::tail_of(&log, 20));
            }
            Ok(Discord::from_log(&log).is_some())
        })?;
        Discord::from_log(&log).context("the local Discord says nothing any more")
    }

    /// A copy: the other persons may not be able to pass the folders of the checkout.
    fn copy_program(&self, given: Option<&Path>) -> Result<()> {
        let built = given.map_or_else(|| cargo::build_purser(&[]), |path| Ok(path.to_owned()))?;
        let copy = self.program();
        fs::copy(&built, &copy).with_context(|| format!("cannot copy {}", built.display()))?;
        Ok(fs::set_permissions(
            copy,
            fs::Permissions::from_mode(0o755),
        )?)
    }

    /// Starts the server and waits until it answers. Returns its pid.
    pub(crate) fn start_purser(&mut self) -> Result<i32> {
        self.starts += 1;
        let log = self.log();
        let server = process::spawn(self.ann.command(self, &["up"]), &self.folder, &log)?;
        self.record.server = Some(server.clone());
        self.record.write(&self.places)?;
        wait("Purser answers", || {
            if !server.is_alive() {
                bail!(
                    "`purser up` has ended; the end of {}:\n{}",
                    log.display(),
                    sh::tail_of(&log, 20)
                );
            }
            Ok(http::is_ok_unix(&self.socket(), "/readyz"))
        })?;
        Ok(server.pid)
    }

    /// The server's process.
    pub(crate) fn purser(&self) -> Result<&Identity> {
        self.record.server.as_ref().context("purser does not run")
    }

    /// Fails once the server or the local Discord has ended by itself.
    pub(crate) fn check_alive(&self) -> Result<()> {
        let servers = [
            ("`purser up`", &self.record.server, self.log()),
            (
                "the local Discord",
                &self.record.discord,
                self.discord_log(),
            ),
        ];
        for (name, server, log) in servers {
            if server.as_ref().is_some_and(|server| !server.is_alive()) {
                let end = sh::tail_of(&log, 20);
                bail!("{name} has ended; the end of {}:\n{end}", log.display());
            }
        }
        Ok(())
    }

    /// Stops all that was started for the demo; files stay.
    pub(crate) fn strike(self) -> Result<()> {
        self.record.stop(&self.places)
    }

    /// The program that everybody calls.
    pub(crate) fn program(&self) -> PathBuf {
        self.folder.join("bin/purser")
    }

    /// The configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("purser.toml")
    }

    /// What the server prints: a file for each start.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join(format!("purser-{}.log", self.starts))
    }

    fn discord_log(&self) -> PathBuf {
        self.folder.join("discord.log")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("purser.sock")
    }
}

/// Waits until something is so.
pub(crate) fn wait(what: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so()? {
        sh::check_interrupted()?;
        if Instant::now() > deadline {
            bail!("waited {} s in vain until {what}", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// What the parts say about themselves.
struct Env(HashMap<&'static str, String>);

impl Env {
    fn of(places: &Places, names: &[&str]) -> Result<Self> {
        Ok(Self(
            stack::env(places, &stack::select(names)?)?
                .into_iter()
                .collect(),
        ))
    }

    fn get(&self, name: &str) -> Result<String> {
        self.0
            .get(name)
            .cloned()
            .with_context(|| format!("the stack does not say its {name}"))
    }
}

//! The program, with files of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fake_discord::{Discord, GuildId, UserId};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The released program, or that of the profile in which this is built.
const PURSER: &str = env!("CARGO_BIN_EXE_purser");

/// A start takes no longer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Program {
    folder: TempDir,
    server: Child,
}

impl Program {
    pub(crate) async fn start(
        discord: &Discord,
        guild: GuildId,
        people: &[UserId],
        steps: &str,
    ) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("purser-bench-")
            .tempdir_in("/var/tmp")
            .unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let mut config = format!(
            "[server]\nsocket = 'socket'\n[store]\npath = 'store'\n[engine]\nconcurrent_runs = 400\n\
             [people.root]\nroles = ['operator']\nuid = {}\n\
             [discord]\ntoken_file = 'token'\nguilds = ['{guild}']\napi = '{}'\n",
            nix::unistd::getuid(),
            discord.api()
        );
        for (n, user) in people.iter().enumerate() {
            let _ = write!(
                config,
                "[people.person-{n}]\nroles = ['operator']\ndiscord = '{user}'\n"
            );
        }
        write("purser.toml", &config);
        write("token", discord.token());
        write(
            "workflows/live.yaml",
            &format!(
                "name: live\nsummary: A run that is shown\nwho: {{ production: [operator] }}\n{steps}"
            ),
        );
        write(
            "commands/live.yaml",
            "name: live\nsummary: A run that is shown\nruns: live\n",
        );
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let server = command(folder.path(), &["up"])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let program = Self { folder, server };
        program.is_up().await;
        program
    }

    async fn is_up(&self) {
        let begun = Instant::now();
        while !self.folder.path().join("socket").exists() {
            assert!(begun.elapsed() < PATIENCE, "{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What it keeps in memory now.
    pub(crate) fn rss_mib(&self) -> f64 {
        let pid = self.server.id().expect("it runs");
        let status = fs::read_to_string(PathBuf::from(format!("/proc/{pid}/status"))).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.and_then(|kib| kib.parse::<f64>().ok())
            .unwrap_or(f64::NAN)
            / 1024.0
    }

    /// How long after its run an end was shown, of the one that took longest, in seconds.
    pub(crate) async fn latest_end(&self, shown: &BTreeMap<String, Vec<u64>>) -> f64 {
        let arguments = ["runs", "list", "--limit", "500", "--json"];
        let output = command(self.folder.path(), &arguments).output().await;
        let rows: Vec<Value> = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let late = rows.iter().filter_map(|row| {
            let at = shown.get(row["id"].as_str()?)?.iter().max()?;
            let ended = row["updated_at"].as_i64()? / 1000;
            Some((i64::try_from(*at).ok()? - ended) as f64 / 1000.0)
        });
        late.fold(0.0, f64::max)
    }

    pub(crate) async fn stop(mut self) {
        self.server.kill().await.unwrap();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PURSER);
    command
        .arg("--config")
        .arg(folder.join("purser.toml"))
        .args(arguments)
        .stdin(Stdio::null());
    command
}

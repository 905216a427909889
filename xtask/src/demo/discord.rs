//! `cargo xtask discord`: the demo's shop, and a Discord on this machine in which to talk to Purser.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::docker::SERVICE;
use super::screen;
use super::stage::{Options, Stage, wait};
use crate::stack::need::must_find;
use crate::{sh, usage};

/// Between two looks whether all still runs.
const LOOK: Duration = Duration::from_millis(200);

/// What the local Discord says of itself once it listens.
#[derive(Deserialize)]
pub(crate) struct Discord {
    /// The page on which one acts as one of its people.
    pub(crate) page: String,
    /// Where Purser finds it.
    pub(crate) api: String,
    /// The token of Purser's bot.
    pub(crate) token: String,
    /// Ids of its servers.
    pub(crate) guilds: Guilds,
    /// Ids of its people.
    pub(crate) members: Members,
}

/// The one server.
#[derive(Deserialize)]
pub(crate) struct Guilds {
    /// Of the bookshop.
    pub(crate) shop: String,
}

/// Those whom Purser knows.
#[derive(Deserialize)]
pub(crate) struct Members {
    /// An operator.
    pub(crate) ann: String,
    /// Another one.
    pub(crate) bo: String,
}

impl Discord {
    /// What stands in its log, once it does.
    pub(crate) fn from_log(log: &Path) -> Option<Self> {
        let said = fs::read_to_string(log).ok()?;
        serde_json::from_str(said.lines().next()?).ok()
    }

    /// Whether the page offers the commands that Purser has published.
    fn offers_commands(&self) -> Result<bool> {
        let scene = format!("{}page/scene", self.page);
        let mut curl = Command::new(must_find("curl")?);
        let scene = sh::output(curl.args(["--silent", "--show-error", "--fail", &scene]))?;
        let scene: Value = serde_json::from_str(&scene)?;
        let commands = &scene["guilds"][0]["commands"];
        Ok(commands.as_array().is_some_and(|all| !all.is_empty()))
    }
}

/// Runs `cargo xtask discord [OPTION…]`, until it is interrupted.
pub(crate) fn command(args: &[&str]) -> Result<()> {
    let options = read(args)?;
    screen::line("Setting up a shop that serves v1, its orders, a Discord, and Purser in it:");
    let stage = Stage::set_up(&options)?;
    let ended = serve(&stage);
    let struck = stage.strike();
    ended.and(struck)
}

fn read<'a>(args: &[&'a str]) -> Result<Options<'a>> {
    let mut options = Options {
        discord: true,
        ..Options::default()
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (*arg, args.as_slice()) {
            ("--no-minio", _) => options.no_minio = true,
            ("--binary", [path, ..]) => {
                options.binary = Some(Path::new(*path));
                args.next();
            }
            ("--binary", []) => return Err(usage("--binary needs something behind it")),
            (other, _) => return Err(usage(&format!("unknown option: {other}"))),
        }
    }
    Ok(options)
}

/// Says what to try once Purser is there, and lets people talk until we are told to end.
fn serve(stage: &Stage) -> Result<()> {
    let Some(discord) = &stage.discord else {
        bail!("there is no Discord on this stage");
    };
    wait("Purser's commands are in Discord", || {
        stage.check_alive()?;
        discord.offers_commands()
    })?;
    screen::line(format!(
        "\n{page} is where ann, bo and eve talk to Purser; who you are is chosen at the bottom left.\n\
         ann: /deploy service:{SERVICE} version:v2, and then bo: Approve. The version v3 is sick, and taken back.\n\
         /status, /migrate, /logs service:{SERVICE}, /backup, /graph graph:memory, /purser runs. Ctrl-C ends it.",
        page = discord.page
    ));
    while sh::check_interrupted().is_ok() {
        stage.check_alive()?;
        sleep(LOOK);
    }
    Ok(())
}

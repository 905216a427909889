//! The persons of the play, and what they type at a shell.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::unistd::{User, getegid, geteuid};

use super::screen;
use super::stage::Stage;
use crate::sh;

/// Whom bo's part is played by: every system has this user, and it may do nothing.
const NOBODY: &str = "nobody";

/// Somebody whom Purser knows by a uid.
#[derive(Clone)]
pub(crate) struct Person {
    /// Their name, as it stands in the margin.
    pub(crate) name: &'static str,
    /// Who the kernel says they are.
    pub(crate) uid: u32,
    /// Their group.
    pub(crate) gid: u32,
}

/// What came of a command.
pub(crate) struct Said {
    /// The exit code.
    pub(crate) code: i32,
    /// All that it has printed.
    pub(crate) text: String,
}

impl Person {
    /// She is whoever plays the demo.
    pub(crate) fn ann() -> Self {
        Self {
            name: "ann",
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
        }
    }

    /// He is somebody else.
    pub(crate) fn bo() -> Result<Self> {
        let nobody = User::from_name(NOBODY)?.context("there is no user nobody")?;
        ensure!(geteuid().is_root(), "only root can play a second person");
        Ok(Self {
            name: "bo",
            uid: nobody.uid.as_raw(),
            gid: nobody.gid.as_raw(),
        })
    }

    /// `purser …` as this person, with nothing of our own settings for it.
    pub(crate) fn command(&self, stage: &Stage, args: &[&str]) -> Command {
        let mut purser = Command::new(stage.program());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PURSER")) {
                purser.env_remove(name);
            }
        }
        purser
            .args(args)
            .env("PURSER_CONFIG", stage.config())
            .env("RUST_BACKTRACE", "0");
        purser.current_dir(&stage.folder);
        if self.uid != geteuid().as_raw() {
            purser.uid(self.uid).gid(self.gid);
        }
        purser
    }

    /// Types `purser …` for all to see, and shows what it prints.
    pub(crate) fn types(&self, stage: &Stage, args: &[&str]) -> Result<Said> {
        self.shows(&format!("purser {}", args.join(" ")));
        let (mut printed, end) = std::io::pipe()?;
        let mut purser = self.command(stage, args);
        purser
            .stdin(Stdio::null())
            .stdout(end.try_clone()?)
            .stderr(end);
        let mut running = sh::spawn(&mut purser)?;
        // It holds the other end of the pipe, which must be the program's alone.
        drop(purser);
        let mut text = String::new();
        screen::follow(self.name, &mut printed, |piece| text.push_str(piece));
        let status = running.process.wait()?;
        Ok(Said {
            code: status.code().unwrap_or(-1),
            text,
        })
    }

    /// A command on this person's terminal.
    pub(crate) fn shows(&self, command: &str) {
        screen::said(self.name, &format!("$ {command}\n"));
    }

    /// What `purser … --json` answers, behind the scene.
    pub(crate) fn asks(&self, stage: &Stage, args: &[&str]) -> Result<serde_json::Value> {
        let answer = sh::output(self.command(stage, args).arg("--json"))?;
        serde_json::from_str(&answer).with_context(|| format!("not JSON: {answer}"))
    }
}

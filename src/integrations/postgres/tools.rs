//! The server's own tools: where they are, which version they have, and how they are run.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use crate::action::{ActionError, Result};

/// Where distributions put them when they are not on the path.
const INSTALLED: &str = "/usr/lib/postgresql";
/// A tool that does not say its version within this is broken.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A version: `15.14`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(super) struct Version {
    /// What decides whether a tool and a server go together.
    pub(super) major: u32,
    /// As it was said.
    pub(super) text: String,
}

impl Version {
    /// The first word that begins with a digit: in `pg_dump (PostgreSQL) 15.14 (Debian …)`, 15.14.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        let word = text
            .split_whitespace()
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let digits = word.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self {
            major: digits.parse().ok()?,
            text: word.to_owned(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A tool that was found and asked for its version.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub(super) path: PathBuf,
    pub(super) version: Version,
}

/// Finds a tool: in `bin` if it is set, else on the path, else where distributions put the newest.
pub(super) async fn find(name: &str, bin: Option<&Path>) -> Result<Tool> {
    let path = match bin {
        Some(bin) => Some(bin.join(name)).filter(|path| path.is_file()),
        None => on_path(name).or_else(|| newest_installed(name)),
    };
    let path = path.ok_or_else(|| {
        let looked = bin.map_or_else(
            || format!("on the path and under {INSTALLED}"),
            |bin| format!("in {}", bin.display()),
        );
        ActionError::fatal(format!(
            "{name} was looked for {looked} and is not there; install the PostgreSQL client and \
             server programs, or set `bin` to their folder"
        ))
    })?;
    let version = version_of(&path).await?;
    Ok(Tool { path, version })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

fn newest_installed(name: &str) -> Option<PathBuf> {
    std::fs::read_dir(INSTALLED)
        .ok()?
        .filter_map(std::result::Result::ok)
        .filter_map(|entry| {
            let major: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin").join(name)))
        })
        .filter(|(_, path)| path.is_file())
        .max()
        .map(|(_, path)| path)
}

async fn version_of(path: &Path) -> Result<Version> {
    let broken = |why: String| {
        ActionError::fatal(format!(
            "{} does not say its version ({why}); install it anew or set `bin` to another",
            path.display()
        ))
    };
    let said = command(path).arg("--version").output();
    let said = tokio::time::timeout(ANSWERS_WITHIN, said)
        .await
        .map_err(|_| broken("it does not answer".to_owned()))?
        .map_err(|error| broken(error.to_string()))?;
    let text = String::from_utf8_lossy(&said.stdout);
    Version::in_text(&text).ok_or_else(|| broken(format!("it says `{}`", text.trim())))
}

/// A command that knows nothing of Purser's own environment and does not outlive its handle.
pub(super) fn command(path: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The last lines that a tool said.
#[derive(Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
}

impl Tail {
    const LINES: usize = 6;
    const LINE_BYTES: usize = 400;

    /// Reads to the end, tells `each` line, and keeps the last ones.
    pub(super) async fn of(stream: impl AsyncRead + Unpin, each: impl Fn(&str)) -> Self {
        let mut tail = Self::default();
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let mut line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.len() > Self::LINE_BYTES {
                line.truncate(line.floor_char_boundary(Self::LINE_BYTES));
                line.push('…');
            }
            // These two quote rows, which are nobody's business in a message.
            let is_private = ["DETAIL:", "CONTEXT:"]
                .iter()
                .any(|word| line.starts_with(word));
            if !is_private && !line.is_empty() {
                each(&line);
                tail.push(line);
            }
        }
        tail
    }

    fn push(&mut self, line: String) {
        if self.lines.len() == Self::LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return f.write_str("it said nothing");
        }
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                f.write_str(" / ")?;
            }
            f.write_str(line.trim().trim_end_matches(';'))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_tools_and_servers_say_them() {
        let version = |text| Version::in_text(text).map(|v| (v.major, v.text));
        assert_eq!(
            version("pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"),
            Some((15, "15.14".to_owned()))
        );
        assert_eq!(version("17beta2"), Some((17, "17beta2".to_owned())));
        assert_eq!(version("no version"), None);
    }

    #[tokio::test]
    async fn only_the_last_lines_are_kept_and_long_ones_are_cut() {
        let text: Vec<_> = (0..100)
            .map(|n| format!("{n} {}", "é".repeat(300)))
            .collect();
        let text = text.join("\n");
        let tail = Tail::of(text.as_bytes(), |_| ()).await;
        let kept: Vec<_> = tail.lines().collect();
        assert_eq!(kept.len(), Tail::LINES);
        assert!(kept[5].starts_with("99 é") && kept[5].ends_with('…'));
    }
}

//! discord.js, the client that shares no code with us: as a bot, and as somebody who reads.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fake_discord::{Application, ChannelId, Discord};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::stack::variable;

/// Longer than a script needs for its next line, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A script that is running; it ends when this is dropped.
pub struct Script {
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Script {
    /// Starts a script of `tests/fakes/discord/js`.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = command(name, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            _child: child,
            stdin,
            stdout,
        }
    }

    /// What it says next.
    pub async fn says(&mut self) -> Value {
        let line = timeout(PATIENCE, self.stdout.next_line()).await;
        let line = line.expect("the script says something in time").unwrap();
        serde_json::from_str(&line.expect("the script goes on")).unwrap()
    }

    /// What it says next of this event; what comes before is passed over.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let said = self.says().await;
            if said["event"] == name {
                return said;
            }
        }
    }

    /// Tells it to go on.
    pub async fn go_on(&mut self) {
        self.stdin.write_all(b"\n").await.unwrap();
    }
}

/// A channel and its threads as discord.js reads them: a line of JSON for each message and thread.
pub async fn read(discord: &Discord, reader: &Application, channel: ChannelId) -> String {
    let channel = channel.to_string();
    let arguments = [discord.api(), &reader.token, &channel];
    let read = timeout(
        PATIENCE,
        command("read.mjs", &arguments).kill_on_drop(true).output(),
    );
    let output = read.await.expect("discord.js reads in time").unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    String::from_utf8(output.stdout).unwrap()
}

fn command(script: &str, arguments: &[&str]) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/discord/js");
    let mut node = Command::new("node");
    node.arg(scripts.join(script))
        .args(arguments)
        .env("NODE_PATH", variable("PURSER_TEST_DISCORD_JS"))
        .stderr(Stdio::piped());
    node
}

//! The store's secrets: set, listed, used, removed and sealed for another key, with a server and
//! without one. A value that went in stands nowhere and comes out only where it is used.

mod commands;
mod key;
mod lost;
mod terminal;
mod uses;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use age::x25519::Identity;
use serde_json::Value;
use sqlx::{ConnectOptions as _, Row as _};
use tokio::io::AsyncWriteExt as _;

use super::{Story, words};
use crate::support::program::{Person, Said, ended};

const CANARY: &str = "canary-of-the-secret-store";

/// A job of which one environment variable is a secret.
const JOB: &str = r#"
steps:
  - id: migrate
    uses: docker.run_job
    with:
      image: purser-test/web:v1
      command: [job]
      env: { PASSWORD: "{{ secrets.JOB_PASSWORD }}", MODE: fast }
"#;

/// A program that goes on until it is stopped, and prints the secret.
const LEAK: &str = r#"
steps:
  - id: leak
    uses: docker.run_job
    with:
      image: purser-test/web:v1
      env: { VERSION: "{{ secrets.JOB_PASSWORD }}" }
"#;

impl Story {
    /// Somebody types `purser …` and gives it this by stdin.
    async fn person_gives(&self, person: Person, line: &str, value: &[u8]) -> Said {
        let arguments = words(line);
        let mut command = self.home.command(person, &arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that refuses before it has read everything closes the pipe.
        let _ = stdin.write_all(value).await;
        drop(stdin);
        ended(&arguments, child).await
    }

    /// Ann does; what she sees.
    async fn gives(&self, line: &str, value: &str) -> String {
        let said = self.person_gives(Person::Ann, line, value.as_bytes()).await;
        self.shown(&said)
    }

    /// Ann sets a secret, and it works.
    async fn sets(&self, name: &str, value: &str) {
        let said = self.gives(&format!("secret set {name}"), value).await;
        assert!(
            said.contains("is set") && said.ends_with("exit code 0"),
            "{said}"
        );
    }

    /// Every receipt's subject and sentence, oldest first.
    async fn books(&self) -> Vec<String> {
        let receipts = self.home.asks(&["receipts", "list"]).await;
        let line = |receipt: &Value| {
            let content = &receipt["content"];
            let summary = content["summary"].as_str().unwrap();
            let text = receipt["texts"][summary]["text"].as_str().unwrap();
            let subject = &content["subject"];
            let about = subject["what"].as_str().or(subject["asked"].as_str());
            format!("{}: {text}", about.unwrap_or("run"))
        };
        receipts
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .map(line)
            .collect()
    }

    /// The sealed bytes of a secret, read by another client of SQLite.
    async fn sealed(&self, name: &str) -> Vec<u8> {
        let file = self.home.path("store/purser.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = options.read_only(true).connect().await.unwrap();
        let row = sqlx::query("SELECT sealed FROM secrets WHERE name = ?").bind(name);
        row.fetch_one(&mut connection).await.unwrap().get("sealed")
    }

    /// The identities in `secrets.key`.
    fn identities(&self) -> Vec<Identity> {
        let text = fs::read_to_string(self.home.path("store/secrets.key")).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.parse().unwrap()).collect()
    }
}

/// All that lies in a folder, in one text.
fn all_of(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &all_of(&path);
        } else if path.is_file() {
            let mut bytes = Vec::new();
            fs::File::open(path)
                .unwrap()
                .read_to_end(&mut bytes)
                .unwrap();
            text += &String::from_utf8_lossy(&bytes);
        }
    }
    text
}

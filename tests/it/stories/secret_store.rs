//! The store's secrets: set, listed, used, removed and sealed for another key, with a server and
//! without one. A value that went in stands nowhere and comes out only where it is used.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use age::x25519::Identity;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Story, containers_of, words};
use crate::docker::stage::{docker, inspect};
use crate::support::database::Database;
use crate::support::program::{Person, Said, ended};
use crate::support::systems::{self, of_kind};

const CANARY: &str = "canary-of-the-secret-store";

/// A job that shows its environment variables, of which one is a secret.
const JOB: &str = r#"
steps:
  - id: migrate
    uses: docker.run_job
    with:
      image: purser-test/web:v1
      command: [job, --show-env, PASSWORD]
      env: { PASSWORD: "{{ secrets.JOB_PASSWORD }}", MODE: fast }
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

#[tokio::test]
async fn before_the_first_start_secrets_are_set_without_a_server() {
    let mut story = Story::of_docker();
    story.home.workflow("migrate", JOB);
    insta::assert_snapshot!(story.sees("lint").await, @"");
    insta::assert_snapshot!(story.sees("secret list").await, @"");
    assert!(!story.home.path("store").exists(), "looking makes nothing");
    insta::assert_snapshot!(story.gives("secret set JOB_PASSWORD", "a-long-password\n").await, @"");
    insta::assert_snapshot!(story.gives("secret set PIN", "1234").await, @"");
    insta::assert_snapshot!(story.sees("lint").await, @"");
    insta::assert_snapshot!(story.sees("secret list").await, @"");
    let key = fs::metadata(story.home.path("store/secrets.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    story.home.up().await;
    let migrated = story.sees("run migrate").await;
    assert!(migrated.contains("exit code 0"), "{migrated}");
    insta::assert_snapshot!(story.books().await.join("\n"), @"");
    let verified = story.sees("receipts verify").await;
    assert!(verified.contains("exit code 0"), "{verified}");
}

#[tokio::test]
async fn with_a_server_they_go_through_its_api() {
    let mut story = Story::of_docker();
    story.home.up().await;
    insta::assert_snapshot!(story.sees("secret list").await, @"");
    insta::assert_snapshot!(story.gives("secret set API-KEY", "first value").await, @"");
    let set = story
        .person_gives(Person::Bo, "secret set API-KEY --json", b"other value")
        .await;
    let set = set.json();
    assert_eq!(set["set"]["by"], "bo");
    assert_eq!(set["masked"], true);
    let list = story.home.asks(&["secret", "list"]).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["set"]["by"], "bo");
    insta::assert_snapshot!(story.sees("secret rm API_KEY").await, @"");
    insta::assert_snapshot!(story.sees("secret rm API-KEY").await, @"");
    insta::assert_snapshot!(story.sees("secret rm API-KEY").await, @"");
    insta::assert_snapshot!(story.sees("secret rekey").await, @"");
    insta::assert_snapshot!(story.books().await.join("\n"), @"");
}

#[tokio::test]
async fn only_operators_come_near_them_and_a_refusal_has_its_receipt() {
    let mut story = Story::of_docker();
    story.home.up().await;
    for person in [Person::Cy, Person::Stranger] {
        for line in [
            "secret list",
            "secret set TOKEN",
            "secret rm TOKEN",
            "secret rekey",
        ] {
            let said = story.person_gives(person, line, b"a value of theirs").await;
            assert_eq!((said.code, said.out.as_str()), (4, ""), "{line}: {said:?}");
        }
    }
    insta::assert_snapshot!(story.books().await.join("\n"), @"");
    story.home.stop().await;
    let said = story
        .person_gives(Person::Cy, "secret set TOKEN", b"a value of theirs")
        .await;
    insta::assert_snapshot!(story.shown(&said), @"");
    assert_eq!(
        story.home.types(&["secret", "list", "--json"]).await.json(),
        json!([])
    );
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_refused_with_what_to_do() {
    let story = Story::of_docker();
    insta::assert_snapshot!(story.gives("secret set bad.name", "x").await, @"");
    insta::assert_snapshot!(story.gives("secret set EMPTY", "\n").await, @"");
    insta::assert_snapshot!(story.gives("secret set NUL", "a\0b").await, @"");
    insta::assert_snapshot!(story.gives("secret set LONG", &"x".repeat(64 * 1024 + 1)).await, @"");
    let binary = story
        .person_gives(Person::Ann, "secret set BINARY", &[0xff, 0xfe])
        .await;
    insta::assert_snapshot!(story.shown(&binary), @"");
    insta::assert_snapshot!(story.sees("secret set NOWHERE --file nowhere").await, @"");
    insta::assert_snapshot!(story.sees("secret rm NONE").await, @"");
    assert!(!story.home.path("store").exists());
    story
        .sets("LONGEST", &format!("{}\n", "\u{1}".repeat(64 * 1024)))
        .await;
}

#[tokio::test]
async fn the_longest_value_goes_through_the_api_too() {
    let mut story = Story::of_docker();
    story.home.up().await;
    let value = "\u{1}".repeat(64 * 1024);
    story.sets("LONGEST", &value).await;
    let sealed = story.sealed("LONGEST").await;
    let opened = age::decrypt(&story.identities()[0], &sealed).unwrap();
    assert!(opened == value.as_bytes());
}

#[tokio::test]
async fn on_a_terminal_the_value_is_asked_for_and_not_shown() {
    let story = Story::of_docker();
    let (mut terminal, pts) = pty_process::open().unwrap();
    let typed = story.home.command(Person::Ann, &["secret", "set", "TYPED"]);
    let typed = typed.as_std();
    let mut command = pty_process::Command::new(typed.get_program());
    command = command
        .args(typed.get_args())
        .current_dir(story.home.path(""));
    command = command.env("PURSER_CONFIG", story.home.path("purser.toml"));
    let mut child = command.spawn(pts).unwrap();
    let mut seen = String::new();
    let mut read = async |until: &str| {
        let mut piece = [0; 256];
        while !seen.contains(until) {
            match terminal.read(&mut piece).await {
                Ok(length @ 1..) => seen += &String::from_utf8_lossy(&piece[..length]),
                _ => break,
            }
        }
        if until == "not shown): " {
            terminal
                .write_all(format!("{CANARY}\n").as_bytes())
                .await
                .unwrap();
        }
    };
    read("not shown): ").await;
    read("TYPED is set").await;
    assert!(child.wait().await.unwrap().success(), "{seen}");
    assert!(
        seen.contains("TYPED is set") && !seen.contains(CANARY),
        "{seen}"
    );
    let opened = age::decrypt(&story.identities()[0], &story.sealed("TYPED").await).unwrap();
    assert_eq!(opened, CANARY.as_bytes());
}

#[tokio::test]
async fn a_job_gets_the_value_and_nothing_else_shows_it() {
    let mut story = Story::of_docker();
    story.home.workflow("migrate", JOB);
    story
        .sets("JOB_PASSWORD", "an-old-password-of-the-job")
        .await;
    story.home.up_with(&[("PURSER__LOG__LEVEL", "trace")]).await;
    story.sets("JOB_PASSWORD", CANARY).await;
    let mut heard = String::new();
    let mut hear = async |line: &str| {
        let said = story.home.types(&words(line)).await;
        heard += &format!("{}{}", said.out, said.err);
        (said.code, said.out)
    };
    let (_, plan) = hear("plan migrate").await;
    insta::assert_snapshot!(story.plain(&plan), @"");
    assert_eq!(hear("run migrate").await.0, 0);
    let run = story.last_run().await;
    let (_, view) = hear(&format!("runs show {run} --json")).await;
    let view: Value = serde_json::from_str(&view).unwrap();
    let step = &view["run"]["steps"]["migrate"];
    assert_eq!(
        step["input"]["env"],
        json!({ "MODE": "fast", "PASSWORD": { "$secret": "JOB_PASSWORD" } })
    );
    let (_, lines) = hear(&format!("runs lines {run} migrate")).await;
    assert!(
        lines.contains("[secret]"),
        "the job has printed it: {lines}"
    );
    for line in [
        "receipts list",
        "receipts export",
        "secret list --json",
        "runs list --json",
    ] {
        assert_eq!(hear(line).await.0, 0, "{line}");
    }
    story.home.stop().await;
    let kept = all_of(&story.home.path(""));
    assert!(kept.contains("JOB_PASSWORD") && kept.contains("[secret]"));
    assert!(!heard.contains(CANARY), "on a terminal");
    assert!(!kept.contains(CANARY), "in the store or the log");
}

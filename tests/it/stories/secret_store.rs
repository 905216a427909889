//! The store's secrets: set, listed, used, removed and sealed for another key, with a server and
//! without one. A value that went in stands nowhere and comes out only where it is used.

use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use age::x25519::Identity;
use nix::sys::termios::{LocalFlags, tcgetattr};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{Story, containers_of, words};

use crate::docker::stage::inspect;
use crate::support::database::Database;
use crate::support::program::{Person, Said, ended};
use crate::support::s3::Bucket;
use crate::support::systems::of_kind;

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

#[tokio::test]
async fn before_the_first_start_secrets_are_set_without_a_server() {
    let mut story = Story::of_docker();
    story.home.workflow("migrate", JOB);
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/workflows/migrate.yaml:11:24: the secret `JOB_PASSWORD` is not set: set it with `purser secret set JOB_PASSWORD`
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("secret list").await, @"
    SECRET        SET      BY  USED BY
    JOB_PASSWORD  not set  -   the workflow migrate
    exit code 0
    ");
    assert!(!story.home.path("store").exists(), "looking makes nothing");
    insta::assert_snapshot!(story.gives("secret set JOB_PASSWORD", "a-long-password\n").await, @"
    the secret JOB_PASSWORD is set
    purser: the store HOME/store was made for uid 0: run `purser up` as the same user
    exit code 0
    ");
    insta::assert_snapshot!(story.gives("secret set PIN", "1234").await, @"
    the secret PIN is set
    it has less than 8 characters, and is not masked where another program prints it
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("lint").await, @"
    1 system, 1 workflow, 0 commands: no errors
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("secret list").await, @"
    SECRET        SET                   BY   USED BY
    JOB_PASSWORD  TIME  ann  the workflow migrate
    PIN           TIME  ann  -
    exit code 0
    ");
    let key = fs::metadata(story.home.path("store/secrets.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    story.home.up().await;
    let migrated = story.sees("run migrate").await;
    assert!(migrated.contains("exit code 0"), "{migrated}");
    insta::assert_snapshot!(story.books().await.join("\n"), @"
    secret JOB_PASSWORD: the secret JOB_PASSWORD was set by ann
    secret PIN: the secret PIN was set by ann
    run: 1 step done
    ");
    let verified = story.sees("receipts verify").await;
    assert!(verified.contains("exit code 0"), "{verified}");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "lint").await, @"
    HOME/store: warning: whether the secrets are set that workflows name is not known: the store HOME/store: it cannot be read (Permission denied (os error 13)): do this as the user who owns it
    1 system, 1 workflow, 0 commands: no errors
    exit code 0
    ");
}

#[tokio::test]
async fn with_a_server_they_go_through_its_api() {
    let mut story = Story::of_docker();
    story.home.up().await;
    insta::assert_snapshot!(story.sees("secret list").await, @"
    no secrets yet: set one with `purser secret set NAME`
    exit code 0
    ");
    insta::assert_snapshot!(story.gives("secret set API-KEY", "first value").await, @"
    the secret API-KEY is set
    exit code 0
    ");
    let set = story
        .person_gives(Person::Bo, "secret set API-KEY --json", b"other value")
        .await;
    let set = set.json();
    assert_eq!(set["set"]["by"], "bo");
    assert_eq!(set["masked"], true);
    let list = story.home.asks(&["secret", "list"]).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["set"]["by"], "bo");
    insta::assert_snapshot!(story.sees("secret rm API_KEY").await, @"
    purser: unknown secret `API_KEY`; did you mean `API-KEY`?
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("secret rm API-KEY").await, @"
    the secret API-KEY is removed
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("secret rm API-KEY").await, @"
    purser: unknown secret `API-KEY`: there is none yet
    exit code 2
    ");
    story.home.write("value", "a value of a file\n");
    let line = ["secret", "set", "FILE", "--file", "value"];
    assert_eq!(story.home.asks(&line).await["name"], "FILE");
    let opened = age::decrypt(&story.identities()[0], &story.sealed("FILE").await).unwrap();
    assert_eq!(opened, b"a value of a file");
    assert_eq!(
        story.home.asks(&["secret", "rekey"]).await,
        json!({ "secrets": 1 })
    );
    let removed = story.home.asks(&["secret", "rm", "FILE"]).await;
    assert_eq!(removed["set"], Value::Null);
    insta::assert_snapshot!(story.sees("secret rekey").await, @"
    0 secrets are sealed for a new key, and the old one is dropped
    keep a copy of `secrets.key` in the store's folder: nothing else opens them
    exit code 0
    ");
    insta::assert_snapshot!(story.books().await.join("\n"), @"
    secret API-KEY: the secret API-KEY was set by ann
    secret API-KEY: the secret API-KEY was set by bo
    secret API-KEY: the secret API-KEY was removed by ann
    secret FILE: the secret FILE was set by ann
    key of the secrets: the secrets were sealed for a new key by ann
    secret FILE: the secret FILE was removed by ann
    key of the secrets: the secrets were sealed for a new key by ann
    ");
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
    insta::assert_snapshot!(story.books().await.join("\n"), @"
    list the secrets: cy may not list the secrets: that takes the role operator
    set the secret TOKEN: cy may not set the secret TOKEN: that takes the role operator
    remove the secret TOKEN: cy may not remove the secret TOKEN: that takes the role operator
    change the key of the secrets: cy may not change the key of the secrets: that takes the role operator
    list the secrets: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    set the secret TOKEN: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    remove the secret TOKEN: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    change the key of the secrets: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    ");
    story.home.stop().await;
    let said = story
        .person_gives(Person::Cy, "secret set TOKEN", b"a value of theirs")
        .await;
    insta::assert_snapshot!(story.shown(&said), @"
    purser: no Purser answers you at HOME/purser.sock, and the store HOME/store belongs to uid 0, not to yours, 65533: type this as that user, or see that Purser runs and that you may open its socket
    exit code 4
    ");
    assert_eq!(
        story.home.types(&["secret", "list", "--json"]).await.json(),
        json!([])
    );
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_refused_with_what_to_do() {
    let story = Story::of_docker();
    insta::assert_snapshot!(story.gives("secret set bad.name", "x").await, @"
    error: invalid value 'bad.name' for '<NAME>': `bad.name` cannot name a secret: a name has 1 to 64 letters, digits, `-` and `_`

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(story.gives("secret set EMPTY", "\n").await, @"
    purser: the value is empty: nothing was set
    exit code 2
    ");
    insta::assert_snapshot!(story.gives("secret set NUL", "a\0b").await, @"
    purser: the value holds a NUL byte, which no password has: encode it, as with `base64`; nothing was set
    exit code 2
    ");
    insta::assert_snapshot!(story.gives("secret set LONG", &"x".repeat(64 * 1024 + 1)).await, @"
    purser: the value has more than 65536 bytes: nothing was set
    exit code 2
    ");
    let binary = story
        .person_gives(Person::Ann, "secret set BINARY", &[0xff, 0xfe])
        .await;
    insta::assert_snapshot!(story.shown(&binary), @"
    purser: the value is no UTF-8 text: encode it, as with `base64`; nothing was set
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("secret set NOWHERE --file nowhere").await, @"
    purser: the file nowhere cannot be read: No such file or directory (os error 2)
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("secret rm NONE").await, @"
    purser: there are no secrets yet: there is no store in HOME/store
    exit code 2
    ");
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

/// What Ann sees who types this on a terminal when she is asked for a value, and whether it worked.
async fn types_on_a_terminal(story: &Story, typed: &[u8], until: &str) -> (String, bool) {
    let (mut terminal, line) = pty_process::open().unwrap();
    let watched = terminal.as_fd().try_clone_to_owned().unwrap();
    let arguments = ["secret", "set", "TYPED"];
    let program = story.home.command(Person::Ann, &arguments);
    let command = pty_process::Command::new(program.as_std().get_program())
        .args(arguments)
        .env("PURSER_CONFIG", story.home.path("purser.toml"))
        .current_dir(story.home.path(""));
    let mut child = command.spawn(line).unwrap();
    let mut seen = String::new();
    for (wanted, answer) in [("(it is not shown): ", typed), (until, b"")] {
        let mut piece = [0; 256];
        while !seen.contains(wanted) {
            let read = timeout(Duration::from_secs(30), terminal.read(&mut piece)).await;
            let length = read
                .unwrap_or_else(|_| panic!("no {wanted:?}: {seen}"))
                .unwrap();
            seen += &String::from_utf8_lossy(&piece[..length]);
        }
        terminal.write_all(answer).await.unwrap();
    }
    let status = child.wait().await.unwrap();
    let flags = tcgetattr(watched).unwrap().local_flags;
    assert!(
        flags.contains(LocalFlags::ECHO),
        "the terminal is left dark"
    );
    (seen, status.success())
}

#[tokio::test]
async fn on_a_terminal_the_value_is_asked_for_and_not_shown() {
    let story = Story::of_docker();
    let line = format!("{CANARY}\n");
    let (seen, well) = types_on_a_terminal(&story, line.as_bytes(), "TYPED is set").await;
    assert!(well && !seen.contains(CANARY), "{seen}");
    let opened = age::decrypt(&story.identities()[0], &story.sealed("TYPED").await).unwrap();
    assert_eq!(opened, CANARY.as_bytes());
}

#[tokio::test]
async fn an_interrupt_sets_nothing_and_leaves_the_terminal_as_it_was() {
    let story = Story::of_docker();
    let (seen, well) = types_on_a_terminal(&story, b"half a val\x03", "nothing was set").await;
    assert!(!well && !seen.contains("half"), "{seen}");
    assert!(!story.home.path("store").exists());
}

#[tokio::test]
async fn a_job_gets_the_value_and_nothing_else_shows_it() {
    let mut story = Story::of_docker();
    story.home.workflow("leak", LEAK);
    story
        .sets("JOB_PASSWORD", "an-old-password-of-the-job")
        .await;
    story.home.up_with(&[("PURSER__LOG__LEVEL", "trace")]).await;
    story.sets("JOB_PASSWORD", CANARY).await;
    let mut heard = String::new();
    let mut hear = async |line: &str| {
        let said = story.home.types(&words(line)).await;
        heard += &said.out;
        heard += &said.err;
        (said.code, said.out)
    };
    let (_, plan) = hear("plan leak").await;
    insta::assert_snapshot!(story.plain(&plan), @"
    leak: docker.run_job on shop
        run purser-test/web:v1 once on shop
          + a container that is removed when it has ended: purser-test/web:v1
          · it is given the secret JOB_PASSWORD as VERSION
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    ");
    let run = story.starts("leak").await;
    let show = format!("runs lines {run} leak");
    let begun = Instant::now();
    while !hear(&show).await.1.contains("web [secret] listens") {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it prints nothing"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let env = inspect(&containers_of(&run)[0], "{{json .Config.Env}}");
    assert!(env.contains(&format!("VERSION={CANARY}")), "{env}");
    assert_eq!(hear(&format!("cancel {run}")).await.0, 0);
    assert_eq!(hear(&format!("runs watch {run}")).await.0, 1);
    let (_, view) = hear(&format!("runs show {run} --json")).await;
    let view: Value = serde_json::from_str(&view).unwrap();
    assert_eq!(
        view["run"]["steps"]["leak"]["input"]["env"],
        json!({ "VERSION": { "$secret": "JOB_PASSWORD" } })
    );
    for line in [
        "receipts list",
        "receipts export",
        "secret list --json",
        "runs list --json",
    ] {
        assert_eq!(hear(line).await.0, 0, "{line}");
    }
    let now = all_of(&story.home.path(""));
    story.home.stop().await;
    let kept = now + &all_of(&story.home.path(""));
    assert!(kept.contains("JOB_PASSWORD") && kept.contains("[secret]"));
    assert!(!heard.contains(CANARY), "on a terminal");
    assert!(!kept.contains(CANARY), "in the store, its WAL or the log");
}

#[tokio::test]
async fn one_that_is_missing_when_it_is_used_fails_the_step_before_any_effect() {
    let mut story = Story::of_docker();
    story.home.workflow("migrate", JOB);
    story.sets("JOB_PASSWORD", "a-long-password").await;
    story.home.up().await;
    insta::assert_snapshot!(story.sees("secret rm JOB_PASSWORD").await, @"
    purser: the secret JOB_PASSWORD was not removed: the workflow migrate would be without it. Take it out there, or remove it all the same with --force
    exit code 1
    ");
    insta::assert_snapshot!(story.sees("secret rm JOB_PASSWORD --force").await, @"
    the secret JOB_PASSWORD is removed
    still named by the workflow migrate, which will fail without it
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("run migrate").await, @"
    run RUN of migrate, asked by ann
    ✗ migrate: the secret `JOB_PASSWORD` is not set: set it with `purser secret set JOB_PASSWORD`
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    let view = story
        .home
        .asks(&["runs", "show", &story.last_run().await])
        .await;
    assert_eq!(view["run"]["steps"]["migrate"]["effects"], json!([]));
    insta::assert_snapshot!(story.sees("reload").await, @"
    purser: the old catalog stays in force:
    HOME/workflows/migrate.yaml:11:24: the secret `JOB_PASSWORD` is not set: set it with `purser secret set JOB_PASSWORD`
    exit code 2
    ");
    story.sets("JOB_PASSWORD", "another-password").await;
    let migrated = story.sees("run migrate").await;
    assert!(migrated.contains("exit code 0"), "{migrated}");
}

#[tokio::test]
async fn what_another_program_says_is_never_taken_for_a_reference() {
    let mut story = Story::of_docker();
    let forged = r#"
inputs:
  name: { type: string, default: JOB_PASSWORD }
steps:
  - id: forged
    uses: docker.run_job
    with:
      image: purser-test/web:v1
      command: [job]
      env: "{{ {'PASSWORD': {'$secret': inputs.name} } }}"
"#;
    story.home.workflow("forged", forged);
    story.sets("JOB_PASSWORD", "a-long-password").await;
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run forged").await, @"
    run RUN of forged, asked by ann
    ✗ forged: the secret `JOB_PASSWORD` was not opened: step `forged` does not name it in the workflow's file; it came by way of an expression
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    assert_eq!(containers_of(&story.last_run().await), Vec::<String>::new());
}

#[tokio::test]
async fn systems_and_hooks_take_their_secrets_from_the_store() {
    let (database, bucket) = (Database::create("").await, Bucket::create().await);
    let mut story = Story::of_backups(&database, &bucket);
    let stored = "kind = 'postgres'\nurl_secret = 'ORDERS_URL'"
        .parse()
        .unwrap();
    story.set_system("orders-db", &stored);
    let mut minio = of_kind("s3", bucket.settings());
    for key in ["access_key", "secret_key"] {
        let file = minio.remove(&format!("{key}_file")).unwrap();
        let value = fs::read_to_string(file.as_str().unwrap()).unwrap();
        minio.insert(format!("{key}_secret"), format!("minio-{key}").into());
        story.sets(&format!("minio-{key}"), &value).await;
    }
    story.set_system("minio", &minio);
    story
        .home
        .configure("[hooks.backup]\nroles = ['operator']\ntoken_secret = 'HOOK_TOKEN'");
    story
        .sets("ORDER_URL", "postgres://app:not-this-one@db/orders")
        .await;
    insta::assert_snapshot!(story.sees("lint").await, @"
    purser: HOME/purser.toml:28:1: [systems.orders-db]: the secret `ORDERS_URL` is not set; did you mean `ORDER_URL`? Else set it with `purser secret set ORDERS_URL`
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: HOME/purser.toml:28:1: [systems.orders-db]: the secret `ORDERS_URL` is not set; did you mean `ORDER_URL`? Else set it with `purser secret set ORDERS_URL`
    exit code 2
    ");
    insta::assert_snapshot!(story.gives("secret set ORDERS_URL", &database.url()).await, @"
    the secret ORDERS_URL is set
    [systems.orders-db] will read it when `purser up` starts next
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("lint").await, @"
    purser: HOME/purser.toml:32:1: [hooks.backup]: the secret `HOOK_TOKEN` is not set: set it with `purser secret set HOOK_TOKEN`
    exit code 2
    ");
    story.sets("HOOK_TOKEN", "a-token-of-some-length").await;
    insta::assert_snapshot!(story.sees("secret list").await, @"
    SECRET            SET                   BY   USED BY
    HOOK_TOKEN        TIME  ann  [hooks.backup]
    ORDERS_URL        TIME  ann  [systems.orders-db]
    ORDER_URL         TIME  ann  -
    minio-access_key  TIME  ann  [systems.minio]
    minio-secret_key  TIME  ann  [systems.minio]
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("secret rm minio-access_key").await, @"
    purser: the secret minio-access_key was not removed: [systems.minio] would be without it. Take it out there, or remove it all the same with --force
    exit code 1
    ");

    story.home.up_in_public().await;
    let backed_up = story.sees("run backup").await;
    assert!(backed_up.contains("exit code 0"), "{backed_up}");
    story.home.stop().await;
    let kept = all_of(&story.home.path("store")) + &story.home.logs();
    assert!(!kept.contains(&database.url()) && !kept.contains("a-token-of-some-length"));
    bucket.remove().await;
    database.remove().await;
}

#[tokio::test]
async fn a_setting_has_one_source_of_its_secret() {
    let story = Story::of_docker();
    let lint = async |table: &str| {
        let file = story.home.path("purser.toml");
        let before = fs::read_to_string(&file).unwrap();
        story.home.configure(table);
        let said = story.sees("lint").await;
        story.home.write("purser.toml", &before);
        said
    };
    let tables = [
        "[systems.db]\nkind = 'postgres'\nurl_file = 'url'\nurl_secret = 'URL'",
        "[systems.db]\nkind = 'postgres'",
        "[systems.db]\nkind = 'postgres'\nurl_secret = 'no name'",
        "[systems.m]\nkind = 's3'\nendpoint = 'http://m'\naccess_key_secret = 'A'",
        "[systems.p]\nkind = 'prometheus'\nurl = 'http://p'\nbearer_secret = 'T'",
        "[systems.p]\nkind = 'prometheus'\nurl = 'http://p'\nbasic_auth = { username = 'u' }",
        "[systems.p]\nkind = 'prometheus'\nurl = 'http://p'\nbearer_secret = 'T'\nbasic_auth = { \
         username = 'u', password_secret = 'P' }",
        "[hooks.h]\nroles = ['operator']\nsecret_secret = 'S'",
        "[hooks.h]\nroles = ['operator']\nsecret_secret = 'S'\nsecret_file = 's'",
        "[hooks.h]\nroles = ['operator']",
    ];
    let mut said = String::new();
    for table in tables {
        said += &lint(table).await;
        said += "\n";
    }
    insta::assert_snapshot!(said, @"
    purser: HOME/purser.toml:20:1: [systems.db]: there is `url_secret` and `url_file`: keep one of them
    exit code 2
    purser: HOME/purser.toml:17:10: [systems.db]: one of `url_file`, a path, and `url_secret`, a secret's name, is needed
    exit code 2
    purser: HOME/purser.toml:19:1: [systems.db]: `no name` cannot name a secret: a name has 1 to 64 letters, digits, `-` and `_`
    exit code 2
    purser: HOME/purser.toml:17:10: [systems.m]: one of `secret_key_file`, a path, and `secret_key_secret`, a secret's name, is needed
    exit code 2
    purser: HOME/purser.toml:17:10: [systems.p]: the secret `T` is not set: set it with `purser secret set T`
    exit code 2
    purser: HOME/purser.toml:20:1: [systems.p]: in `basic_auth`: one of `password_file`, a path, and `password_secret`, a secret's name, is needed
    exit code 2
    purser: HOME/purser.toml:20:1: [systems.p]: there is `bearer_secret` and `basic_auth`: keep one of them
    exit code 2
    purser: HOME/purser.toml:19:1: [hooks.h]: the secret `S` is not set: set it with `purser secret set S`
    exit code 2
    purser: HOME/purser.toml:17:8: [hooks.h]: there is `secret_secret` and `secret_file`: keep one of them
    exit code 2
    purser: HOME/purser.toml:17:8: [hooks.h]: it needs one of `secret_file`, for senders that sign, and `token_file`, for those that cannot; `secret_secret` and `token_secret` name a secret of the store instead
    exit code 2
    ");
}

#[tokio::test]
async fn killed_anywhere_a_change_of_the_key_loses_nothing() {
    for (place, identities) in [("added", 2), ("sealed", 2), ("dropped", 1)] {
        let mut story = Story::of_docker();
        story.home.workflow("migrate", JOB);
        story.sets("JOB_PASSWORD", CANARY).await;
        story.sets("OTHER", "the other secret").await;
        let first = story.identities().remove(0);
        let mut command = story.home.command(Person::Ann, &["secret", "rekey"]);
        command.env("PURSER_FAILPOINT", format!("secret.rekey/{place}"));
        let status = command.status().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{place}");
        assert_eq!(story.identities().len(), identities, "{place}");

        story.home.up().await;
        let warns = story.home.log().contains("cut short");
        assert_eq!(warns, identities == 2, "{place}: {}", story.home.log());
        let migrated = story.sees("run migrate").await;
        assert!(migrated.contains("exit code 0"), "{place}: {migrated}");
        let rekeyed = story.sees("secret rekey").await;
        assert!(
            rekeyed.contains("2 secrets are sealed"),
            "{place}: {rekeyed}"
        );
        let [last] = <[Identity; 1]>::try_from(story.identities()).ok().unwrap();
        for (name, value) in [("JOB_PASSWORD", CANARY), ("OTHER", "the other secret")] {
            let sealed = story.sealed(name).await;
            assert_eq!(age::decrypt(&last, &sealed).unwrap(), value.as_bytes());
            assert!(age::decrypt(&first, &sealed).is_err(), "{place}");
        }
        let migrated = story.sees("run migrate").await;
        assert!(migrated.contains("exit code 0"), "{place}: {migrated}");
    }
}

#[tokio::test]
async fn a_lost_key_is_never_papered_over_with_another() {
    let mut story = Story::of_docker();
    story.sets("TOKEN", "a-long-token").await;
    let (key, aside) = (
        story.home.path("store/secrets.key"),
        story.home.path("aside"),
    );
    fs::rename(&key, &aside).unwrap();
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: HOME/store/secrets.key is not there, and without it these secrets cannot be opened: TOKEN. Restore it from a backup; if it is lost for good, forget each with `purser secret rm NAME --force`, and set them again
    exit code 1
    ");
    insta::assert_snapshot!(story.gives("secret set OTHER", "another-token").await, @"
    purser: HOME/store/secrets.key is not there, and without it these secrets cannot be opened: TOKEN. Restore it from a backup; if it is lost for good, forget each with `purser secret rm NAME --force`, and set them again
    exit code 1
    ");
    assert!(!key.exists());
    fs::write(&key, fs::read_to_string(&aside).unwrap().replace('1', "l")).unwrap();
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: HOME/store/secrets.key holds no identity of age, AGE-SECRET-KEY-1…: restore it from a backup
    exit code 1
    ");
    fs::write(&key, Identity::generate().to_string().expose_secret()).unwrap();
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: the secret `TOKEN` cannot be opened: HOME/store/secrets.key does not open it (No matching keys found). Restore the key that belongs to this store, or set it again with `purser secret set TOKEN`
    exit code 1
    ");
    story.sets("TOKEN", "the same token, set again").await;
    story.home.up().await;
    story.home.stop().await;
    fs::remove_file(&key).unwrap();
    let removed = story.sees("secret rm TOKEN --force").await;
    assert!(removed.contains("is removed"), "{removed}");
    story.sets("TOKEN", "a token for another key").await;
    story.home.up().await;
}

#[tokio::test]
async fn the_store_of_another_user_is_left_alone() {
    let story = Story::of_docker();
    story.sets("TOKEN", "a-long-token").await;
    let nobody = Some(65_534);
    std::os::unix::fs::chown(story.home.path("store"), nobody, nobody).unwrap();
    insta::assert_snapshot!(story.gives("secret set TOKEN", "another-token").await, @"
    purser: no Purser answers you at HOME/purser.sock, and the store HOME/store belongs to uid 65534, not to yours, 0: type this as that user, or see that Purser runs and that you may open its socket
    exit code 4
    ");
}

#[tokio::test]
async fn a_store_that_another_server_holds_is_not_opened_twice() {
    let mut story = Story::of_docker();
    story.home.up().await;
    let pid = story.home.pid().to_string();
    story.call(&pid, "PID");
    let said = story
        .gives("secret set TOKEN --socket elsewhere.sock", "a-long-token")
        .await;
    insta::assert_snapshot!(said, @"
    purser: no Purser is listening at elsewhere.sock, and the store HOME/store is held by the process PID: one Purser works on a store at a time. Stop that one first, or use another `[store] path`. If that is a Purser with another socket, name it with --socket
    exit code 1
    ");
}

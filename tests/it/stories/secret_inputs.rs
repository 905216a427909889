//! Inputs that are declared secret: what is given in them comes out where a step uses it, and stands
//! nowhere else.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::{Story, of_kind, words};
use crate::support::program::{Person, ended};
use crate::support::screen::{CTRL_C, ENTER, Screen, UP};

pub(super) const CANARY: &str = "canary of/the+inputs";

/// A workflow that hands a password on, in a workflow that runs another one with it.
const ROTATE: &str = r#"
inputs:
  user: { type: string, required: true }
  password: { type: string, secret: true, required: true, summary: the new password }
steps:
  - id: tell
    uses: http.send
    with:
      system: web
      path: "/users/{{ inputs.user }}"
      headers: { x-password: "{{ inputs.password }}" }
  - id: check
    runs: check
    with: { token: "{{ inputs.password }}" }
"#;

const CHECK: &str = r#"
inputs:
  token: { type: string, secret: true, required: true }
steps:
  - id: ask
    uses: http.get
    with: { system: web, path: /check, headers: { x-password: "{{ inputs.token }}" } }
"#;

const COMMAND: &str = "name: rotate\nsummary: Change a password\noptions:\n  \
    user: { type: string, required: true, summary: whose }\n  \
    password: { type: string, secret: true, required: true, summary: the new password }\n\
    runs: rotate\n";

/// A web service that keeps the passwords that it is told, and says them back; of what comes without one
/// it keeps the body.
#[derive(Clone)]
pub(super) struct Web {
    address: String,
    told: Arc<Mutex<Vec<String>>>,
}

impl Web {
    pub(super) async fn start() -> Self {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let hears = Arc::clone(&told);
        let answer = async move |headers: HeaderMap, body: String| {
            let Some(password) = headers.get("x-password") else {
                hears.lock().unwrap().push(body);
                return "thank you".to_owned();
            };
            let password = password.to_str().unwrap().to_owned();
            let said = format!(
                "your password is {password}, {}",
                STANDARD.encode(&password)
            );
            hears.lock().unwrap().push(password);
            said
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(any(answer));
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { address, told }
    }

    /// What it was told, oldest first.
    pub(super) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    pub(super) fn system(&self) -> toml::Table {
        of_kind("http", toml::toml! { url = (self.address.clone()) })
    }
}

impl Story {
    /// Files for the workflow `rotate`, with these keys before it; nothing runs yet.
    pub(super) fn rotates(&self, more: &str) {
        self.home.workflow("rotate", &format!("{more}{ROTATE}"));
        self.home.workflow("check", CHECK);
        self.home.write("commands/rotate.yaml", COMMAND);
        self.home.write("new-password", &format!("{CANARY}\n"));
    }

    /// Somebody types `purser …` with this on stdin.
    async fn hears(&self, line: &str, stdin: &str) -> String {
        let arguments = words(line);
        let mut command = self.home.command(Person::Ann, &arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut keys = child.stdin.take().unwrap();
        // A command that refuses closes the pipe.
        let _ = keys.write_all(stdin.as_bytes()).await;
        drop(keys);
        self.shown(&ended(&arguments, child).await)
    }

    fn ann_sits_at(&self, arguments: &[&str]) -> Screen {
        let mut command = self.home.command(Person::Ann, arguments);
        command.env("XDG_STATE_HOME", self.home.path("state"));
        Screen::open(command, 24, 100)
    }

    /// The canary is in nothing that is kept or said: the store, the logs, the receipts, what the API says.
    pub(super) async fn has_it_nowhere(&self) {
        let mut said = String::new();
        for line in [
            "runs list",
            "receipts list",
            "receipts show 1",
            "plan rotate -i user=app",
        ] {
            let told = self.home.types(&words(line)).await;
            said += &told.out;
            said += &self
                .home
                .types(&[&words(line)[..], &["--json"]].concat())
                .await
                .out;
        }
        let run = self.last_run().await;
        for verb in ["show", "lines", "log"] {
            let more = if verb == "lines" {
                vec!["tell"]
            } else {
                vec![]
            };
            let arguments = [&["runs", verb, &run][..], &more].concat();
            said += &self.home.types(&arguments).await.out;
            said += &self
                .home
                .types(&[&arguments[..], &["--json"]].concat())
                .await
                .out;
        }
        is_free_of_it("what the API says", &said);
        is_free_of_it("the logs", &self.home.logs());
        is_free_of_it("the store", &all_of(&self.home.path("store")));
    }
}

/// Nothing has the canary as it is, percent-encoded, or in base64, wherever it begins in that.
pub(super) fn is_free_of_it(what: &str, text: &str) {
    let encoded = utf8_percent_encode(CANARY, NON_ALPHANUMERIC).to_string();
    let in_query = encoded.replace("%20", "+");
    let shifted = |shift: usize| {
        let text = STANDARD.encode(format!("{}{CANARY}", &"xx"[..shift]));
        // What depends on the neighbours is left out.
        text[4..20].to_owned()
    };
    for form in [
        CANARY.to_owned(),
        encoded,
        in_query,
        shifted(0),
        shifted(1),
        shifted(2),
    ] {
        assert!(!text.contains(&form), "{form} is in {what}:\n{text}");
    }
}

/// All that lies in a folder, in one text.
pub(super) fn all_of(folder: &Path) -> String {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| {
        if path.is_dir() {
            all_of(&path)
        } else {
            String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned()
        }
    };
    files.map(text).collect()
}

async fn open(more: &str) -> (Web, Story) {
    let web = Web::start().await;
    let mut story = Story::with(&[("web", web.system())]);
    story.rotates(more);
    let trace = ("PURSER__LOG__LEVEL", "trace");
    story.home.up_with(&[trace]).await;
    (web, story)
}

const ASKS: &str = "approval: { production: { by: [operator] } }\n";

#[tokio::test]
async fn a_secret_that_was_given_is_used_and_stands_nowhere() {
    let (web, story) = open("").await;
    let line = "run rotate --input user=app --input-file password=new-password";
    insta::assert_snapshot!(story.sees(line).await, @"
    run RUN of rotate, asked by ann
    ✓ tell: done in N s
    ✓ check/ask: done in N s
    tell:
        status: 200
        body: your password is [secret], [secret]
        cut: false
        key: RUN/tell/0/send_once
    check:

    check/ask:
        status: 200
        body: your password is [secret], [secret]
    ✓ succeeded after N s: 2 steps done
    exit code 0
    ");
    assert_eq!(web.told(), [CANARY, CANARY]);
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of rotate: succeeded
    asked by ann (uid 0) at TIME
    inputs: user=app password=[secret]
      N s  asked for by ann
      N s  begun
      N s  tell: http.send on web
      N s  tell · send_once: done after N s
    ✓ N s  tell: done after N s
      N s  check: the steps of check
      N s  check/ask: http.get on web
    ✓ N s  check/ask: done after N s
    ✓ N s  check: done after N s
        tell:
            status: 200
            body: your password is [secret], [secret]
            cut: false
            key: RUN/tell/0/send_once
        check:
        check/ask:
            status: 200
            body: your password is [secret], [secret]
    ✓ succeeded after N s: 2 steps done
    exit code 0
    ");
    story.has_it_nowhere().await;
}

#[tokio::test]
async fn it_waits_sealed_while_the_server_is_killed_and_the_key_is_changed() {
    let (web, mut story) = open(ASKS).await;
    let run = story
        .starts("rotate --input user=app --input-file password=new-password")
        .await;
    story.asks_approval(&run).await;
    story.home.kill().await;
    let trace = ("PURSER__LOG__LEVEL", "trace");
    story.home.up_with(&[trace]).await;
    insta::assert_snapshot!(story.sees("secret rekey").await, @"
    0 secrets are sealed for a new key, and the old one is dropped
    keep a copy of `secrets.key` in the store's folder: nothing else opens them
    exit code 0
    ");
    story.has_it_nowhere().await;
    let digest = story.asks_approval(&run).await;
    story.sees(&format!("approve {run} --plan {digest}")).await;
    let view = story
        .until(&run, |view| !view["run"]["ended"].is_null())
        .await;
    assert_eq!(view["run"]["ended"]["state"], "succeeded");
    assert_eq!(web.told(), [CANARY, CANARY]);
    story.has_it_nowhere().await;
}

#[tokio::test]
async fn what_a_run_was_given_is_handed_on_to_the_one_that_goes_on_from_it() {
    let (web, story) = open("").await;
    story
        .sees("run rotate --input user=app --input-file password=new-password")
        .await;
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("rerun {run} --from tell")).await, @"
    run RUN of rotate, asked by ann
    ✓ tell: done in N s
    ✓ check/ask: done in N s
    tell:
        status: 200
        body: your password is [secret], [secret]
        cut: false
        key: RUN/tell/0/send_once
    check:

    check/ask:
        status: 200
        body: your password is [secret], [secret]
    ✓ succeeded after N s: 2 steps done
    exit code 0
    ");
    assert_eq!(web.told(), [CANARY; 4]);
    let open = ROTATE
        .replace("secret: true, ", "")
        .replace("\"{{ inputs.password }}\"", "none");
    story.home.workflow("rotate", &open);
    story
        .home
        .workflow("check", &CHECK.replace("secret: true, ", ""));
    story.home.write(
        "commands/rotate.yaml",
        &COMMAND.replace("secret: true, ", ""),
    );
    story.sees("reload").await;
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("rerun {run} --from tell")).await, @"
    purser: rotate: the input `password` was given in secret, and its file does not declare it secret any more: start it anew with `purser run`
    exit code 2
    ");
    story.has_it_nowhere().await;
}

#[tokio::test]
async fn what_a_run_was_given_takes_back_what_it_was_given_for() {
    let (web, story) = open("").await;
    let undo = "      undo: { method: DELETE, path: /users/app }\n  - id: check";
    let rotate = ROTATE.replace("  - id: check", undo);
    story.home.workflow("rotate", &rotate);
    story.sees("reload").await;
    story
        .sees("run rotate --input user=app --input-file password=new-password")
        .await;
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    run RUN of rotate, asked by ann
    undoes run RUN
    - tell: done in run RUN
    - check/ask: done in run RUN
    ↶ tell: taken back
    ✓ succeeded after N s: what run RUN had done is taken back: `tell`
    exit code 0
    ");
    assert_eq!(web.told(), [CANARY; 3]);
    story.has_it_nowhere().await;
}

#[tokio::test]
async fn no_value_is_taken_where_others_see_it() {
    let (web, story) = open("").await;
    let mut said = vec![];
    for line in [
        "run rotate -i user=app -i password=typed-in-the-clear",
        "plan rotate -i user=app -i password=typed-in-the-clear",
        "run rotate -i user=app",
        "run rotate -i user --input-file password=new-password",
        "run rotate --input-file user=new-password",
        "run rotate -i user=app --input-file password=gone",
    ] {
        said.push(format!("$ purser {line}\n{}", story.sees(line).await));
    }
    story.home.write("short", "hunter2\n");
    for file in ["short", "purser.toml"] {
        let line = format!("run rotate -i usr=app --input-file password={file}");
        said.push(format!("$ purser {line}\n{}", story.sees(&line).await));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    $ purser run rotate -i user=app -i password=typed-in-the-clear
    purser: `password` is a secret, and its value would stand in the shell's history and be seen by every user of this machine: leave the value out to be asked for it, or give --input-file password=FILE. Nothing was started; if what you typed is in use, change it
    exit code 2
    $ purser plan rotate -i user=app -i password=typed-in-the-clear
    purser: `password` is a secret, and its value would stand in the shell's history and be seen by every user of this machine: leave the value out to be asked for it, or give --input-file password=FILE. Nothing was started; if what you typed is in use, change it
    exit code 2
    $ purser run rotate -i user=app
    purser: the secret `password` is missing, and there is no terminal to ask for it: give --input-file password=FILE, or --input password with the value on stdin; nothing was started
    exit code 2
    $ purser run rotate -i user --input-file password=new-password
    purser: `user` is no secret: write NAME=VALUE
    exit code 2
    $ purser run rotate --input-file user=new-password
    purser: `user` is no secret and no file: write --input user=VALUE
    exit code 2
    $ purser run rotate -i user=app --input-file password=gone
    purser: the file gone cannot be read: No such file or directory (os error 2)
    exit code 2
    $ purser run rotate -i usr=app --input-file password=short
    purser: rotate: the secret `password`, or a password in it, has less than 8 bytes: so short a one cannot be masked where another system repeats it
    exit code 2
    $ purser run rotate -i usr=app --input-file password=purser.toml
    purser: rotate: unknown input `usr`; did you mean `user`?
    exit code 2
    ");
    assert!(web.told().is_empty());
    assert_eq!(
        story.home.asks(&["runs", "list"]).await,
        serde_json::json!([])
    );
}

#[tokio::test]
async fn it_is_read_from_stdin_or_asked_for_on_a_terminal() {
    let (web, story) = open("").await;
    let line = "run rotate -i user=app -i password";
    let said = story.hears(line, &format!("{CANARY}\n")).await;
    assert!(said.contains("succeeded"), "{said}");
    let mut screen = story.ann_sits_at(&["run", "rotate", "-i", "user=app"]);
    screen.ends_with("password (it is not shown):").await;
    screen.types(CANARY).await;
    screen.types(ENTER).await;
    let shown = screen.shows("succeeded").await;
    is_free_of_it("the screen", &shown);
    assert_eq!(web.told(), [CANARY; 4]);
    story.has_it_nowhere().await;
}

#[tokio::test]
async fn the_console_asks_for_it_and_remembers_no_line_that_has_it() {
    let (web, story) = open("").await;
    let mut screen = story.ann_sits_at(&["console"]);
    screen.ends_with("purser>").await;
    screen
        .types(&format!("rotate app password='{CANARY}'{ENTER}"))
        .await;
    let refused = screen.shows("is a secret").await;
    screen.types(&format!("rotate app{ENTER}")).await;
    screen.ends_with("password (it is not shown):").await;
    screen.types(CTRL_C).await;
    screen.shows("interrupted: nothing was started").await;
    screen.ends_with("purser>").await;
    screen.types(&format!("{UP}{ENTER}")).await;
    screen.ends_with("password (it is not shown):").await;
    screen.types(&format!("{CANARY}{ENTER}")).await;
    let shown = screen.shows("succeeded").await;
    assert_eq!(
        shown.matches(CANARY).count(),
        refused.matches(CANARY).count()
    );
    assert_eq!(web.told(), [CANARY, CANARY]);
    is_free_of_it("the history", &all_of(&story.home.path("state")));
    insta::assert_snapshot!(story.hears("console", &format!("rotate app\n{CANARY}\n")).await, @"
    Type a command, `help`, or `quit`.
    purser> password (it is not shown): run RUN of rotate, asked by ann
    ✓ tell: done in N s
    ✓ check/ask: done in N s
    tell:
        status: 200
        body: your password is [secret], [secret]
        cut: false
        key: RUN/tell/0/send_once
    check:

    check/ask:
        status: 200
        body: your password is [secret], [secret]
    ✓ succeeded after N s: 2 steps done
    purser> exit code 0
    ");
    story.has_it_nowhere().await;
}

#[tokio::test]
async fn without_a_key_nothing_is_started() {
    let (web, story) = open("").await;
    fs::remove_file(story.home.path("store/secrets.key")).unwrap();
    let line = "run rotate --input user=app --input-file password=new-password";
    insta::assert_snapshot!(story.sees(line).await, @"
    purser: HOME/store/secrets.key is not there, and without it no secret can be opened: restore it from a backup; nothing was started
    exit code 1
    ");
    assert!(web.told().is_empty());
}

#[tokio::test]
async fn the_same_key_is_the_same_run_whatever_the_password() {
    let (web, story) = open("").await;
    let line = "rotate --key once --input user=app --input-file password=new-password";
    let first = story.starts(line).await;
    story.home.write("new-password", "another-password");
    assert_eq!(story.starts(line).await, first);
    story
        .until(&first, |view| !view["run"]["ended"].is_null())
        .await;
    assert_eq!(web.told(), [CANARY, CANARY]);
}

#[tokio::test]
async fn a_secret_that_stands_where_it_can_be_seen_is_found_with_its_place() {
    let web = Web::start().await;
    let story = Story::with(&[("web", web.system())]);
    story.rotates("");
    story.home.workflow(
        "leaks",
        r#"
concurrency: "rotate-{{ inputs.password }}"
inputs:
  password: { type: string, secret: true, required: true, default: changeme }
  pin: { type: integer, secret: true }
  which: { type: string, secret: true, suggest: docker.services }
  other: { type: string, suggest: docker.tags(password) }
on:
  - { schedule: "0 3 * * *", id: nightly, inputs: { password: "hunter22" } }
steps:
  - id: one
    uses: http.send
    with: { system: web, path: "/{{ inputs.password }}", body: { a: "{{ inputs.password }}" }, headers: { a: "x {{ inputs.password }}" } }
    if: inputs.password == 'x'
  - id: two
    runs: check
    with: { token: "in the clear" }
outputs:
  password: "{{ inputs.password }}"
"#,
    );
    let options = "  a: { type: string, secret: true }\n  b: { type: string, secret: true }\n  \
                   c: { type: string, secret: true }\n  d: { type: string, secret: true }\n  \
                   password: { type: string, required: true }\n  \
                   user: { type: string, secret: true, required: true }\n  \
                   e: { type: string, secret: true }\n";
    let command = format!("name: many\nsummary: Many\noptions:\n{options}runs: rotate\n");
    story.home.write("commands/many.yaml", &command);
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/workflows/leaks.yaml:5:14: in `rotate-{{ inputs.password }}`: the input `password` is a secret and no part of a text or a condition: `{{ inputs.password }}` stands alone, as one value in the `with` of a step
    HOME/workflows/leaks.yaml:7:68: the secret `password` can have no `default`: its value would stand in the file
    HOME/workflows/leaks.yaml:8:16: the secret `pin` must be of type string
    HOME/workflows/leaks.yaml:9:49: the secret `which` can have no `suggest`: its value would be shown while it is typed
    HOME/workflows/leaks.yaml:10:35: `suggest`: the input `password` is a secret, and is shown to nobody
    HOME/workflows/leaks.yaml:12:53: `password` is a secret, and a schedule gives none: its value would stand in the file
    HOME/workflows/leaks.yaml:16:32: in `/{{ inputs.password }}`: the input `password` is a secret and no part of a text or a condition: `{{ inputs.password }}` stands alone, as one value in the `with` of a step
    HOME/workflows/leaks.yaml:16:69: `{{ inputs.password }}`: no secret can stand here; http.send takes one as a value within `headers`
    HOME/workflows/leaks.yaml:16:110: in `x {{ inputs.password }}`: the input `password` is a secret and no part of a text or a condition: `{{ inputs.password }}` stands alone, as one value in the `with` of a step
    HOME/workflows/leaks.yaml:17:9: in `inputs.password == 'x'`: the input `password` is a secret and no part of a text or a condition: `{{ inputs.password }}` stands alone, as one value in the `with` of a step
    HOME/workflows/leaks.yaml:20:20: check: `token` is a secret: give it `{{ inputs.NAME }}` of a secret input, or `{{ secrets.NAME }}`, alone
    HOME/workflows/leaks.yaml:22:13: in `{{ inputs.password }}`: the input `password` is a secret and no part of a text or a condition: `{{ inputs.password }}` stands alone, as one value in the `with` of a step
    HOME/commands/many.yaml:4:3: the workflow `rotate`: unknown input `a`; did you mean `password`?
    HOME/commands/many.yaml:5:3: the workflow `rotate`: unknown input `b`; there is `password`, `user`
    HOME/commands/many.yaml:6:3: the workflow `rotate`: unknown input `c`; there is `password`, `user`
    HOME/commands/many.yaml:7:3: the workflow `rotate`: unknown input `d`; there is `password`, `user`
    HOME/commands/many.yaml:8:3: the input `password` of `rotate` is a secret: write `secret: true` here too
    HOME/commands/many.yaml:9:33: the input `user` of `rotate` is not a secret: leave `secret` out here, or declare it there
    HOME/commands/many.yaml:10:3: here are 6 secret options, and chats take 5
    HOME/commands/many.yaml:10:3: the workflow `rotate`: unknown input `e`; there is `password`, `user`
    exit code 2
    ");
}

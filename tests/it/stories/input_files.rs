//! Files as inputs: read where somebody types, and handed to a step as text.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::secret_inputs::Web;
use super::{Story, words};
use crate::support::program::{Person, ended};

/// A workflow that hands a file to a web service.
const IMPORT: &str = r#"
inputs:
  orders: { type: file, required: true, summary: what to import }
  note: { type: string }
steps:
  - id: send
    uses: http.send
    with:
      system: web
      path: "/orders?from={{ inputs.orders.name }}"
      body: { text: "{{ inputs.orders.text }}" }
"#;

const COMMAND: &str = "name: import\nsummary: Import orders\noptions:\n  \
    orders: { type: file, required: true, summary: what to import }\n  \
    note: { type: string, summary: why }\nruns: import\n";

pub(super) const ORDERS: &str = "id,price\n1,9.50\n2,\"ü\"\n";

impl Story {
    /// Files for the workflow `import` and its command; nothing runs yet.
    pub(super) fn imports(&self) {
        self.home.workflow("import", IMPORT);
        self.home.write("commands/import.yaml", COMMAND);
        self.home.write("orders.csv", ORDERS);
        self.home.write("long.csv", &"x".repeat(256 * 1024 + 1));
        self.home.write("picture.png", "\u{0}PNG");
    }
}

/// What a web service was sent.
pub(super) fn texts(web: &Web) -> Vec<String> {
    let text = |body: &String| {
        let body: Value = serde_json::from_str(body).unwrap();
        body["text"].as_str().unwrap().to_owned()
    };
    web.told().iter().map(text).collect()
}

async fn open() -> (Web, Story) {
    let web = Web::start().await;
    let mut story = Story::with(&[("web", web.system())]);
    story.imports();
    story.home.up().await;
    (web, story)
}

#[tokio::test]
async fn a_file_is_read_and_its_text_handed_to_a_step() {
    let (web, story) = open().await;
    insta::assert_snapshot!(story.sees("run import -i orders=@orders.csv").await, @"
    run RUN of import, asked by ann
    ✓ send: done in N s
    status: 200
    body: thank you
    cut: false
    key: RUN/send/0/send_once
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of import: succeeded
    asked by ann (uid 0) at TIME
    inputs: orders=orders.csv (23 bytes)
      N s  asked for by ann
      N s  begun
      N s  send: http.send on web
      N s  send · send_once: done after N s
    ✓ N s  send: done after N s
        status: 200
        body: thank you
        cut: false
        key: RUN/send/0/send_once
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    let large = "line\n".repeat(20_000);
    story.home.write("large.csv", &large);
    story.sees("run import --input-file orders=large.csv").await;
    assert_eq!(texts(&web), [ORDERS, &large]);
    let books = story.home.asks(&["receipts", "list"]).await;
    let kept = format!("{books}");
    assert!(
        kept.contains("large.csv") && !kept.contains("line"),
        "{kept}"
    );
}

#[tokio::test]
async fn what_cannot_be_an_input_starts_nothing() {
    let (web, story) = open().await;
    let mut said = vec![];
    for line in [
        "run import",
        "run import -i orders=orders.csv",
        "run import -i orders=@gone.csv",
        "run import -i orders=@long.csv",
        "run import -i orders=@picture.png",
        "run import -i orders=@.",
        "plan import -i orders=@long.csv",
        "run import -i orders=@orders.csv --input-file note=orders.csv",
    ] {
        said.push(format!("$ purser {line}\n{}", story.sees(line).await));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    $ purser run import
    purser: import: the input `orders` (what to import) is missing
    exit code 2
    $ purser run import -i orders=orders.csv
    purser: `orders` is a file: write orders=@PATH; nothing was started
    exit code 2
    $ purser run import -i orders=@gone.csv
    purser: the file gone.csv cannot be read: No such file or directory (os error 2); nothing was started
    exit code 2
    $ purser run import -i orders=@long.csv
    purser: the file long.csv has more than 256 KiB; nothing was started
    exit code 2
    $ purser run import -i orders=@picture.png
    purser: the file picture.png is no text: a NUL byte is in it; nothing was started
    exit code 2
    $ purser run import -i orders=@.
    purser: the file . cannot be read: Is a directory (os error 21); nothing was started
    exit code 2
    $ purser plan import -i orders=@long.csv
    purser: the file long.csv has more than 256 KiB; nothing was started
    exit code 2
    $ purser run import -i orders=@orders.csv --input-file note=orders.csv
    purser: `note` is no secret and no file: write --input note=VALUE
    exit code 2
    ");
    assert!(web.told().is_empty());
    assert_eq!(story.home.asks(&["runs", "list"]).await, json!([]));
}

#[tokio::test]
async fn the_console_reads_it_too() {
    let (web, story) = open().await;
    let mut command = story.home.command(Person::Ann, &["console"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut console = command.spawn().unwrap();
    let mut keys = console.stdin.take().unwrap();
    let typed = b"import @orders.csv\nimport orders=@gone.csv\nimport orders.csv\n";
    keys.write_all(typed).await.unwrap();
    drop(keys);
    let said = ended(&words("console"), console).await;
    insta::assert_snapshot!(story.shown(&said), @"
    Type a command, `help`, or `quit`.
    purser> run RUN of import, asked by ann
    ✓ send: done in N s
    status: 200
    body: thank you
    cut: false
    key: RUN/send/0/send_once
    ✓ succeeded after N s: 1 step done
    purser> the file gone.csv cannot be read: No such file or directory (os error 2); nothing was started
    purser> `orders` is a file: write orders=@PATH; nothing was started
    purser> exit code 0
    ");
    assert_eq!(texts(&web), [ORDERS]);
}

#[tokio::test]
async fn a_file_that_stands_where_none_can_is_found_with_its_place() {
    let web = Web::start().await;
    let story = Story::with(&[("web", web.system())]);
    story.imports();
    let wrong = IMPORT
        .replace(
            "summary: what to import }",
            "suggest: purser.runs, default: orders.csv }",
        )
        .replace("inputs.orders.name", "inputs.orders.size")
        .replace(
            "body: { text: \"{{ inputs.orders.text }}\" }",
            "method: \"{{ inputs.orders }}\"",
        );
    story.home.workflow("import", &wrong);
    story.home.write(
        "commands/import.yaml",
        &COMMAND.replace("note: { type: string", "note: { type: file"),
    );
    insta::assert_snapshot!(story.sees("lint").await, @r#"
    HOME/workflows/import.yaml:6:50: `orders` is a file, and none can be suggested
    HOME/workflows/import.yaml:6:72: `default`: the input `orders`: a file is wanted, `{ "name": …, "text": … }`; on a terminal, @ and its path
    HOME/workflows/import.yaml:13:13: in `/orders?from={{ inputs.orders.size }}`: the input `orders` is a file: unknown value `size`; there is `name`, `text`
    HOME/workflows/import.yaml:14:15: http.send: `method` must be text, and `{{ inputs.orders }}` is a mapping of keys to values
    exit code 2
    "#);
}

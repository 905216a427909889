//! Messages of other programs, signed by the libraries that they use, sent to the real program.

pub(crate) mod library;
mod sender;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::patience;
use crate::support::program::Home;
use crate::support::systems::docker;
use library::{NODE, PYTHON};
use sender::{Message, Sender, Signed};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The one that takes its place.
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const TOKEN: &str = "a-token-of-some-length";

/// A workflow that a hook starts.
const LOOK: &str = "
inputs:
  note: { type: string, default: none }
on:
  - webhook: look
steps:
  - id: look
    uses: docker.list_services
";

/// A server with a hook `look` of this kind, and somebody who sends to it.
async fn hooked(key: &str) -> (Home, Sender) {
    let mut home = Home::new(&[("shop", docker())]);
    home.write("secret", SECRET);
    home.write("both", &format!("{NEXT_SECRET}\n{SECRET}\n"));
    home.write("token", TOKEN);
    home.configure(&format!("[hooks.look]\nroles = ['operator']\n{key}\n"));
    home.workflow("look", LOOK);
    home.up_in_public().await;
    let sender = Sender::to(&home);
    (home, sender)
}

#[tokio::test]
async fn what_the_reference_libraries_have_signed_starts_a_run() {
    let (home, sender) = hooked("secret_file = 'secret'").await;
    for (library, id) in [(NODE, "msg_node"), (PYTHON, "msg_python")] {
        let message = Message::of(id, r#"{"note": "grüße"}"#);
        let signed = library.sign(SECRET, &message).await;
        let answer = sender.send("look", &signed).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let run = home.ends(answer.run()).await;
        assert_eq!(run["status"], "succeeded");
        assert_eq!(run["run"]["request"]["inputs"], json!({ "note": "grüße" }));
        assert_eq!(run["run"]["request"]["by"]["person"], "webhook look");
    }
}

#[tokio::test]
async fn the_same_message_again_gets_the_same_answer() {
    let (home, sender) = hooked("secret_file = 'secret'").await;
    let signed = NODE.sign(SECRET, &Message::of("msg_1", "{}")).await;
    let first = sender.send("look", &signed).await;
    let again = sender.send("look", &signed).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.run(), again.run());
    // Tried once more later: another time and signature, the same id.
    let later = NODE
        .sign(SECRET, &Message::of("msg_1", "{}").aged(-1))
        .await;
    assert_eq!(sender.send("look", &later).await.run(), first.run());
    let other = NODE.sign(SECRET, &Message::of("msg_2", "{}")).await;
    assert_ne!(sender.send("look", &other).await.run(), first.run());
    let runs = home.asks(&["runs", "list"]).await;
    assert_eq!(runs.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_believed_or_does_not_fit_starts_nothing_and_is_one_line_in_the_log() {
    let (home, sender) = hooked("secret_file = 'secret'").await;
    let good = NODE
        .sign(SECRET, &Message::of("msg_1", r#"{"note": "hi"}"#))
        .await;
    let altered = Signed {
        body: r#"{"note": "ho"}"#.to_owned(),
        ..good.clone()
    };
    let sign = async |message: Message| NODE.sign(SECRET, &message).await;
    let tries = [
        ("look", good.clone().without("webhook-signature")),
        ("look", good.clone().without("webhook-id")),
        ("look", Signed::by_token(TOKEN, "{}")),
        ("look", altered),
        (
            "look",
            NODE.sign(NEXT_SECRET, &Message::of("msg_1", "{}")).await,
        ),
        ("look", sign(Message::of("msg_2", "{}").aged(301)).await),
        ("look", sign(Message::of("msg_3", "{}").aged(-400)).await),
        ("look", sign(Message::of("msg_4", "{\"note\": ")).await),
        ("look", sign(Message::of("msg_5", "[1]")).await),
        (
            "look",
            sign(Message::of("msg_6", r#"{"nota": "hi"}"#)).await,
        ),
        ("look", sign(Message::of("msg_7", r#"{"note": {}}"#)).await),
        (
            "look",
            sign(Message::of(
                "msg_8",
                &format!("\"{}\"", "x".repeat(300_000)),
            ))
            .await,
        ),
        ("luck", good),
    ];
    let mut told = vec![];
    for (hook, signed) in &tries {
        told.push(sender.send(hook, signed).await.problem());
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    401 unproven: the header `webhook-signature` is missing
    401 unproven: the header `webhook-id` is missing
    401 unproven: the header `webhook-id` is missing
    401 unproven: no `v1` signature in `webhook-signature` fits: the secret is another one, or the message was altered
    401 unproven: no `v1` signature in `webhook-signature` fits: the secret is another one, or the message was altered
    401 unproven: `webhook-timestamp` is more than five minutes in the past
    401 unproven: `webhook-timestamp` is more than five minutes in the future: compare the clocks
    422 invalid: the body is not JSON: EOF while parsing a value at line 1 column 9
    422 invalid: the body must be a JSON object of the workflow's inputs
    422 invalid: look: unknown input `nota`; did you mean `note`?
    422 invalid: look: the input `note` must be text, and is {}
    413 invalid: the body is longer than 256 KiB
    404 missing: there is no hook `luck`
    "#);
    let log = home.log();
    let lines = log.matches("a webhook was not taken; nothing was started");
    assert_eq!(lines.count(), tries.len(), "{log}");
    assert!(!log.contains(SECRET));
    assert_eq!(home.asks(&["runs", "list"]).await, json!([]));
    assert_eq!(home.asks(&["receipts", "list"]).await, json!([]));
}

#[tokio::test]
async fn a_sender_that_cannot_sign_shows_a_token() {
    let (home, sender) = hooked("token_file = 'token'").await;
    let wrong = Signed::by_token("a-token-of-some-lengtg", "{}");
    insta::assert_snapshot!(sender.send("look", &wrong).await.problem(), @"401 unproven: the token is another one");
    let answer = sender.send("look", &Signed::by_token(TOKEN, "")).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(home.ends(answer.run()).await["status"], "succeeded");
    assert!(!home.log().contains(TOKEN));
}

#[tokio::test]
async fn health_is_told_to_everybody_and_nothing_else() {
    let (_home, sender) = hooked("token_file = 'token'").await;
    for path in ["/healthz", "/readyz"] {
        let answer = sender.get(path).await;
        assert_eq!((answer.status, answer.body), (200, json!("ok\n")));
    }
    let runs = sender.get("/api/v1/runs").await;
    insta::assert_snapshot!(runs.problem(), @"404 missing: there is nothing at GET /api/v1/runs");
}

#[tokio::test]
async fn while_a_secret_is_changed_both_are_good() {
    let (home, sender) = hooked("secret_file = 'both'").await;
    for (secret, id) in [(SECRET, "msg_old"), (NEXT_SECRET, "msg_new")] {
        let signed = PYTHON.sign(secret, &Message::of(id, "")).await;
        let answer = sender.send("look", &signed).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!(home.ends(answer.run()).await["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_forever() {
    let (home, _) = hooked("token_file = 'token'").await;
    let mut stream = TcpStream::connect(home.address()).await.unwrap();
    let head = format!(
        "POST /hooks/look HTTP/1.1\r\nHost: purser\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: 2\r\nConnection: close\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("the body did not come in time"), "{answer}");
    assert_eq!(home.asks(&["runs", "list"]).await, json!([]));
}

#[tokio::test]
async fn a_hook_without_a_role_is_a_mistake() {
    let home = Home::new(&[("shop", docker())]);
    home.write("token", TOKEN);
    home.configure("[hooks.look]\nroles = []\ntoken_file = 'token'\n");
    home.workflow("look", LOOK);
    let said = home.types(&["lint"]).await;
    let wrong = "[hooks.look] has no role and could start nothing: write whose part it has, as in \
                 `roles = [\"operator\"]`";
    assert!(said.out.contains(wrong), "{said:?}");
    assert_eq!(said.code, 2);
}

/// A workflow that waits for a message and does what it says.
const ASK: &str = "
steps:
  - id: answer
    wait: { hook: look }
    timeout: 1h
  - id: look
    if: steps.answer.output.look
    uses: docker.list_services
";

#[tokio::test]
async fn a_step_that_waits_goes_on_with_a_signed_message_that_names_its_run() {
    let mut home = Home::new(&[("shop", docker())]);
    home.write("secret", SECRET);
    home.configure("[hooks.look]\nroles = ['operator']\nsecret_file = 'secret'\n");
    home.workflow("ask", ASK);
    home.up_in_public().await;
    let sender = Sender::to(&home);
    let id = home.starts(&["ask"]).await;
    let send = async |message: &str, body: String| {
        let signed = NODE.sign(SECRET, &Message::of(message, &body)).await;
        sender.send("look/signal", &signed).await
    };
    let shown = ["runs", "show", &id];
    let waits = async || home.asks(&shown).await["status"] == json!({ "waiting": "signal" });
    patience::until("the run waits for a message", waits).await;
    let yes = json!({ "run": id, "data": { "look": true } }).to_string();
    let unsigned = Signed::by_token("none", &yes);
    let refused = sender.send("look/signal", &unsigned).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    let other = send("m0", json!({ "run": id, "step": "look" }).to_string()).await;
    assert_eq!(other.status, 409, "{other:?}");
    let answer = send("m1", yes.clone()).await;
    assert_eq!(
        (answer.status, &answer.body),
        (202, &json!({ "run": id, "step": "answer" }))
    );
    let ended = home.ends(&id).await;
    assert_eq!(ended["run"]["steps"]["look"]["status"], "succeeded");
    let again = send("m1", yes.clone()).await;
    assert_eq!(
        (again.status, &again.body),
        (202, &answer.body),
        "the same answer"
    );
    let late = send("m2", yes).await;
    let said = late.problem().replace(&id[id.len() - 8..], "RUN");
    insta::assert_snapshot!(said, @"409 conflict: run RUN does not wait for a message by the hook `look`");
}

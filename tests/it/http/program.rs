//! What people see of a lost answer at their terminals.

use xtask::effect_server::{EffectServer, Mood, Reply};

use crate::support::patience;
use crate::support::program::Home;
use crate::support::systems::of_kind;

/// A run that asks a person: the service has done what it was asked for, and the answer was lost.
struct Asked {
    server: EffectServer,
    home: Home,
    run: String,
    /// What was printed until then.
    out: String,
}

impl Asked {
    async fn by(steps: &str) -> Self {
        let server = EffectServer::start().unwrap();
        let settings = toml::toml! { url = (server.url()) environment = "production" };
        let mut home = Home::new(&[("billing", of_kind("http", settings))]);
        home.workflow("charge", &format!("steps:{steps}"));
        home.up().await;
        server.is(Mood::done_but(Reply::Cut));
        let asked = home.types(&["run", "charge"]).await;
        assert_eq!(asked.code, 3, "{asked:?}");
        let runs = home.asks(&["runs", "list"]).await;
        let run = runs[0]["id"].as_str().unwrap().to_owned();
        let out = asked.out;
        Self {
            server,
            home,
            run,
            out,
        }
    }
}

#[tokio::test]
async fn a_run_whose_answer_was_lost_stops_and_goes_on_when_a_person_has_looked() {
    let asked = Asked::by(
        "
  - id: charge
    uses: http.send
    with: { path: /once/charges, body: { amount: 5 } }
  - id: well
    uses: http.get
    with: { path: /health }
",
    )
    .await;
    let (server, home, run) = (&asked.server, &asked.home, asked.run.as_str());
    let key = format!("Idempotency-Key {run}/charge/0/send_once");
    assert!(asked.out.contains(&key), "{}", asked.out);
    assert_eq!(server.books().history.len(), 1);

    server.is(Mood::CALM);
    let told = home.types(&["decide", run, "happened"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    let ended = home.ends(run).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    assert_eq!(
        ended["run"]["steps"]["charge"]["output"]["status"],
        serde_json::Value::Null
    );
    assert_eq!(server.books().history.len(), 1, "it is not sent again");
}

#[tokio::test]
async fn an_answer_is_of_the_question_that_was_looked_at_also_when_it_is_typed_again() {
    let asked = Asked::by(
        "
  - id: ann
    uses: http.send
    with: { path: /once/charges, body: { amount: 5 } }
  - id: bo
    uses: http.send
    with: { path: /once/charges, body: { amount: 7 } }
",
    )
    .await;
    let (server, home, run) = (&asked.server, &asked.home, asked.run.as_str());
    let short = &run[run.len() - 8..];
    let happened = ["decide", run, "happened"];
    assert_eq!(home.types(&happened).await.code, 0);
    let asks = async || {
        let shown = home.asks(&["runs", "show", run]).await;
        shown["run"]["steps"]["bo"]["question"].is_object()
    };
    patience::until("the run asks once more", asks).await;
    let shown = home.types(&["runs", "show", run]).await;
    let todo = format!(
        "`bo`: look whether it happened, then: purser decide {short} happened | did-not \
         --question 2, or purser cancel {short}"
    );
    assert!(shown.out.contains(&todo), "{}", shown.out);

    // The same line once more, as if no answer had come to it.
    let again = home.types(&happened).await;
    assert_eq!(
        (again.code, again.err.trim().to_owned()),
        (
            1,
            format!(
                "purser: run {short} has asked 2 questions: look with `purser runs show {short}`, \
                 then say which one you answer with `--question 2`"
            )
        )
    );
    let first = home
        .types(&["decide", run, "happened", "--question", "1"])
        .await;
    let answered = format!(
        "purser: question 1 of run {short} is answered already: look again with `purser runs show \
         {short}`"
    );
    assert_eq!((first.code, first.err.trim()), (1, answered.as_str()));
    let open = home.asks(&["runs", "show", run]).await;
    assert!(open["run"]["steps"]["bo"]["question"].is_object());

    server.is(Mood::CALM);
    let second = ["decide", run, "happened", "--question", "2"];
    assert_eq!(home.types(&second).await.code, 0);
    assert_eq!(home.ends(run).await["status"], "succeeded");
    assert_eq!(server.books().history.len(), 2, "nothing is sent again");
}

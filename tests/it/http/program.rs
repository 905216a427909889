//! What people see of a lost answer at their terminals.

use xtask::effect_server::{EffectServer, Mood, Reply};

use crate::support::program::Home;
use crate::support::systems::of_kind;

#[tokio::test]
async fn a_run_whose_answer_was_lost_stops_and_goes_on_when_a_person_has_looked() {
    let server = EffectServer::start().unwrap();
    let settings = toml::toml! { url = (server.url()) environment = "production" };
    let mut home = Home::new(&[("billing", of_kind("http", settings))]);
    home.workflow(
        "charge",
        "
steps:
  - id: charge
    uses: http.send
    with: { path: /once/charges, body: { amount: 5 } }
  - id: well
    uses: http.get
    with: { path: /health }
",
    );
    home.up().await;
    server.is(Mood::done_but(Reply::Cut));
    let asked = home.types(&["run", "charge"]).await;
    assert_eq!(asked.code, 3, "{asked:?}");
    let runs = home.asks(&["runs", "list"]).await;
    let run = runs[0]["id"].as_str().unwrap();
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

//! An engine of a story's own that is killed at chosen moments of a deploy: what the step says, and what comes
//! of it once the engine is there again.

use purser::action::{ErrorKind, Undone};
use serde_json::json;

use super::stage::{Step, V1, V2, plain};
use crate::support::journal::Moment;
use crate::support::own_engine::OwnEngine;
use crate::support::patience;

fn deploy(engine: &OwnEngine, service: &str) -> Step {
    let input = json!({ "service": format!("shop/{service}"), "version": "v2" });
    Step::on(&engine.host(), "docker.deploy_service", "", input)
}

#[tokio::test]
async fn an_engine_that_is_away_has_people_told_what_to_do_and_the_rest_waits_for_it() {
    let mut engine = OwnEngine::with(&[V1, V2]).await;
    let again = ["--restart", "always"];
    let old = engine.serve("books", V1, &[&again[..], &["--volume", "/data"]].concat());
    engine.serve("web", V1, &again);
    engine.are_well(2).await;
    // One in the middle, and one behind the point from which there is a way back.
    let books = deploy(&engine, "books").dying_at("start_new", Moment::Done);
    let web = deploy(&engine, "web").dying_at("remove_old", Moment::Done);
    books.run().await.unwrap_err();
    web.run().await.unwrap_err();
    engine.kill();

    let error = books.undo().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Retryable);
    let told = plain(&error.message.replace(&engine.host(), "unix://ENGINE"));
    insta::assert_snapshot!(told.replace(" (Connection refused (os error 111))", ""), @"the container HEX was looked at, and no answer came from `shop` at unix://ENGINE; to go back by hand: `docker rm --force HEX`, then `docker rename shop-books-1-purser-HEX shop-books-1`, then `docker start shop-books-1`");

    let comes_back = async {
        patience::until("it is waited for", async || {
            let told = web.journal.told();
            told.iter().any(|told| told.contains("is tried again soon"))
        })
        .await;
        engine.start();
        engine.is_up().await;
    };
    let (ended, ()) = tokio::join!(web.run(), comes_back);
    assert_eq!(ended.unwrap()["proof"], "healthy");
    assert_eq!(books.undo().await.unwrap(), Undone::Fully);
    let there = engine.containers();
    let [one, two] = &there[..] else {
        panic!("{there:?}");
    };
    assert_eq!(*one, format!("shop-books-1 {old} running healthy"));
    assert!(two.starts_with("shop-web-1 "), "{two}");
    let image = engine.docker(&["inspect", "--format", "{{.Config.Image}}", "shop-web-1"]);
    assert_eq!(image, V2);
}

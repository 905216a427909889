//! Images that the engine has to fetch: with and without a login, by digest, to the end or not.

use purser::action::{ErrorKind, Undone};
use purser::domain::plan::Change;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::registry::{Guarded, Pushed, Slow, large, make_foreign, push};
use super::stage::{Step, V1, V2, docker, eventually, inspect, try_docker};
use crate::support::journal::{MOMENTS, Moment};

/// A job of this image, on an engine with these lines more in its table.
fn job(settings: &str, image: &str) -> Step {
    let input = json!({ "image": image, "command": ["job"] });
    Step::with("docker.run_job", settings, input)
}

fn is_there(image: &str) -> bool {
    try_docker(&["image", "inspect", image]).status.success()
}

/// Plan and run say the same, and the engine has no image by it.
async fn refused(settings: &str, pushed: &Pushed) -> String {
    let step = job(settings, &pushed.reference());
    let planned = step.plan().await.unwrap_err().message;
    assert_eq!(step.run().await.unwrap_err().message, planned);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert!(!is_there(&pushed.reference()) && !is_there(&pushed.by_digest()));
    planned
}

#[tokio::test]
async fn a_registry_that_wants_a_login_gets_that_of_its_table() {
    let guarded = Guarded::start().await;
    let pushed = guarded.push(V1);
    let step = job(
        &guarded.login(super::registry::PASSWORD),
        &pushed.reference(),
    );
    let plan = step.plan().await.unwrap();
    let from = format!("fetched from {}, {}", guarded.address, pushed.digest);
    let is_shown = |change: &Change| change.to.as_ref() == Some(&from);
    assert!(plan.changes.iter().any(is_shown), "{plan:?}");
    assert!(!is_there(&pushed.reference()), "a plan fetches nothing");

    let output = step.run().await.unwrap();
    assert_eq!(output["exit_code"], 0);
    let names = inspect(
        &pushed.reference(),
        "{{json .RepoTags}} {{json .RepoDigests}}",
    );
    assert!(names.contains(&pushed.reference()) && names.contains(&pushed.by_digest()));
    let told = json!([output, step.journal.lines(), step.journal.told()]).to_string();
    assert!(!told.contains(super::registry::PASSWORD));
}

#[tokio::test]
async fn a_login_that_is_missing_or_wrong_is_said_to_be() {
    let guarded = Guarded::start().await;
    let pushed = guarded.push(V1);
    let said = async |settings: &str| {
        let said = refused(settings, &pushed).await;
        let said = said.replace(&pushed.repository, "REGISTRY/shop/web");
        let said = said.replace(&guarded.address, "REGISTRY");
        let folder = guarded.password_file("empty", "");
        said.replace(folder.trim_end_matches("empty"), "FOLDER/")
    };
    insta::assert_snapshot!(said("").await, @r#"the image REGISTRY/shop/web:live is not on `shop` and cannot be fetched: the registry REGISTRY asks for a login, and there is none for it; write `username` and `password_file` into [systems.shop.registries."REGISTRY"]"#);
    insta::assert_snapshot!(said(&guarded.login("something-else")).await, @r#"the image REGISTRY/shop/web:live is not on `shop` and cannot be fetched: the registry REGISTRY refuses the login of purser; put the right password into FOLDER/password, for [systems.shop.registries."REGISTRY"], and restart Purser"#);
    let of_another = guarded
        .login(super::registry::PASSWORD)
        .replace("127.0.0.1", "localhost");
    assert_eq!(said(&of_another).await, said("").await);
}

#[tokio::test]
async fn what_is_fetched_is_what_was_planned_though_its_tag_has_moved() {
    let pushed = Pushed::to_all(V1);
    let step = job("", &pushed.reference()).dying_at("pull_image", Moment::Started);
    step.run().await.unwrap_err();
    let moved = push(&pushed.repository, "live", V2, &[]);
    assert_ne!(moved, pushed.digest);
    step.run().await.unwrap();
    let id = |image: &str| inspect(image, "{{.Id}}");
    assert_eq!(
        id(&pushed.reference()),
        id(V1),
        "the tag names what was planned"
    );
}

#[tokio::test]
async fn killed_while_it_fetches_it_goes_on() {
    for moment in MOMENTS {
        let pushed = Pushed::to_all(V1);
        let step = job("", &pushed.reference()).dying_at("pull_image", moment);
        step.run().await.unwrap_err();
        let output = step.run().await.unwrap();
        assert_eq!(output["exit_code"], 0, "{moment:?}");
        assert!(is_there(&pushed.reference()), "{moment:?}");
        assert!(is_there(&pushed.by_digest()), "{moment:?}");
    }
}

#[tokio::test]
async fn a_name_that_somebody_gave_to_another_image_meanwhile_is_not_taken_away() {
    let pushed = Pushed::to_all(V1);
    let step = job("", &pushed.reference()).dying_at("pull_image", Moment::Started);
    step.run().await.unwrap_err();
    docker(&["tag", V2, &pushed.reference()]);
    let error = step.run().await.unwrap_err();
    assert!(
        error
            .message
            .contains("somebody else has named another image"),
        "{error}"
    );
    let id = |image: &str| inspect(image, "{{.Id}}");
    assert_eq!(id(&pushed.reference()), id(V2));
}

#[tokio::test]
async fn an_image_for_another_processor_is_refused_before_and_after_it_was_fetched() {
    let pushed = Pushed::to_all(V1);
    make_foreign(&pushed).await;
    let said = async |tag: &str| {
        let step = job("", &format!("{}:{tag}", pushed.repository));
        let error = step.plan().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Fatal);
        assert_eq!(step.run().await.unwrap_err().message, error.message);
        error.message.replace(&pushed.repository, "shop/web")
    };
    insta::assert_snapshot!(said("arm").await, @"the image shop/web:arm is made for linux/arm64, and `shop` runs linux/amd64; no container was made of it: build it for linux/amd64");
    insta::assert_snapshot!(said("list").await, @"the image shop/web:list is made for linux/arm64, and `shop` runs linux/amd64; no container was made of it: build it for linux/amd64");
    let arm = format!("{}:arm", pushed.repository);
    docker(&["pull", "--quiet", &arm]);
    assert!(
        said("arm")
            .await
            .starts_with("the image shop/web:arm is made for linux/arm64")
    );
    docker(&["rmi", &arm]);
}

#[tokio::test]
async fn who_waits_sees_how_far_it_is_and_can_stop_it() {
    let large = large(6 << 20);
    let registry = crate::support::stack::variable("PURSER_TEST_REGISTRY");
    let slow = Slow::before(registry.clone(), 1 << 20).await;
    let direct = format!("{registry}/{}", large.name);
    let (repository, tag) = direct.rsplit_once(':').unwrap();
    push(repository, tag, &large.name, &[]);
    // All its layers have to be fetched.
    drop(large);
    let image = direct.replace(&registry, &slow.address);

    let mut step = job("", &image);
    let journal = std::sync::Arc::clone(&step.journal);
    let cancel = step.cancel.clone();
    let running = tokio::spawn(async move { (step.run().await, step) });
    let has_bytes = |text: &String| text.contains(" of ") && text.contains(" layers");
    eventually("it says how far it is", || {
        journal.told().iter().any(has_bytes)
    })
    .await;
    cancel.cancel();
    let (outcome, back) = running.await.unwrap();
    step = back;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    insta::assert_snapshot!(error.message.replace(&image, "shop/web:v2"), @"cancelled while `shop` fetched the image shop/web:v2: it has got no new image; to drop or to keep the layers that had come is up to the engine");
    assert!(!is_there(&image));

    slow.let_go();
    step.cancel = CancellationToken::new();
    assert_eq!(step.run().await.unwrap()["exit_code"], 0);
    let told = journal.told();
    let of_it = told.iter().filter(|text| text.starts_with("fetching"));
    assert!(of_it.count() >= 2, "{told:?}");
    docker(&["rmi", &image]);
}

#[tokio::test]
async fn an_image_goes_by_its_digest_too_and_gets_no_tag_by_that() {
    let pushed = Pushed::to_all(V1);
    let output: Value = job("", &pushed.by_digest()).run().await.unwrap();
    assert_eq!(output["exit_code"], 0);
    assert!(is_there(&pushed.by_digest()) && !is_there(&pushed.reference()));
}

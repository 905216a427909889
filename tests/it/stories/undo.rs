//! A run that succeeded, and the one that takes back what it did.

use super::Story;
use super::deploys::DEPLOY;
use crate::docker::shop::Shop;
use crate::docker::stage::V1;
use crate::support::program::Person;

/// A shop that runs v1, and a server with the workflow `deploy`, of which the file begins with this.
async fn open(head: &str) -> (Shop, Story) {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    story.home.workflow("deploy", &format!("{head}{DEPLOY}"));
    story.home.up().await;
    (shop, story)
}

/// Somebody deploys this version: the run, which has succeeded.
async fn deployed(shop: &Shop, story: &Story, version: &str) -> String {
    let deploy = format!("deploy -i service={} -i version={version}", shop.web());
    let run = story.starts(&deploy).await;
    let ended = story.home.ends(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    run
}

fn short(run: &str) -> &str {
    &run[run.len() - 8..]
}

#[tokio::test]
async fn a_deploy_is_taken_back_by_a_deploy_of_what_ran_before() {
    let (shop, story) = open("").await;
    let first = deployed(&shop, &story, "v2").await;
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    let undo = format!("undo {first} --reason slow");
    insta::assert_snapshot!(story.sees(&undo).await, @"");
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.state(1), format!("{V1} running healthy"));

    let run = story.last_run().await;
    assert_ne!(run, first);
    insta::assert_snapshot!(story.sees(&format!("runs show {first}")).await, @"");
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"");
    insta::assert_snapshot!(story.sees(&format!("receipts show {run}")).await, @"");
    let verified = story.sees("receipts verify").await;
    assert!(verified.ends_with("exit code 0"), "{verified}");
}

#[tokio::test]
async fn the_plan_of_an_undo_says_what_would_be_taken_back_and_changes_nothing() {
    let (shop, story) = open("").await;
    let run = deployed(&shop, &story, "v2").await;
    let mut events = shop.events();
    insta::assert_snapshot!(story.sees(&format!("undo {run} --plan")).await, @"");
    shop.expect_silence(&mut events);
    let runs = story.home.asks(&["runs", "list"]).await;
    assert_eq!(runs.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_deploys_the_later_one_is_undone_first() {
    let (shop, story) = open("").await;
    let first = deployed(&shop, &story, "v2").await;
    let second = deployed(&shop, &story, "v1").await;
    insta::assert_snapshot!(story.sees(&format!("undo {first}")).await, @"");
    for (run, runs) in [(&second, "v2"), (&first, "v1")] {
        let told = story.sees(&format!("undo {run}")).await;
        assert!(told.ends_with("exit code 0"), "{told}");
        let state = format!("purser-test/web:{runs} running healthy");
        assert_eq!(shop.state(1), state);
    }
}

#[tokio::test]
async fn a_run_is_undone_once_however_often_it_is_asked_for() {
    let (shop, story) = open("").await;
    let run = deployed(&shop, &story, "v2").await;
    let once = format!("undo {run} --detach --key once");
    let said = story.sees(&once).await;
    assert_eq!(story.sees(&once).await, said, "one key, one run");
    let undo = story.last_run().await;
    assert_eq!(story.home.ends(&undo).await["status"], "succeeded");
    for line in [
        format!("undo {run}"),
        format!("undo {undo}"),
        format!("rerun {run} --from deploy"),
        format!("rerun {undo}"),
    ] {
        let said = story.sees(&line).await;
        assert!(said.ends_with("exit code 1"), "{said}");
    }
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"");
    insta::assert_snapshot!(story.sees(&format!("undo {undo}")).await, @"");
    insta::assert_snapshot!(story.sees(&format!("rerun {undo}")).await, @"");
}

#[tokio::test]
async fn what_cannot_be_undone_says_why_and_what_to_do() {
    let story = Story::of_job().await;
    let run = story.starts("migrate -i seconds=100").await;
    super::job_runs(&run).await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"");
    story.sees(&format!("cancel {run}")).await;
    story.home.ends(&run).await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"");
    let run = story.starts("migrate").await;
    story.home.ends(&run).await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"");
}

#[tokio::test]
async fn who_may_not_start_the_workflow_may_not_undo_its_runs() {
    let (shop, story) = open("who: { production: [operator] }").await;
    let run = deployed(&shop, &story, "v2").await;
    let undo = format!("undo {run}");
    insta::assert_snapshot!(story.person_sees(Person::Cy, &undo).await, @"");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    let receipts = story.sees("receipts list").await;
    let refused = format!("undo {}", short(&run));
    assert!(receipts.contains("refused"), "{receipts} {refused}");
}

#[tokio::test]
async fn an_undo_is_approved_as_the_workflow_is() {
    let approval = "approval: { production: { by: [operator], not_requester: true } }";
    let (shop, story) = open(approval).await;
    let deploy = format!("deploy -i service={} -i version=v2", shop.web());
    let run = story.starts(&deploy).await;
    let plan = story.asks_approval(&run).await;
    let approve = format!("approve {run} --plan {plan}");
    story.person_sees(Person::Bo, &approve).await;
    story.home.ends(&run).await;

    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    let undo = story.last_run().await;
    let plan = story.asks_approval(&undo).await;
    let approve = format!("approve {undo} --plan {plan}");
    story.person_sees(Person::Bo, &approve).await;
    assert_eq!(story.home.ends(&undo).await["status"], "succeeded");
    assert_eq!(shop.state(1), format!("{V1} running healthy"));
}

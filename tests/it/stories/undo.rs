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

#[tokio::test]
async fn a_deploy_is_taken_back_by_a_deploy_of_what_ran_before() {
    let (shop, story) = open("").await;
    let first = deployed(&shop, &story, "v2").await;
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    let undo = format!("undo {first} --reason slow");
    insta::assert_snapshot!(story.sees(&undo).await, @"
    run RUN of deploy, asked by ann
    undoes run RUN (slow)
    - deploy: done in run RUN
    ✓ deploy/undo: done in N s
    ↶ deploy: taken back
    service: bookshop/web
    changed: true
    image: purser-test/web:v1
    image_id: sha256:HEX
    replaced_image: purser-test/web:v2
    replaced_image_id: sha256:HEX
    strategy: rolling
    proof: healthy
    proven_by: its own HEALTHCHECK
    gap_seconds: N
    containers:
        bookshop-web-1
    message: bookshop/web runs purser-test/web:v1 instead of purser-test/web:v2: healthy (its own HEALTHCHECK), without a gap
    ✓ succeeded after N s: what run RUN had done is taken back: `deploy`
    exit code 0
    ");
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.state(1), format!("{V1} running healthy"));

    let run = story.last_run().await;
    assert_ne!(run, first);
    insta::assert_snapshot!(story.sees(&format!("runs show {first}")).await, @"
    run RUN of deploy: succeeded
    asked by ann (uid 0) at TIME
    inputs: service=bookshop/web version=v2
    undone by run RUN
      N s  asked for by ann
      N s  begun
      N s  deploy: docker.deploy_service on shop
      N s  deploy · create_new[bookshop-web-1]: done after N s
      N s  deploy · start_new[bookshop-web-1]: done after N s
      N s  deploy · join_by_name[bookshop-web-1]: done after N s
      N s  deploy · stop_old[bookshop-web-1]: done after N s
      N s  deploy · remove_old[bookshop-web-1]: done after N s
      N s  deploy · rename_new[bookshop-web-1]: done after N s
    ✓ N s  deploy: done after N s
        service: bookshop/web
        changed: true
        image: purser-test/web:v2
        image_id: sha256:HEX
        replaced_image: purser-test/web:v1
        replaced_image_id: sha256:HEX
        strategy: rolling
        proof: healthy
        proven_by: its own HEALTHCHECK
        gap_seconds: N
        containers:
            bookshop-web-1
        message: bookshop/web runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of deploy: succeeded
    asked by ann (uid 0) at TIME
    inputs: service=bookshop/web version=v2
    undoes run RUN (slow)
      N s  asked for by ann, to take back what run RUN did (slow)
      N s  begun
      N s  deploy/undo: docker.deploy_service on shop
      N s  deploy/undo · create_new[bookshop-web-1]: done after N s
      N s  deploy/undo · start_new[bookshop-web-1]: done after N s
      N s  deploy/undo · join_by_name[bookshop-web-1]: done after N s
      N s  deploy/undo · stop_old[bookshop-web-1]: done after N s
      N s  deploy/undo · remove_old[bookshop-web-1]: done after N s
      N s  deploy/undo · rename_new[bookshop-web-1]: done after N s
    ✓ N s  deploy/undo: done after N s
    ↶ N s  deploy: taken back
        service: bookshop/web
        changed: true
        image: purser-test/web:v1
        image_id: sha256:HEX
        replaced_image: purser-test/web:v2
        replaced_image_id: sha256:HEX
        strategy: rolling
        proof: healthy
        proven_by: its own HEALTHCHECK
        gap_seconds: N
        containers:
            bookshop-web-1
        message: bookshop/web runs purser-test/web:v1 instead of purser-test/web:v2: healthy (its own HEALTHCHECK), without a gap
    ✓ succeeded after N s: what run RUN had done is taken back: `deploy`
    exit code 0
    ");
    its_receipt_names_the_run_that_it_takes_back(&story, &run).await;
}

async fn its_receipt_names_the_run_that_it_takes_back(story: &Story, run: &str) {
    insta::assert_snapshot!(story.sees(&format!("receipts show {run}")).await, @r#"
    receipt 2: run RUN of deploy: succeeded
    asked by ann (uid 0), over at TIME
    what run RUN had done is taken back: `deploy`
    definition sha256:HEX
    inputs {"service":"bookshop/web","version":"v2"}
    undoes run RUN (slow)
    step deploy: done in run RUN, taken back
    step deploy/undo: docker.deploy_service: succeeded, proof: healthy
    hash sha256:HEX
    after sha256:HEX
    exit code 0
    "#);
    let verified = story.sees("receipts verify").await;
    assert!(verified.ends_with("exit code 0"), "{verified}");
}

#[tokio::test]
async fn the_plan_of_an_undo_says_what_would_be_taken_back_and_changes_nothing() {
    let (shop, story) = open("").await;
    let run = deployed(&shop, &story, "v2").await;
    let mut events = shop.events();
    insta::assert_snapshot!(story.sees(&format!("undo {run} --plan")).await, @"
    deploy/undo: docker.deploy_service on shop
        replace bookshop/web: purser-test/web:v2 → purser-test/web:v1, beside the old one
          ~ image of bookshop-web-1: purser-test/web:v2 → purser-test/web:v1
          + how it is replaced: beside
          ~ variable VERSION: the old image's value → the new image's value
          ~ label purser-test.recipe: HEX → HEX
          · each old container goes on until its new one has proven itself beside it
          · a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
          · can be undone until the old containers are removed, which comes last
          · in front is Docker's DNS alone: a new container gets the service's name in its networks once it has proven itself; requests under way are dropped where a container does not finish them
          · the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
    plan HEX
    exit code 0
    ");
    shop.expect_silence(&mut events);
    let runs = story.home.asks(&["runs", "list"]).await;
    assert_eq!(runs.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_deploys_the_later_one_is_undone_first() {
    let (shop, story) = open("").await;
    let first = deployed(&shop, &story, "v2").await;
    let second = deployed(&shop, &story, "v1").await;
    insta::assert_snapshot!(story.sees(&format!("undo {first}")).await, @"
    purser: run RUN has begun since run RUN did, with the same key `deploy-bookshop/web`: undo that one first, `purser undo RUN`
    exit code 1
    ");
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
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    purser: run RUN has taken back what run RUN did: start the workflow anew if it is wanted again; nothing was started
    exit code 1
    ");
    insta::assert_snapshot!(story.sees(&format!("undo {undo}")).await, @"
    purser: run RUN has taken back what run RUN did, and that is not undone: start the workflow anew, `purser run deploy`
    exit code 1
    ");
    insta::assert_snapshot!(story.sees(&format!("rerun {undo}")).await, @"
    purser: run RUN was asked for to take back what run RUN did, and nothing goes on from that: where it has not, `purser undo RUN` asks for it anew
    exit code 1
    ");
}

#[tokio::test]
async fn what_cannot_be_undone_says_why_and_what_to_do() {
    let story = Story::of_job().await;
    let run = story.starts("migrate -i seconds=100").await;
    super::job_runs(&run).await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    purser: run RUN has not ended: `purser cancel RUN` stops it, and takes back what it has done
    exit code 1
    ");
    story.sees(&format!("cancel {run}")).await;
    story.home.ends(&run).await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    purser: run RUN did not succeed (cancelled): what it had done was taken back then, as far as it could be. `purser rerun RUN` goes on from it
    exit code 1
    ");
    let run = story.starts("migrate").await;
    story.home.ends(&run).await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    purser: nothing that run RUN did can be taken back (`migrate`: what the job did stays: docker.run_job has no undo): what is not to stay has to be set right by hand
    exit code 1
    ");
}

#[tokio::test]
async fn who_may_not_start_the_workflow_may_not_undo_its_runs() {
    let (shop, story) = open("").await;
    let run = deployed(&shop, &story, "v2").await;
    let undo = format!("undo {run}");
    insta::assert_snapshot!(story.person_sees(Person::Cy, &undo).await, @"
    purser: cy may not run `deploy` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    ");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    insta::assert_snapshot!(story.sees("receipts list").await, @"
    NO  AT                    BY   ABOUT                                      RESULT     SUMMARY
    2   TIME  cy   undo RUN  refused    cy may not run `deploy` in production: that takes the role …
    1   TIME  ann  run RUN of deploy                     succeeded  1 step done
    exit code 0
    ");
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

    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    run RUN of deploy, asked by ann
    undoes run RUN
    - deploy: done in run RUN
    deploy/undo: docker.deploy_service on shop
        replace bookshop/web: purser-test/web:v2 → purser-test/web:v1, beside the old one
          ~ image of bookshop-web-1: purser-test/web:v2 → purser-test/web:v1
          + how it is replaced: beside
          ~ variable VERSION: the old image's value → the new image's value
          ~ label purser-test.recipe: HEX → HEX
          · each old container goes on until its new one has proven itself beside it
          · a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
          · can be undone until the old containers are removed, which comes last
          · in front is Docker's DNS alone: a new container gets the service's name in its networks once it has proven itself; requests under way are dropped where a container does not finish them
          · the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
    plan HEX
    waits for approval (1 × operator, not who asked) until TIME: purser approve RUN --plan HEX
    exit code 3
    ");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    let undo = story.last_run().await;
    let plan = story.asks_approval(&undo).await;
    let approve = format!("approve {undo} --plan {plan}");
    story.person_sees(Person::Bo, &approve).await;
    assert_eq!(story.home.ends(&undo).await["status"], "succeeded");
    assert_eq!(shop.state(1), format!("{V1} running healthy"));
}

#[tokio::test]
async fn what_somebody_else_has_locked_is_not_undone_meanwhile() {
    let (shop, story) = open("").await;
    let run = deployed(&shop, &story, "v2").await;
    let lock = format!("lock shop/{} --reason migration", shop.web());
    story.person_sees(Person::Bo, &lock).await;
    insta::assert_snapshot!(story.sees(&format!("undo {run}")).await, @"
    purser: shop/bookshop/web is locked by bo until TIME: migration. Nothing was started: have bo release it with `purser unlock shop/bookshop/web`, or wait until then
    exit code 4
    ");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

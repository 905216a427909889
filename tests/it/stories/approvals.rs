//! A plan that people must agree to before anything is done.

use super::{MIGRATE, Story, containers_of};
use crate::support::program::Person;

/// A server with a workflow `migrate` that needs somebody else's word, in this way.
async fn four_eyes(more: &str) -> Story {
    let mut story = Story::of_docker();
    let approval = format!("approval: {{ production: {{ by: [operator], {more} }} }}");
    story
        .home
        .workflow("migrate", &format!("{approval}{MIGRATE}"));
    story.home.up().await;
    story
}

const BY_ANOTHER: &str = "not_requester: true";

#[tokio::test]
async fn a_run_that_waits_for_a_second_person_shows_its_plan_and_how_to_approve_it() {
    let story = four_eyes(BY_ANOTHER).await;
    insta::assert_snapshot!(story.sees("run migrate").await, @"
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (1 × operator, not who asked) until TIME: purser approve RUN --plan HEX
    exit code 3
    ");
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of migrate: waits for approval
    asked by ann (uid 0) at TIME
    inputs: lines=3 seconds=0 exit=0
      N s  asked for by ann
    ? N s  plan HEX waits for approval until TIME
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    waits for approval (1 × operator, not who asked) until TIME: purser approve RUN --plan HEX
    exit code 0
    ");
    assert_eq!(containers_of(&run), Vec::<String>::new());
}

#[tokio::test]
async fn who_asked_for_a_run_cannot_approve_it() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    story.asks_approval(&run).await;
    insta::assert_snapshot!(story.sees(&format!("approve {run}")).await, @"
    purser: ann asked for this run and cannot approve it: a second person with the role operator must
    exit code 4
    ");
    insta::assert_snapshot!(story.sees("runs list").await, @"
    RUN       WORKFLOW  STATUS              BY   ASKED AT              SUMMARY
    RUN  migrate   waits for approval  ann  TIME
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts list").await, @"
    NO  AT                    BY   ABOUT                                         RESULT   SUMMARY
    1   TIME  ann  approve RUN  refused  ann asked for this run and cannot approve it: a second pers…
    exit code 0
    ");
}

#[tokio::test]
async fn a_second_person_with_the_plan_before_their_eyes_lets_it_go_on() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    let plan = story.asks_approval(&run).await;
    let approve = format!("approve {run} --plan {plan}");
    let told = story.person_sees(Person::Bo, &approve).await;
    assert!(told.ends_with("exit code 0"), "{told}");
    insta::assert_snapshot!(story.sees(&format!("runs watch {run}")).await, @"
    run RUN of migrate, asked by ann
    ✓ migrate: done in N s
    exit_code: 0
    seconds: N
    container: purser-migrate-HEX
    last_lines:
        line 1
        line 2
        line 3
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &approve).await, @"
    purser: run RUN has ended already: see `purser runs show RUN`
    exit code 1
    ");
    let receipt = story.home.asks(&["receipts", "show", &run]).await;
    let by = &receipt["content"]["subject"]["approved_by"];
    assert_eq!(by[0]["person"], "bo", "{receipt:#}");
}

#[tokio::test]
async fn a_plan_that_nobody_was_shown_is_not_approved() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    story.asks_approval(&run).await;
    let other_plan = format!("approve {run} --plan 0123456789ab");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &other_plan).await, @"
    purser: the plan of run RUN is HEX by now: look at it again with `purser runs show RUN`
    exit code 1
    ");
    story.asks_approval(&run).await;
}

#[tokio::test]
async fn someone_without_the_role_approves_and_rejects_nothing() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    story.asks_approval(&run).await;
    for answer in ["approve", "reject"] {
        let told = story
            .person_sees(Person::Cy, &format!("{answer} {run}"))
            .await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @"
            purser: cy may not approve this run: that takes the role operator
            exit code 4
            ");
        }
    }
    story.asks_approval(&run).await;
}

#[tokio::test]
async fn two_people_are_two_people() {
    let story = four_eyes("count: 2").await;
    let run = story.starts("migrate").await;
    story.asks_approval(&run).await;
    let approve = format!("approve {run}");
    insta::assert_snapshot!(story.sees(&approve).await, @"
    run RUN: waits for approval
    waits for approval (1 × operator) until TIME: purser approve RUN --plan HEX
    exit code 0
    ");
    insta::assert_snapshot!(story.sees(&approve).await, @"
    purser: ann has already approved this plan
    exit code 1
    ");
    let told = story.person_sees(Person::Bo, &approve).await;
    assert!(told.ends_with("exit code 0"), "{told}");
    assert_eq!(story.home.ends(&run).await["status"], "succeeded");
}

#[tokio::test]
async fn a_plan_that_is_rejected_is_never_carried_out() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    story.asks_approval(&run).await;
    let reject = format!("reject {run} --reason not-on-a-friday");
    let told = story.person_sees(Person::Bo, &reject).await;
    assert!(told.ends_with("exit code 0"), "{told}");
    insta::assert_snapshot!(story.sees(&format!("runs watch {run}")).await, @"
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    ✗ cancelled after N s: rejected by bo (not-on-a-friday). Nothing was changed.
    exit code 1
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &format!("approve {run}")).await, @"
    purser: run RUN has ended already: see `purser runs show RUN`
    exit code 1
    ");
    assert_eq!(containers_of(&run), Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_that_nobody_approves_in_time_is_given_up() {
    let story = four_eyes("expires: 1s").await;
    insta::assert_snapshot!(story.sees("run migrate --wait").await, @"
    run RUN of migrate, asked by ann
    migrate: docker.run_job on shop
        run purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 3 --seconds 0 --exit 0
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    ✗ cancelled after N s: nobody approved it in time. Nothing was changed.
    exit code 1
    ");
    assert_eq!(containers_of(&story.last_run().await), Vec::<String>::new());
}

#[tokio::test]
async fn somebody_whose_yes_counts_lets_another_person_say_it() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    let plan = story.asks_approval(&run).await;
    let approve = format!("approve {run} --plan {plan}");
    insta::assert_snapshot!(story.person_sees(Person::Cy, &approve).await, @"
    purser: cy may not approve this run: that takes the role operator
    exit code 4
    ");
    let delegate = |to: &str| format!("delegate {run} --to {to} --plan {plan}");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &delegate("ann")).await, @"
    purser: ann asked for this run and cannot approve it, not in anybody's stead either
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &delegate("cyr")).await, @"
    purser: unknown person `cyr`; did you mean `cy`?
    exit code 2
    ");
    insta::assert_snapshot!(story.sees(&delegate("cy")).await, @"
    purser: ann asked for this run and cannot approve it: a second person with the role operator must
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &delegate("cy")).await, @"
    run RUN: waits for approval
    waits for approval (1 × operator, not who asked) until TIME: purser approve RUN --plan HEX
    exit code 0
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &delegate("cy")).await, @"
    purser: cy may approve this in the stead of bo already
    exit code 1
    ");
    let told = story.person_sees(Person::Cy, &approve).await;
    assert!(told.ends_with("exit code 0"), "{told}");
    assert_eq!(story.home.ends(&run).await["status"], "succeeded");
    let receipt = story.home.asks(&["receipts", "show", &run]).await;
    let facts = &receipt["content"]["subject"];
    assert_eq!(facts["approved_by"][0]["person"], "cy");
    assert_eq!(facts["delegated"][0]["by"]["person"], "bo");
    assert_eq!(facts["delegated"][0]["to"], "cy");
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of migrate: succeeded
    asked by ann (uid 0) at TIME
    inputs: lines=3 seconds=0 exit=0
      N s  asked for by ann
    ? N s  plan HEX waits for approval until TIME
      N s  bo lets cy approve in their stead
    ✓ N s  plan HEX approved by cy
      N s  begun
      N s  migrate: docker.run_job on shop
      N s  migrate · create_container: done after N s
      N s  migrate · start_container: done after N s
      N s  migrate · remove_container: done after N s
    ✓ N s  migrate: done after N s
        exit_code: 0
        seconds: N
        container: purser-migrate-HEX
        last_lines:
            line 1
            line 2
            line 3
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
}

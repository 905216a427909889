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
    insta::assert_snapshot!(story.sees("run migrate").await, @"");
    let run = story.last_run().await;
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"");
    assert_eq!(containers_of(&run), Vec::<String>::new());
}

#[tokio::test]
async fn who_asked_for_a_run_cannot_approve_it() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    story.asks_approval(&run).await;
    insta::assert_snapshot!(story.sees(&format!("approve {run}")).await, @"");
    insta::assert_snapshot!(story.sees("runs list").await, @"");
    insta::assert_snapshot!(story.sees("receipts list").await, @"");
}

#[tokio::test]
async fn a_second_person_with_the_plan_before_their_eyes_lets_it_go_on() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    let plan = story.asks_approval(&run).await;
    let approve = format!("approve {run} --plan {plan}");
    let told = story.person_sees(Person::Bo, &approve).await;
    assert!(told.ends_with("exit code 0"), "{told}");
    insta::assert_snapshot!(story.sees(&format!("runs watch {run}")).await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &approve).await, @"");
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
    insta::assert_snapshot!(story.person_sees(Person::Bo, &other_plan).await, @"");
    story.asks_approval(&run).await;
}

#[tokio::test]
async fn someone_without_the_role_approves_and_rejects_nothing() {
    let story = four_eyes(BY_ANOTHER).await;
    let run = story.starts("migrate").await;
    story.asks_approval(&run).await;
    for answer in ["approve", "reject"] {
        let told = story.person_sees(Person::Cy, &format!("{answer} {run}")).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @"");
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
    insta::assert_snapshot!(story.sees(&approve).await, @"");
    insta::assert_snapshot!(story.sees(&approve).await, @"");
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
    insta::assert_snapshot!(story.sees(&format!("runs watch {run}")).await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &format!("approve {run}")).await, @"");
    assert_eq!(containers_of(&run), Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_that_nobody_approves_in_time_is_given_up() {
    let story = four_eyes("expires: 1s").await;
    insta::assert_snapshot!(story.sees("run migrate --wait").await, @"");
    assert_eq!(containers_of(&story.last_run().await), Vec::<String>::new());
}

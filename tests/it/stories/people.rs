//! Who may do what: a refusal is said, has an exit code of its own, and leaves a receipt.

use super::Story;
use crate::support::program::Person;

#[tokio::test]
async fn someone_without_the_role_is_refused_and_a_receipt_says_so() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.person_sees(Person::Cy, "run migrate").await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "plan migrate").await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "reload").await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "runs list").await, @"");
    insta::assert_snapshot!(story.sees("receipts list").await, @"");
    insta::assert_snapshot!(story.sees("receipts show 1").await, @"");
}

#[tokio::test]
async fn someone_without_the_role_stops_nobodys_run() {
    let story = Story::of_job().await;
    let run = story.starts("migrate -i seconds=60").await;
    let cancel = format!("cancel {run}");
    insta::assert_snapshot!(story.person_sees(Person::Cy, &cancel).await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &cancel).await.replace("cancelled", "running"), @"");
    assert_eq!(story.home.ends(&run).await["status"], "cancelled");
}

#[tokio::test]
async fn a_stranger_may_not_even_look() {
    let story = Story::of_job().await;
    let stranger = Person::Stranger;
    insta::assert_snapshot!(story.person_sees(stranger, "runs list").await, @"");
    insta::assert_snapshot!(story.person_sees(stranger, "receipts list").await, @"");
    insta::assert_snapshot!(story.person_sees(stranger, "console").await, @"");
    insta::assert_snapshot!(story.person_sees(stranger, "run migrate").await, @"");
    insta::assert_snapshot!(story.sees("receipts list").await, @"");
}

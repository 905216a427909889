//! Who may do what: a refusal is said, has an exit code of its own, and leaves a receipt.

use super::Story;
use crate::support::program::Person;

#[tokio::test]
async fn someone_without_the_role_is_refused_and_a_receipt_says_so() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.person_sees(Person::Cy, "run migrate").await, @"
    purser: cy may not run `migrate` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "plan migrate").await, @"
    purser: cy may not run `migrate` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "reload").await, @"
    purser: cy may not reload the catalog: that takes the role operator
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "runs list").await, @"
    no runs yet
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts list").await, @"
    NO  AT                    BY  ABOUT         RESULT   SUMMARY
    3   TIME  cy  reload        refused  cy may not reload the catalog: that takes the role operator
    2   TIME  cy  plan migrate  refused  cy may not run `migrate` in production: that takes the role…
    1   TIME  cy  run migrate   refused  cy may not run `migrate` in production: that takes the role…
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts show 1").await, @"
    receipt 1: run migrate: refused
    asked by cy (uid 65533), over at TIME
    cy may not run `migrate` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    hash sha256:HEX
    after sha256:HEX
    exit code 0
    ");
}

#[tokio::test]
async fn someone_without_the_role_stops_nobodys_run() {
    let story = Story::of_job().await;
    let run = story.starts("migrate -i seconds=60").await;
    super::job_runs(&run).await;
    let cancel = format!("cancel {run}");
    insta::assert_snapshot!(story.person_sees(Person::Cy, &cancel).await, @"
    purser: cy did not ask for this run, and cy may not run `migrate` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, &cancel).await, @"
    run RUN: being stopped
    exit code 0
    ");
    assert_eq!(story.home.ends(&run).await["status"], "cancelled");
}

#[tokio::test]
async fn a_stranger_may_not_even_look() {
    let story = Story::of_job().await;
    let stranger = Person::Stranger;
    insta::assert_snapshot!(story.person_sees(stranger, "runs list").await, @"
    purser: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(stranger, "receipts list").await, @"
    purser: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(stranger, "console").await, @"
    purser: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(stranger, "run migrate").await, @"
    purser: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    exit code 4
    ");
    insta::assert_snapshot!(story.sees("receipts list").await, @"
    NO  AT                    BY         ABOUT                RESULT   SUMMARY
    5   TIME  uid 65532  run a workflow       refused  uid 65532 is nobody whom Purser knows: add `[people.NAME]` …
    4   TIME  uid 65532  look at the catalog  refused  uid 65532 is nobody whom Purser knows: add `[people.NAME]` …
    3   TIME  uid 65532  look at the catalog  refused  uid 65532 is nobody whom Purser knows: add `[people.NAME]` …
    2   TIME  uid 65532  list receipts        refused  uid 65532 is nobody whom Purser knows: add `[people.NAME]` …
    1   TIME  uid 65532  list runs            refused  uid 65532 is nobody whom Purser knows: add `[people.NAME]` …
    exit code 0
    ");
}

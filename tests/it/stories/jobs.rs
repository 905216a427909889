//! One-off containers: their exit codes, their last words, and a person who stops one.

use super::{Story, containers_of};
use crate::docker::stage::{eventually, names};

#[tokio::test]
async fn a_job_that_ends_well_says_how_long_it_took() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("run migrate").await, @"");
    insta::assert_snapshot!(story.sees(&format!("runs lines {} migrate", story.last_run().await)).await, @"");
}

#[tokio::test]
async fn a_job_that_fails_shows_its_code_and_its_last_words() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("run migrate -i exit=3 -i lines=12").await, @"");
    let run = story.last_run().await;
    assert_eq!(containers_of(&run), Vec::<String>::new());
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"");
}

#[tokio::test]
async fn a_job_that_somebody_cancels_is_stopped_and_removed() {
    let story = Story::of_job().await;
    let run = story.starts("migrate -i lines=100 -i seconds=100").await;
    eventually("the job runs", || {
        let running = format!("label=purser.run={run}");
        names(&running).iter().any(|name| super::is_running(name))
    })
    .await;
    let cancel = format!("cancel {run} --reason wrong-database");
    insta::assert_snapshot!(story.sees(&cancel).await, @"");
    insta::assert_snapshot!(story.sees(&format!("runs watch {run}")).await, @"");
    assert_eq!(containers_of(&run), Vec::<String>::new());
    insta::assert_snapshot!(story.sees(&cancel).await, @"");
}

//! One-off containers: their exit codes, their last words, and a person who stops one.

use super::{Story, containers_of};

#[tokio::test]
async fn a_job_that_ends_well_says_how_long_it_took() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("run migrate").await, @"
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
    insta::assert_snapshot!(story.sees(&format!("runs lines {} migrate", story.last_run().await)).await, @"
    line 1
    line 2
    line 3
    exit code 0
    ");
}

#[tokio::test]
async fn a_job_that_fails_shows_its_code_and_its_last_words() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("run migrate -i exit=3 -i lines=12").await, @"
    run RUN of migrate, asked by ann
    ✗ migrate: the job purser-migrate-HEX on `shop` ended with exit code 3 after N s; its last lines:
    line 3
    line 4
    line 5
    line 6
    line 7
    line 8
    line 9
    line 10
    line 11
    line 12
    ✗ failed after N s: Left as it is: `migrate`: what the job did before it was removed stays.
    exit code 1
    ");
    let run = story.last_run().await;
    assert_eq!(containers_of(&run), Vec::<String>::new());
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of migrate: failed
    asked by ann (uid 0) at TIME
    inputs: lines=12 seconds=0 exit=3
      N s  asked for by ann
      N s  begun
      N s  migrate: docker.run_job on shop
      N s  migrate · create_container: done after N s
      N s  migrate · start_container: done after N s
    ✗ N s  migrate: failed after N s: the job purser-migrate-HEX on `shop` ended with exit code 3 after N s; its last lines:
    line 3
    line 4
    line 5
    line 6
    line 7
    line 8
    line 9
    line 10
    line 11
    line 12
    ↶ N s  migrate · start_container: taken back
    ↶ N s  migrate · create_container: taken back
    ↶ N s  migrate: left as it is: what the job did before it was removed stays
    ✗ failed after N s: Left as it is: `migrate`: what the job did before it was removed stays.
    exit code 0
    ");
}

#[tokio::test]
async fn a_job_that_somebody_cancels_is_stopped_and_removed() {
    let story = Story::of_job().await;
    let run = story.starts("migrate -i lines=100 -i seconds=100").await;
    super::job_runs(&run).await;
    let cancel = format!("cancel {run} --reason wrong-database");
    insta::assert_snapshot!(story.sees(&cancel).await, @"
    run RUN: being stopped
    exit code 0
    ");
    insta::assert_snapshot!(story.sees(&format!("runs watch {run}")).await, @"
    run RUN of migrate, asked by ann
    ✗ migrate: cancelled while the job purser-migrate-HEX ran on `shop`
    ✗ cancelled after N s: cancelled by ann (wrong-database). Left as it is: `migrate`: what the job did before it was removed stays.
    exit code 1
    ");
    assert_eq!(containers_of(&run), Vec::<String>::new());
    insta::assert_snapshot!(story.sees(&cancel).await, @"
    purser: run RUN has ended already: see `purser runs show RUN`
    exit code 1
    ");
}

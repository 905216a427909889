//! Runs that were started and are looked at later.

use super::{Story, words};

#[tokio::test]
async fn one_key_is_one_run_however_often_it_is_asked_for() {
    let story = Story::of_job().await;
    let ask = "run migrate --detach --key release-7";
    let first = story.home.types(&words(ask)).await;
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    let second = story.home.types(&words(ask)).await;
    assert_eq!(second.out, first.out);
    let other = story
        .home
        .types(&words("run migrate --detach --key release-8"))
        .await;
    assert_ne!(other.out, first.out);
    for run in [&first.out, &other.out] {
        story.home.ends(run.trim()).await;
    }
    let third = story.home.types(&words(ask)).await;
    assert_eq!(third.out, first.out, "it has ended, and is the same run");
    insta::assert_snapshot!(story.sees("runs list").await, @"
    RUN       WORKFLOW  STATUS     BY   ASKED AT              SUMMARY
    RUN  migrate   succeeded  ann  TIME  1 step done
    RUN  migrate   succeeded  ann  TIME  1 step done
    exit code 0
    ");
}

#[tokio::test]
async fn a_run_is_found_by_any_piece_of_its_id_that_is_its_own() {
    let story = Story::of_job().await;
    let run = story.starts("migrate -i lines=2").await;
    story.home.ends(&run).await;
    let short = &run[run.len() - 8..];
    let shown = story.sees(&format!("runs show {short}")).await;
    assert_eq!(shown, story.sees(&format!("runs show {run}")).await);
    insta::assert_snapshot!(shown, @"
    run RUN of migrate: succeeded
    asked by ann (uid 0) at TIME
    inputs: lines=2 seconds=0 exit=0
      N s  asked for by ann
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
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    insta::assert_snapshot!(story.sees(&format!("runs lines {short} migrate")).await, @"
    line 1
    line 2
    exit code 0
    ");
    insta::assert_snapshot!(story.sees(&format!("runs lines {short} migrate --limit 1")).await, @"
    line 2
    exit code 0
    ");
    insta::assert_snapshot!(story.sees(&format!("runs lines {short} migrat")).await, @"
    purser: unknown step `migrat`; did you mean `migrate`?
    exit code 2
    ");
}

#[tokio::test]
async fn no_runs_are_no_error() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("runs list").await, @"
    no runs yet
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts list").await, @"
    no receipts yet
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts verify").await, @"
    there are no receipts yet
    exit code 0
    ");
}

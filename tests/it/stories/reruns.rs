//! A run that has failed, and the one that goes on from it.

use super::Story;
use crate::support::program::Person;
use crate::support::systems::docker;

/// Two jobs, of which the second fails.
const SHIP: &str = "
steps:
  - id: migrate
    uses: docker.run_job
    with: { image: purser-test/web:v1, command: [job, --lines, '1'] }
  - id: tell
    uses: docker.run_job
    with: { image: purser-test/web:v1, command: [job, --lines, '0', --exit, '7'] }
";

#[tokio::test]
async fn when_the_file_is_mended_a_run_goes_on_behind_what_was_done() {
    let mut story = Story::of_docker();
    story.home.workflow("ship", SHIP);
    story.home.up().await;
    let failed = story.starts("ship").await;
    story.home.ends(&failed).await;
    insta::assert_snapshot!(story.sees(&format!("runs show {failed}")).await, @"
    run RUN of ship: failed
    asked by ann (uid 0) at TIME
      N s  asked for by ann
      N s  begun
      N s  migrate: docker.run_job on shop
      N s  migrate · create_container: done after N s
      N s  migrate · start_container: done after N s
      N s  migrate · remove_container: done after N s
    ✓ N s  migrate: done after N s
      N s  tell: docker.run_job on shop
      N s  tell · create_container: done after N s
      N s  tell · start_container: done after N s
    ✗ N s  tell: failed after N s: the job purser-tell-HEX on `shop` ended with exit code 7 after N s; it printed nothing
    ↶ N s  tell · start_container: taken back
    ↶ N s  tell · create_container: taken back
    ↶ N s  tell: left as it is: what the job did before it was removed stays
    ↶ N s  migrate · remove_container: taken back
    ↶ N s  migrate · start_container: taken back
    ↶ N s  migrate · create_container: taken back
    ↶ N s  migrate: left as it is: what the job did before it was removed stays
        exit_code: 0
        seconds: N
        container: purser-migrate-HEX
        last_lines:
            line 1
    ✗ failed after N s: Left as it is: `migrate`: what the job did before it was removed stays; `tell`: what the job did before it was removed stays.
    exit code 0
    ");
    insta::assert_snapshot!(story.sees(&format!("rerun {failed}")).await, @"
    purser: step `migrate` is neither done nor taken back (left as it is: what the job did before it was removed stays): --from migrate does it again, and --from with a step behind it goes on as if it were done
    exit code 1
    ");
    story.home.workflow("ship", &SHIP.replace("'7'", "'0'"));
    story.sees("reload").await;
    insta::assert_snapshot!(story.sees(&format!("rerun {failed} --from tell")).await, @"
    run RUN of ship, asked by ann
    - migrate: done in run RUN
    ✓ tell: done in N s
    migrate:
        exit_code: 0
        seconds: N
        container: purser-migrate-HEX
        last_lines:
            line 1
    tell:
        exit_code: 0
        seconds: N
        container: purser-tell-HEX
        last_lines: none
    ✓ succeeded after N s: 1 step done, 1 done before
    exit code 0
    ");
    let run = story.last_run().await;
    assert_ne!(run, failed);
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of ship: succeeded
    asked by ann (uid 0) at TIME
    done in run RUN: migrate
      N s  asked for by ann, to go on from run RUN
      N s  begun
      N s  tell: docker.run_job on shop
      N s  tell · create_container: done after N s
      N s  tell · start_container: done after N s
      N s  tell · remove_container: done after N s
    ✓ N s  tell: done after N s
        migrate:
            exit_code: 0
            seconds: N
            container: purser-migrate-HEX
            last_lines:
                line 1
        tell:
            exit_code: 0
            seconds: N
            container: purser-tell-HEX
            last_lines: none
    ✓ succeeded after N s: 1 step done, 1 done before
    exit code 0
    ");
    let receipt = story.home.asks(&["receipts", "show", &run]).await;
    let facts = &receipt["content"]["subject"];
    assert_eq!(facts["rerun_of"], failed.as_str());
    let steps = facts["steps"].as_array().unwrap();
    let by = |n: usize| (steps[n]["step"].as_str(), steps[n]["done_in"].as_str());
    assert_eq!(by(0), (Some("migrate"), Some(failed.as_str())));
    assert_eq!(by(1), (Some("tell"), None));
    assert_eq!(steps[0]["effects"], serde_json::json!([]));
}

#[tokio::test]
async fn what_there_is_nothing_to_go_on_from_is_not_run_again() {
    let story = Story::of_job().await;
    let run = story.starts("migrate -i seconds=100").await;
    super::job_runs(&run).await;
    insta::assert_snapshot!(story.sees(&format!("rerun {run}")).await, @"
    purser: run RUN has not ended: there is nothing to go on from yet
    exit code 1
    ");
    story.sees(&format!("cancel {run}")).await;
    story.home.ends(&run).await;
    insta::assert_snapshot!(story.sees(&format!("rerun {run} --from migrat")).await, @"
    purser: unknown step `migrat`; did you mean `migrate`?
    exit code 2
    ");
    let done = story.starts("migrate").await;
    story.home.ends(&done).await;
    insta::assert_snapshot!(story.sees(&format!("rerun {done}")).await, @"
    purser: everything that run RUN was to do is done: name the step to begin at with --from STEP, or start the workflow anew
    exit code 1
    ");
    let ask = format!("rerun {done} --from migrate --detach --key again");
    let again = story.sees(&ask).await;
    assert_eq!(story.sees(&ask).await, again, "one key, one run");
    let run = story.last_run().await;
    assert_eq!(story.home.ends(&run).await["status"], "succeeded");
}

#[tokio::test]
async fn of_two_people_who_go_on_from_a_run_at_once_one_does_and_the_other_is_told() {
    let mut story = Story::of_docker();
    story.home.workflow("ship", SHIP);
    story.home.up().await;
    let failed = story.starts("ship").await;
    story.home.ends(&failed).await;
    let both = format!("rerun {failed} --from migrate --detach");
    let (ann, bo) = tokio::join!(story.sees(&both), story.person_sees(Person::Bo, &both));
    let mut seen = [ann, bo];
    seen.sort();
    insta::assert_snapshot!(seen.join("\n"), @"
    RUN
    exit code 0
    purser: run RUN goes on already with what run RUN left to be done: look at it with `purser runs show RUN`; nothing was started
    exit code 1
    ");
    let runs = story.home.asks(&["runs", "list"]).await;
    assert_eq!(runs.as_array().unwrap().len(), 2, "one went on: {runs:#}");
    let first = story.last_run().await;
    story.home.ends(&first).await;

    story.home.workflow("ship", &SHIP.replace("'7'", "'0'"));
    story.sees("reload").await;
    let from_the_first = format!("rerun {failed} --from migrate");
    insta::assert_snapshot!(story.sees(&from_the_first).await, @"
    purser: run RUN has gone on from run RUN and has ended: what is done and what is not stands there, so go on from that one, `purser rerun RUN`; nothing was started
    exit code 1
    ");
    let again = ["rerun", &first, "--from", "tell", "--detach"];
    let second = story.home.asks(&again).await;
    let second = story.home.ends(second["run"].as_str().unwrap()).await;
    assert_eq!(second["status"], "succeeded");
    assert_eq!(second["run"]["steps"]["migrate"]["done_in"], first.as_str());
}

/// A look at the engine, and a job that fails.
const LOOK: &str = "
steps:
  - id: look
    uses: docker.list_services
  - id: tell
    uses: docker.run_job
    with: { image: purser-test/web:v1, command: [job, --exit, '7'] }
";

#[tokio::test]
async fn what_was_done_on_a_system_at_another_address_is_done_again() {
    let mut story = Story::of_docker();
    story.home.workflow("ship", LOOK);
    story.home.up().await;
    let failed = story.starts("ship").await;
    story.home.ends(&failed).await;
    let goes_on = async |story: &Story, from: &str| {
        let run = story.home.asks(&["rerun", from, "--detach"]).await["run"].clone();
        let run = run.as_str().unwrap().to_owned();
        let view = story.home.ends(&run).await;
        assert_eq!(view["status"], "failed");
        (run, view["run"]["steps"]["look"]["done_in"].clone())
    };
    let (next, done_in) = goes_on(&story, &failed).await;
    assert_eq!(done_in, failed.as_str());
    story.home.stop().await;

    let mut moved = docker();
    let socket = moved["host"]
        .as_str()
        .unwrap()
        .trim_start_matches("unix://");
    let link = story.home.path("docker.sock");
    std::os::unix::fs::symlink(socket, &link).unwrap();
    moved["host"] = format!("unix://{}", link.display()).into();
    story.set_system("shop", &moved);
    story.home.up().await;
    let (_, done_in) = goes_on(&story, &next).await;
    assert_eq!(done_in, serde_json::Value::Null);
}

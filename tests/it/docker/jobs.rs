//! `docker.run_job`: one-off containers.

use std::time::Duration;

use purser::action::{ErrorKind, Undone};
use serde_json::{Value, json};

use super::stage::{Step, V1, docker, eventually, host, inspect, plain, shown, systems, unique};
use crate::support::journal::{MOMENTS, Moment};

fn job(arguments: &[&str]) -> Step {
    let command: Vec<_> = ["job"].iter().chain(arguments).collect();
    Step::of("docker.run_job", json!({ "image": V1, "command": command }))
}

fn expect_unchanged(undone: &Undone) {
    assert_eq!(*undone, Undone::Fully);
}

#[tokio::test]
async fn the_engine_says_its_version_or_what_to_do() {
    let system = systems(&format!("host = '{}'", host())).unwrap();
    let version = system.get("shop").unwrap().system.check().await.unwrap();
    assert!(version.starts_with("Docker "), "{version}");

    let nobody = systems("host = 'unix:///nowhere/docker.sock'").unwrap();
    let error = nobody
        .get("shop")
        .unwrap()
        .system
        .check()
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"the Docker engine of `shop` cannot be reached at unix:///nowhere/docker.sock (Socket not found: /nowhere/docker.sock): check that it runs and that Purser may open its address");
    insta::assert_snapshot!(systems("host = 'docker.internal'").err().unwrap(), @r#"[systems.shop]: `host = "docker.internal"` is not an address of a Docker engine: write unix:///var/run/docker.sock or tcp://HOST:2375"#);
    insta::assert_snapshot!(systems("hots = 'tcp://docker:2375'").err().unwrap(), @"[systems.shop]: unknown field `hots`; did you mean `host`?");
}

#[tokio::test]
async fn a_job_that_ends_well_leaves_its_log_and_nothing_else() {
    let step = job(&["--lines", "25"]);
    let mut events = step.events();
    let output = step.run().await.unwrap();

    assert_eq!(output["exit_code"], 0);
    assert_eq!(output["last_lines"].as_array().unwrap().len(), 10);
    let lines: Vec<_> = (1..=25).map(|n| format!("line {n}")).collect();
    assert_eq!(step.journal.lines(), lines);
    assert_eq!(step.containers(), Vec::<String>::new());
    assert_eq!(events.until("destroy"), ["create", "start", "die"]);
}

#[tokio::test]
async fn a_job_that_fails_says_its_code_and_its_last_words() {
    let step = job(&["--lines", "12", "--exit", "3", "--stderr"]);
    let error = step.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    let message = plain(&error.message).replace("after 0.", "after N.");
    let message = message.split(" after ").collect::<Vec<_>>();
    insta::assert_snapshot!(message[0], @"the job purser-step-HEX on `shop` ended with exit code 3");
    insta::assert_snapshot!(message[1].split_once("; ").unwrap().1, @r"
    its last lines:
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
    ");

    let undone = step.undo().await.unwrap();
    assert_eq!(
        undone,
        Undone::ExceptFor("what the job did before it was removed stays".into())
    );
    assert_eq!(step.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn the_plan_says_what_would_run_and_runs_nothing() {
    let input = json!({
        "image": V1,
        "command": ["job", "--lines", "1"],
        "env": { "DATABASE_PASSWORD": "correct horse" },
    });
    let step = Step::of("docker.run_job", input);
    let plan = step.plan().await.unwrap();
    insta::assert_snapshot!(shown(&plan), @r"
    run purser-test/web:v1 with job --lines 1 once on shop
    relies on image purser-test/web:v1: sha256:HEX
    relies on environment variables: DATABASE_PASSWORD
    a container that is removed when it has ended: nothing → purser-test/web:v1 with job --lines 1
    note: what the job itself does is not known to Purser and cannot be undone by it
    ");
    assert!(
        !serde_json::to_string(&plan)
            .unwrap()
            .contains("correct horse")
    );
    assert_eq!(step.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn the_job_gets_its_environment_and_its_network() {
    let network = unique("purser-test");
    docker(&["network", "create", &network]);
    let input = json!({
        "image": V1,
        "command": ["job", "--lines", "100", "--seconds", "60"],
        "env": { "GREETING": "hello there" },
        "network": network,
    });
    let step = Step::of("docker.run_job", input);
    let running = step.run();
    let look = async {
        eventually("the job runs", || step.containers().len() == 1).await;
        let name = &step.containers()[0];
        eventually("it has an address", || {
            !inspect(
                name,
                "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
            )
            .is_empty()
        })
        .await;
        let seen = inspect(name, "{{.Config.Env}} {{.HostConfig.NetworkMode}}");
        step.cancel.cancel();
        seen
    };
    let (ended, seen) = tokio::join!(running, look);
    assert!(
        seen.contains("GREETING=hello there") && seen.contains(&network),
        "{seen}"
    );
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    step.undo().await.unwrap();
    docker(&["network", "rm", &network]);
}

#[tokio::test]
async fn a_cancelled_job_is_stopped_and_removed() {
    let step = job(&["--lines", "1000", "--seconds", "600"]);
    let cancel = async {
        eventually("the job speaks", || !step.journal.lines().is_empty()).await;
        step.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(step.run(), cancel);
    let error = ended.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    insta::assert_snapshot!(plain(&error.message), @"cancelled while the job purser-step-HEX ran on `shop`");

    for _ in 0..2 {
        let undone = step.undo().await.unwrap();
        let what = "what the job did before it was removed stays".to_owned();
        assert_eq!(undone, Undone::ExceptFor(what));
        assert_eq!(step.containers(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn wrong_inputs_are_refused_before_anything_is_created() {
    let refused = |input: Value| async move {
        let step = Step::of("docker.run_job", input);
        let planned = step.plan().await.unwrap_err().message;
        let run = step.run().await.unwrap_err();
        assert_eq!(planned, run.message);
        expect_unchanged(&step.undo().await.unwrap());
        assert_eq!(step.containers(), Vec::<String>::new());
        plain(&run.message)
    };
    insta::assert_snapshot!(refused(json!({ "image": "../images/json" })).await, @"`../images/json` is not the name of an image: write it like registry/shop/web:v2");
    insta::assert_snapshot!(refused(json!({ "image": V1, "network": "brigde" })).await, @"on `shop`: unknown network `brigde`; did you mean `bridge`?");
    insta::assert_snapshot!(refused(json!({ "image": V1, "env": { "A=B": "x" } })).await, @"`A=B` cannot name an environment variable");
    let misspelt = Step::of("docker.run_job", json!({ "image": V1, "comand": ["job"] }));
    insta::assert_snapshot!(misspelt.run().await.unwrap_err().message, @"the inputs of docker.run_job do not fit: unknown field `comand`; did you mean `command`?");
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_named_with_the_nearest_one() {
    let step = Step::of(
        "docker.run_job",
        json!({ "image": "localhost:1/purser-test/web:v1" }),
    );
    let error = step.plan().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Retryable);
    assert!(
        error
            .message
            .contains("did you mean `purser-test/web:v1`, which it has?"),
        "{error}"
    );
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_no_job_that_ran() {
    let image = json!({ "image": V1, "network": "none", "command": ["nonsense"] });
    let step = Step::of("docker.run_job", image);
    let error = step.run().await.unwrap_err();
    assert!(error.message.contains("exit code 2"), "{error}");
    step.undo().await.unwrap();
    assert_eq!(step.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_job_whose_container_was_taken_away_is_not_called_done() {
    let step = job(&["--lines", "1000", "--seconds", "600"]);
    let take_away = async {
        eventually("the job speaks", || !step.journal.lines().is_empty()).await;
        docker(&["rm", "--force", &step.containers()[0]]);
    };
    let (ended, ()) = tokio::join!(step.run(), take_away);
    insta::assert_snapshot!(plain(&ended.unwrap_err().message), @"the container purser-step-HEX was removed from `shop` by someone else while its job ran: nobody can tell how far it came; look at what it changes before you run it again");
}

#[tokio::test]
async fn a_job_that_ended_while_purser_was_down_is_found_with_its_code_and_its_log() {
    let step = job(&["--lines", "5", "--exit", "7"]).dying_at("start_container", Moment::Acted);
    let mut events = step.events();
    step.run().await.unwrap_err();
    let name = &step.containers()[0];
    eventually("the job has ended", || {
        inspect(name, "{{.State.Status}}") == "exited"
    })
    .await;

    let error = step.run().await.unwrap_err();
    assert!(error.message.contains("exit code 7"), "{error}");
    assert_eq!(step.journal.lines().len(), 5);
    step.undo().await.unwrap();
    assert_eq!(events.until("destroy"), ["create", "start", "die"]);
}

#[tokio::test]
async fn a_job_of_which_nobody_can_tell_whether_it_ran_is_left_to_a_person() {
    let step = job(&["--lines", "1"]).dying_at("start_container", Moment::Acted);
    step.run().await.unwrap_err();
    docker(&["rm", "--force", &step.containers()[0]]);
    let error = step.run().await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Waiting(_)), "{error}");
    insta::assert_snapshot!(plain(&error.message), @"nobody can tell whether `start_container` happened: the container purser-step-HEX was removed by someone else, and with it the only trace of whether the job ran");
}

#[tokio::test]
async fn killed_at_any_moment_it_goes_on_and_the_job_runs_once() {
    for effect in ["create_container", "start_container", "remove_container"] {
        for moment in MOMENTS {
            let step = job(&["--lines", "3", "--seconds", "0.3"]).dying_at(effect, moment);
            let mut events = step.events();
            step.run().await.expect_err("the process dies");
            step.run()
                .await
                .unwrap_or_else(|error| panic!("{effect} {moment:?}: {error}"));
            let told = events.until("destroy");
            assert_eq!(told, ["create", "start", "die"], "{effect} {moment:?}");
            assert_eq!(
                step.containers(),
                Vec::<String>::new(),
                "{effect} {moment:?}"
            );
        }
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_can_be_undone() {
    for effect in ["create_container", "start_container", "remove_container"] {
        for moment in MOMENTS {
            let step = job(&["--lines", "3"]).dying_at(effect, moment);
            step.run().await.expect_err("the process dies");
            let undone = step.undo().await.unwrap();
            let never_ran = effect == "create_container"
                || (effect == "start_container" && moment == Moment::Started);
            assert_eq!(
                undone == Undone::Fully,
                never_ran,
                "{effect} {moment:?}: {undone:?}"
            );
            assert_eq!(
                step.containers(),
                Vec::<String>::new(),
                "{effect} {moment:?}"
            );
        }
    }
    // What was undone can be done again.
    let step = job(&["--lines", "3"]).dying_at("start_container", Moment::Acted);
    step.run().await.unwrap_err();
    step.undo().await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), step.run())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(step.containers(), Vec::<String>::new());
}

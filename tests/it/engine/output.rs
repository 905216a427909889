//! What steps leave for later ones, when it is far too much.

use purser::domain::artifact::LARGEST;
use purser::domain::ending::FinalState;
use purser::domain::run::RunState;
use purser::store::{ArtifactFolder, Artifacts as _, Runs as _, StepLines as _};
use serde_json::{Value, json};

use super::{ONE, ending, world};

fn fill(bytes: usize) -> String {
    format!("  - {{ id: fill, uses: toy.fill, with: {{ system: box, bytes: {bytes} }} }}\n")
}

fn output(state: &RunState) -> Value {
    state.step(&"fill".into()).output.clone().unwrap()
}

#[tokio::test]
async fn ten_mebibytes_are_kept_as_a_file_and_the_run_goes_on_with_a_short_log() {
    let (world, folder) = world().await;
    let run = world.ask(&format!("{}{ONE}", fill(10 << 20)), vec![]).await;
    let state = world.end(run).await;
    assert_eq!(
        ending(&state),
        (FinalState::Succeeded, "2 steps done".into())
    );

    let told = "its output has 10485771 bytes, and a run's log takes 1048576 of one step: it is kept \
                as the artifact output.json, and later steps cannot read it";
    assert_eq!(
        output(&state),
        json!({ "text": told, "bytes": 10_485_771, "artifact": "output.json" })
    );
    let lines = world.store.last_lines(run, &"fill".into(), 9).await;
    assert_eq!(lines.unwrap(), [told]);
    let log = world.store.log(run, 0).await.unwrap();
    assert!(serde_json::to_string(&log).unwrap().len() < 16 * 1024);

    let kept = &state.step(&"fill".into()).artifacts[0];
    let artifacts = ArtifactFolder::new(folder.path().join("artifacts"));
    let bytes = artifacts.bytes(&kept.digest).await.unwrap().unwrap();
    let whole: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(whole["rows"].as_str().map(str::len), Some(10 << 20));
}

#[tokio::test]
async fn what_no_file_may_hold_is_not_kept_and_the_run_says_so() {
    let (world, _folder) = world().await;
    let run = world.ask(&fill(LARGEST), vec![]).await;
    let state = world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    assert_eq!(state.step(&"fill".into()).artifacts, []);
    insta::assert_snapshot!(output(&state)["text"].as_str().unwrap(), @"its output has 16777227 bytes, and a run's log takes 1048576 of one step: it is not kept, because no artifact may have more than 16777216");
}

#[tokio::test]
async fn a_step_that_reads_what_is_not_there_says_what_is() {
    let (world, _folder) = world().await;
    let reads = "  - { id: reads, uses: toy.make, with: { system: box, hang: '{{ steps.fill.output.rows }}' } }\n";
    let run = world
        .ask(&format!("{}{reads}", fill(2 << 20)), vec![])
        .await;
    let state = world.end(run).await;
    insta::assert_snapshot!(ending(&state).1, @"step `reads` failed: step `reads` was not begun: in `{{ steps.fill.output.rows }}`: unknown value `rows`; there is `artifact`, `bytes`, `text` in `steps.fill.output`. Nothing was changed.");
}

#[tokio::test]
async fn outputs_of_items_that_are_too_long_together_stay_with_the_items() {
    let (world, _folder) = world().await;
    let each = "  - { id: fill, uses: toy.fill, foreach: [1, 2, 3], parallel: 3, \
                with: { system: box, bytes: 400000 } }\n";
    let state = world.end(world.ask(each, vec![]).await).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    insta::assert_snapshot!(output(&state)["text"].as_str().unwrap(), @"its output has 1200037 bytes, and a run's log takes 1048576 of one step: it is not kept, because those of its items are in the log one by one");
    let item = state.step(&"fill[2]".into()).output.clone().unwrap();
    assert_eq!(item["rows"].as_str().map(str::len), Some(400_000));
}

//! What steps leave for later ones, when it is far too much.

use purser::domain::artifact::LARGEST;
use purser::domain::ending::FinalState;
use purser::domain::names::RunId;
use purser::domain::receipt::{Receipt, Subject};
use purser::domain::run::RunState;
use purser::store::{ArtifactFolder, Artifacts as _, Receipts as _, Runs as _, StepLines as _};
use serde_json::{Value, json};

use super::{BROKEN, ONE, ending, world};
use crate::support::world::World;

fn fill(bytes: usize) -> String {
    format!("  - {{ id: fill, uses: toy.fill, with: {{ system: box, bytes: {bytes} }} }}\n")
}

fn output(state: &RunState) -> Value {
    state.step(&"fill".into()).output.clone().unwrap()
}

/// What is told of the output that was left out.
fn told_of(state: &RunState) -> String {
    let left_out = &state.step(&"fill".into()).output_left_out;
    left_out[0].told("its output", &output(state))
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

    let told = "its output has 10485792 bytes, and a run's log takes 1048576 of one step: it is kept \
                as the artifact output.json, and later steps can read only `proof` of it";
    assert_eq!(output(&state), json!({ "proof": "it is full" }));
    assert_eq!(told_of(&state), told);
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
    insta::assert_snapshot!(told_of(&state), @"its output has 16777248 bytes, and a run's log takes 1048576 of one step: it is not kept, because no artifact may have more than 16777216, and later steps can read only `proof` of it");
}

#[tokio::test]
async fn a_step_that_reads_what_was_left_out_says_how_long_it_was_and_where_it_is() {
    let (world, _folder) = world().await;
    let reads = "  - { id: reads, uses: toy.make, with: { system: box, part: '{{ steps.fill.output | tojson }}' } }\n";
    let run = world
        .ask(&format!("{}{reads}", fill(2 << 20)), vec![])
        .await;
    let state = world.end(run).await;
    insta::assert_snapshot!(ending(&state).1, @"step `reads` failed: step `reads` was not begun: in `{{ steps.fill.output | tojson }}`: `steps.fill.output` has 2097184 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps can read only `proof` of it. Nothing was changed.");
}

#[tokio::test]
async fn what_takes_a_step_back_reads_what_is_short_and_the_receipt_keeps_its_proof() {
    let (world, _folder) = world().await;
    let fill = format!(
        "  - {{ id: fill, uses: toy.fill, with: {{ system: box, bytes: {} }}, \
         undo: {{ uses: toy.make, with: {{ system: box, part: '{{{{ output.proof }}}}' }} }} }}\n",
        2 << 20
    );
    let run = world.ask(&format!("{fill}{BROKEN}"), vec![]).await;
    let state = world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::RolledBack);
    let undo = state.step(&"fill/undo".into()).into_owned();
    assert_eq!(undo.input, json!({ "part": "it is full" }));

    let receipt = receipt_of(&world, run).await;
    let Subject::Run(facts) = &receipt.content.subject else {
        panic!("{receipt:?}")
    };
    let fill = &facts.steps[0];
    assert_eq!(fill.proof.as_deref(), Some("it is full"));
    let output = receipt.text(fill.output.as_ref().unwrap()).unwrap();
    assert!(
        output.contains("kept as the artifact output.json"),
        "{output}"
    );
}

async fn receipt_of(world: &World, run: RunId) -> Receipt {
    let mut commits = world.store.commits();
    loop {
        if let Some(receipt) = world.store.receipt_of(run).await.unwrap() {
            return receipt;
        }
        commits.changed().await.unwrap();
    }
}

#[tokio::test]
async fn outputs_of_items_that_are_too_long_together_stay_with_the_items() {
    let (world, _folder) = world().await;
    let each = "  - { id: fill, uses: toy.fill, foreach: [1, 2, 3], parallel: 3, \
                with: { system: box, bytes: 400000 } }\n";
    let state = world.end(world.ask(each, vec![]).await).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    insta::assert_snapshot!(told_of(&state), @"its output has 1200100 bytes, and a run's log takes 1048576 of one step: it is not kept, because those of its items are in the log one by one, and later steps cannot read it");
    let item = state.step(&"fill[2]".into()).output.clone().unwrap();
    assert_eq!(item["rows"].as_str().map(str::len), Some(400_000));
}

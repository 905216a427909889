//! What steps keep for people.

use purser::domain::ending::FinalState;
use purser::store::{ArtifactFolder, Artifacts as _};

use super::{ending, world};

#[tokio::test]
async fn what_a_step_keeps_is_in_its_runs_state_and_its_bytes_in_the_folder() {
    let (world, folder) = world().await;
    world.toy.fail_next(1);
    let draw = "  - { id: draw, uses: toy.draw, with: { system: box }, \
                retry: { attempts: 2, first: 10ms } }\n";
    let run = world.ask(draw, vec![]).await;
    let state = world.end(run).await;
    assert_eq!(ending(&state).0, FinalState::Succeeded);
    let kept = &state.steps[0].artifacts;
    let names: Vec<_> = kept.iter().map(|kept| kept.name.as_str()).collect();
    assert_eq!(names, ["picture.txt", "frame.txt"], "none of them twice");
    let artifacts = ArtifactFolder::new(folder.path().join("artifacts"));
    let picture = artifacts.bytes(&kept[0].digest).await.unwrap().unwrap();
    assert_eq!(picture, b"picture 2", "that of the attempt that succeeded");
    assert_eq!(kept[0].bytes, 9);
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_keeps_nothing() {
    let (world, _folder) = world().await;
    let draw = "  - { id: draw, uses: toy.draw, with: { system: box, break_down: true } }\n";
    let run = world.ask(draw, vec![]).await;
    let state = world.end(run).await;
    insta::assert_snapshot!(ending(&state).1, @"step `draw` failed: `../frame.txt` cannot be the name of an artifact: use letters, digits, - _ and . Nothing was changed.");
    assert_eq!(state.steps[0].artifacts.len(), 2);
}

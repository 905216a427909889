//! The demo's own promise: what does not hold is seen, and ends it with code 1. Plays on the stack.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot start a program has failed"
)]

use std::path::Path;
use std::process::{Command, Output};

/// Plays with the `purser` that was built together with this test, if there is one: building it
/// anew, with other features, would pull it from under the tests of the program.
fn demo(args: &[&str]) -> (Option<i32>, String) {
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let built = Path::new(xtask).with_file_name("purser");
    let mut demo = Command::new(xtask);
    demo.arg("demo").args(args);
    if built.is_file() {
        demo.arg("--binary").arg(built);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = demo.output().unwrap();
    let said = format!(
        "{}\n{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    (status.code(), said)
}

#[test]
fn damage_behind_pursers_back_is_seen_and_ends_the_demo_with_code_1() {
    let (code, said) = demo(&["status", "--break", "status"]);
    let seen = "✗ Docker, all containers of bookshop/web: expected bookshop-web-1 v1 running healthy, \
                found none";
    assert!(said.contains(seen), "{said}");
    assert!(
        said.contains("error: scene `status` does not hold"),
        "{said}"
    );
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn without_minio_the_backup_goes_to_a_folder_and_the_demo_says_so() {
    let (code, said) = demo(&["backup", "--no-minio"]);
    assert!(
        said.contains("backups go to a folder of this machine"),
        "{said}"
    );
    assert!(
        said.contains("✓ asserted: folder, all objects: dump.zst manifest.json"),
        "{said}"
    );
    assert!(!said.contains('✗'), "{said}");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn an_unknown_scene_is_answered_with_those_that_there_are() {
    let (code, said) = demo(&["deploi"]);
    let answer = "no scene is called deploi; there are: init, status, deploy, sick, backup, approve, \
                  hook, clock, graph, kill, receipts";
    assert!(said.contains(answer), "{said}");
    assert_eq!(code, Some(2), "{said}");
}

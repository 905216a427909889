//! The books: taken out of the house, and checked there.

use std::fs;

use super::Story;
use crate::support::program::Person;

/// A story in which something was done, something failed and something was refused; and the
/// export of its receipts, a line each.
async fn exported() -> (Story, Vec<String>) {
    let story = Story::of_job().await;
    for line in ["migrate", "migrate -i exit=1"] {
        let run = story.starts(line).await;
        story.home.ends(&run).await;
    }
    story.person_sees(Person::Cy, "run migrate").await;
    let said = story.home.types(&["receipts", "export"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let lines = said.out.lines().map(str::to_owned).collect();
    (story, lines)
}

impl Story {
    /// Verifies these lines as a file, with no server asked.
    async fn verifies(&self, lines: &[String]) -> String {
        let file = self.home.path("receipts.jsonl");
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        self.sees("receipts verify --file receipts.jsonl").await
    }
}

#[tokio::test]
async fn an_export_holds_without_the_server_that_made_it() {
    let (mut story, lines) = exported().await;
    insta::assert_snapshot!(story.sees("receipts list").await, @"");
    insta::assert_snapshot!(story.sees("receipts verify").await, @"");
    story.home.stop().await;
    insta::assert_snapshot!(story.verifies(&lines).await, @"");
}

#[tokio::test]
async fn one_altered_byte_is_found_wherever_it_is() {
    let (story, good) = exported().await;
    let altered = |line: usize, from: &str, to: &str| {
        let mut lines = good.clone();
        assert!(
            lines[line].contains(from),
            "{from:?} is not in {}",
            lines[line]
        );
        lines[line] = lines[line].replacen(from, to, 1);
        lines
    };
    // Who did it.
    insta::assert_snapshot!(story.verifies(&altered(1, "\"ann\"", "\"amn\"")).await, @"");
    // How it ended, in words.
    insta::assert_snapshot!(story.verifies(&altered(2, "exit code 1", "exit code 0")).await, @"");
    // That it was refused.
    insta::assert_snapshot!(story.verifies(&altered(3, "may not", "may now")).await, @"");
    // The key that it was signed with.
    let key = good[0].rsplit_once('"').unwrap().0.chars().last().unwrap();
    let other = if key == '0' { "1" } else { "0" };
    let other_key = altered(0, &format!("{key}\"}}"), &format!("{other}\"}}"));
    let told = story.verifies(&other_key).await;
    assert!(!told.ends_with("exit code 0"), "{told}");
    // A brace.
    insta::assert_snapshot!(story.verifies(&altered(1, "{", "[")).await, @"");
}

#[tokio::test]
async fn a_receipt_that_was_taken_out_is_missed() {
    let (story, good) = exported().await;
    let mut lines = good.clone();
    lines.remove(2);
    insta::assert_snapshot!(story.verifies(&lines).await, @"");
    let mut lines = good;
    lines.swap(1, 2);
    insta::assert_snapshot!(story.verifies(&lines).await, @"");
    insta::assert_snapshot!(story.verifies(&[]).await, @"");
    insta::assert_snapshot!(story.sees("receipts verify --file nowhere.jsonl").await, @"");
}

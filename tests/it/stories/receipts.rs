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
        let ended: Vec<_> = lines.iter().map(|line| line.to_owned() + "\n").collect();
        fs::write(&file, ended.concat()).unwrap();
        self.sees("receipts verify --file receipts.jsonl").await
    }
}

#[tokio::test]
async fn an_export_holds_without_the_server_that_made_it() {
    let (mut story, lines) = exported().await;
    insta::assert_snapshot!(story.sees("receipts list").await, @"
    NO  AT                    BY   ABOUT                    RESULT     SUMMARY
    3   TIME  cy   run migrate              refused    cy may not run `migrate` in production: that takes the role…
    2   TIME  ann  run RUN of migrate  failed     step `migrate` failed: the job purser-migrate-HEX …
    1   TIME  ann  run RUN of migrate  succeeded  1 step done
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("receipts verify").await, @"
    good: 3 receipts, from the first to the last; none was altered, none is missing between them
    head sha256:HEX
    signed by HEX
    exit code 0
    ");
    story.home.stop().await;
    insta::assert_snapshot!(story.verifies(&lines).await, @"
    good: 3 receipts, from the first to the last; none was altered, none is missing between them
    head sha256:HEX
    signed by HEX
    exit code 0
    ");
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
    insta::assert_snapshot!(story.verifies(&altered(1, "\"ann\"", "\"amn\"")).await, @"
    purser: receipts.jsonl: receipt 1 does not hold: its content does not have the hash that it was sealed with
    exit code 1
    ");
    // How it ended, in words; several texts say it.
    let told = story
        .verifies(&altered(2, "exit code 1", "exit code 0"))
        .await;
    insta::assert_snapshot!(told.split_once(": \"").unwrap().0, @"purser: receipts.jsonl: receipt 2 does not hold: a text was altered");
    // That it was refused.
    insta::assert_snapshot!(story.verifies(&altered(3, "may not", "may now")).await, @r#"
    purser: receipts.jsonl: receipt 3 does not hold: a text was altered: "cy may now run `migrate` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]"
    exit code 1
    "#);
    // The key that it was signed with.
    let key = good[0].rsplit_once('"').unwrap().0.chars().last().unwrap();
    let other = if key == '0' { "1" } else { "0" };
    let other_key = altered(0, &format!("{key}\"}}"), &format!("{other}\"}}"));
    let told = story.verifies(&other_key).await;
    assert!(!told.ends_with("exit code 0"), "{told}");
    // A brace.
    insta::assert_snapshot!(story.verifies(&altered(1, "{", "[")).await, @r#"
    purser: receipts.jsonl: line 2 is no receipt: invalid type: string "seq", expected u64 at line 1 column 6
    exit code 1
    "#);
}

#[tokio::test]
async fn a_receipt_that_was_taken_out_is_missed() {
    let (story, good) = exported().await;
    let mut lines = good.clone();
    lines.remove(2);
    insta::assert_snapshot!(story.verifies(&lines).await, @"
    purser: receipts.jsonl: receipt 3 does not hold: receipt 2 is missing before it
    exit code 1
    ");
    let mut lines = good;
    lines.swap(1, 2);
    insta::assert_snapshot!(story.verifies(&lines).await, @"
    purser: receipts.jsonl: receipt 2 does not hold: receipt 1 is missing before it
    exit code 1
    ");
    insta::assert_snapshot!(story.verifies(&[]).await, @"
    purser: receipts.jsonl: it is empty
    exit code 1
    ");
    insta::assert_snapshot!(story.sees("receipts verify --file nowhere.jsonl").await, @"
    purser: nowhere.jsonl: No such file or directory (os error 2)
    exit code 1
    ");
}

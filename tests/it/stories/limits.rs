//! What people may write is bounded where it stays for good.

use super::Story;
use crate::support::program::Person;

#[tokio::test]
async fn what_goes_into_the_books_and_keys_are_no_longer_than_they_may_be() {
    let story = Story::of_job().await;
    let run = story.starts("migrate").await;
    let reason = "x".repeat(501);
    let key = "k".repeat(257);
    let mut seen = vec![];
    for line in [
        format!("cancel {run} --reason {reason}"),
        format!("run migrate --key {key}"),
        format!("rerun {run} --key {key}"),
    ] {
        seen.push(story.sees(&line).await);
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    purser: a reason has 500 characters at most: it goes into the books
    exit code 2
    purser: an idempotency key has 256 characters at most
    exit code 2
    purser: an idempotency key has 256 characters at most
    exit code 2
    ");

    let target = format!("shop/{}", "y".repeat(2000));
    let stranger = Person::Stranger;
    story
        .person_sees(stranger, &format!("lock {target} --reason x"))
        .await;
    let books = story.home.asks(&["receipts", "list"]).await;
    let mut asked = books.as_array().unwrap().iter().filter_map(|receipt| {
        let asked = receipt["content"]["subject"]["asked"].as_str();
        asked.filter(|asked| asked.starts_with("lock"))
    });
    let asked = asked.next().unwrap();
    assert!(
        asked.starts_with("lock shop/yyy") && asked.ends_with('…'),
        "{asked}"
    );
    assert_eq!(asked.chars().count(), 501);
}

//! Who somebody is in a chat, as the terminal shows it.

use super::Story;
use crate::support::program::Person;

#[tokio::test]
async fn a_code_is_shown_to_who_is_known_and_to_nobody_else() {
    let story = Story::of_job().await;
    let shown = story.sees("link").await;
    let code = shown.split("code:").nth(1).unwrap();
    let (code, _) = code.split_once('\n').unwrap();
    let letters = code.replace('-', "");
    assert!(code.len() == 9 && code.as_bytes()[4] == b'-', "{code}");
    assert!(letters.bytes().all(|c| c.is_ascii_alphanumeric()), "{code}");
    insta::assert_snapshot!(shown.replace(code, "CODE"), @"");
    let again = story.home.asks(&["link"]).await;
    assert_eq!(again["person"], "ann");
    assert_ne!(again["code"], code);
    insta::assert_snapshot!(story.person_sees(Person::Stranger, "link").await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Stranger, "links").await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Stranger, "unlink").await, @"");
    assert!(!story.home.log().contains(code), "{}", story.home.log());
}

#[tokio::test]
async fn an_operator_sees_whom_the_configuration_names_and_others_see_themselves() {
    let story = Story::of_docker();
    let config = std::fs::read_to_string(story.home.path("purser.toml")).unwrap();
    let config = config
        .replace("bo = { ", "bo = { discord = '22', ")
        .replace("cy = { ", "cy = { discord = '33', ");
    story.home.write("purser.toml", &config);
    let mut story = story;
    story.home.up().await;
    let mut seen = vec![];
    for (who, line) in [
        (Person::Ann, "links"),
        (Person::Cy, "links"),
        (Person::Cy, "unlink"),
        (Person::Cy, "unlink 33"),
        (Person::Cy, "unlink 22"),
        (Person::Ann, "unlink 22"),
    ] {
        seen.push(story.person_sees(who, line).await);
    }
    insta::assert_snapshot!(seen.join("\n"), @"");
}

#[tokio::test]
async fn who_is_in_no_chat_is_told_how_to_get_there() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("links").await, @"");
}

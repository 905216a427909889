//! Who somebody is in a chat, as the terminal shows it.

use super::Story;
use crate::support::program::Person;

#[tokio::test]
async fn a_code_is_shown_to_who_is_known_and_to_nobody_else() {
    let mut story = Story::of_docker();
    story.home.write("discord-token", "nobody.knows.it");
    let nowhere =
        "[discord]\ntoken_file = 'discord-token'\nguilds = ['1']\napi = 'http://127.0.0.1:9'";
    story.home.configure(nowhere);
    story.home.up().await;
    let shown = story.sees("link").await;
    let code = shown.split("code:").nth(1).unwrap();
    let (code, _) = code.split_once('\n').unwrap();
    let letters = code.replace('-', "");
    assert!(code.len() == 9 && code.as_bytes()[4] == b'-', "{code}");
    assert!(letters.bytes().all(|c| c.is_ascii_alphanumeric()), "{code}");
    insta::assert_snapshot!(shown.replace(code, "CODE"), @"
    In a channel of Discord, type this within ten minutes, and you are ann there:
        /purser link code:CODE
    Give the code to nobody. Another `purser link` makes it void.
    exit code 0
    ");
    let again = story.home.asks(&["link"]).await;
    assert_eq!(again["person"], "ann");
    assert_ne!(again["code"], code);
    insta::assert_snapshot!(story.person_sees(Person::Stranger, "link").await, @"
    purser: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Stranger, "links").await, @"
    purser: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Stranger, "unlink").await, @"
    purser: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    exit code 4
    ");
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
    insta::assert_snapshot!(seen.join("\n"), @"
    PERSON  CHAT     ID  SINCE
    bo      discord  22  by the configuration
    cy      discord  33  by the configuration
    exit code 0
    PERSON  CHAT     ID  SINCE
    cy      discord  33  by the configuration
    exit code 0
    purser: there is no identity of yours that was linked by a code: see `purser links`
    exit code 2
    purser: discord 33 is cy's by the configuration, and was left as it is: take it out of [people.cy] there, and start Purser again
    exit code 1
    purser: there is no identity 22 of yours that was linked by a code: see `purser links`
    exit code 2
    purser: discord 22 is bo's by the configuration, and was left as it is: take it out of [people.bo] there, and start Purser again
    exit code 1
    ");
}

#[tokio::test]
async fn who_is_in_no_chat_is_told_how_to_get_there() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("links").await, @"
    no identity in a chat: `purser link` shows a code for one
    exit code 0
    ");
}

#[tokio::test]
async fn where_there_is_no_chat_there_is_no_code() {
    let story = Story::of_job().await;
    insta::assert_snapshot!(story.sees("link").await, @"
    purser: no chat is configured in which a code could be typed: write a [discord] first (docs/DISCORD.md)
    exit code 1
    ");
}

//! Somebody whom Purser does not know becomes somebody, by a code of their terminal.

use fake_discord::UserId;
use serde_json::Value;

use super::Talk;
use crate::support::program::Person;

impl Talk {
    /// Somebody types `purser link`: the code.
    async fn code(&self, person: Person) -> String {
        let shown = self.story.home.person_types(person, &["link", "--json"]);
        let shown = shown.await.json();
        shown["code"].as_str().unwrap().to_owned()
    }

    /// Somebody types a code in the channel: what they read.
    async fn links(&self, who: UserId, code: &str) -> String {
        let typed = self.says(who, &format!("/purser link code:{code}"));
        self.reply(&typed).await
    }

    /// The receipts about this, oldest first: who, and what came of it.
    async fn receipts(&self, about: &str) -> String {
        let all = self.story.home.asks(&["receipts", "list"]).await;
        let all = all.as_array().unwrap().iter().rev();
        let is_about = |receipt: &&Value| {
            let subject = &receipt["content"]["subject"];
            let what = subject["what"].as_str().or(subject["asked"].as_str());
            what.is_some_and(|what| what.starts_with(about))
        };
        let told = all.filter(is_about).map(|receipt| {
            let summary = receipt["content"]["summary"].as_str().unwrap();
            let by = &receipt["content"]["by"]["person"];
            let text = receipt["texts"][summary]["text"].as_str().unwrap();
            self.plain(&format!("{}: {text}", by.as_str().unwrap()))
        });
        told.collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test]
async fn a_stranger_types_the_code_of_a_terminal_and_the_same_command_works() {
    let mut talk = Talk::of_job("", "message").await;
    let refused = talk.says(talk.dee, "/migrate lines:1");
    insta::assert_snapshot!(talk.reply(&refused).await, @r#"
    Purser (to dee's /migrate, only dee sees this):
      ✗ Purser does not know who you are: type `purser link` in a terminal where it knows you, and do what that says; or ask whoever runs it to add `discord = "ID"` and `roles` to a `[people.NAME]` of its configuration
    "#);
    let code = talk.code(Person::Ann).await;
    let typed = code.to_lowercase().replace('-', " ");
    insta::assert_snapshot!(talk.links(talk.dee, &typed).await, @"
    Purser (to dee's /purser link, only dee sees this):
      You are ann here from now on. `/purser help` shows what you can say.
    ");
    let asked = talk.says(talk.dee, "/migrate lines:1");
    talk.reply(&asked).await;
    let seen = talk.sees("succeeded").await;
    assert!(seen.contains("asked by ann"), "{seen}");
    insta::assert_snapshot!(talk.receipts("identity ").await, @"discord ID: discord ID belongs to ann from now on: a code was typed there that had been shown to ann (uid 0)");
    assert!(!talk.story.home.log().contains(&code));

    let code = talk.code(Person::Bo).await;
    talk.story.home.kill().await;
    talk.up().await;
    let runs = talk.says(talk.dee, "/purser runs");
    assert!(talk.reply(&runs).await.contains("succeeded"));
    let eve = talk.discord.member(talk.guild, "eve", &[]);
    let void = talk.links(eve, &code).await;
    assert!(void.contains("that code does not do"), "{void}");
}

#[tokio::test]
async fn the_check_counts_who_has_linked_themselves() {
    let mut talk = Talk::new().await;
    let config = std::fs::read_to_string(talk.story.home.path("purser.toml")).unwrap();
    let without = config.replace(&format!("discord = '{}', ", talk.bo), "");
    assert_ne!(without, config);
    talk.story.home.write("purser.toml", &without);
    talk.up().await;
    let told = async |talk: &Talk| {
        let told = talk.story.sees("discord check").await;
        let about = told.lines().find(|line| line.contains("discord people"));
        about.unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(told(&talk).await, @"✓ discord people: known there: ann, cy; without an identity, and so strangers there until they type `purser link`: bo");
    let code = talk.code(Person::Bo).await;
    talk.links(talk.bo, &code).await;
    insta::assert_snapshot!(told(&talk).await, @"✓ discord people: known there: ann, bo, cy");
    talk.story.home.stop().await;
    insta::assert_snapshot!(told(&talk).await, @"✓ discord people: known there: ann, bo, cy");
}

#[tokio::test]
async fn a_code_does_once_and_a_wrong_one_says_nothing() {
    let talk = Talk::of_job("", "message").await;
    let eve = talk.discord.member(talk.guild, "eve", &[]);
    insta::assert_snapshot!(talk.links(talk.dee, "K4XP-7QRM").await, @"
    Purser (to dee's /purser link, only dee sees this):
      ✗ that code does not do: it is mistyped, used, or older than ten minutes. `purser link` in a terminal shows a new one
    ");
    let wrong = talk.links(talk.dee, "K4XP-7QRM").await;
    let old = talk.code(Person::Ann).await;
    let code = talk.code(Person::Ann).await;
    assert_eq!(talk.links(talk.dee, &old).await, wrong, "voided");
    talk.links(talk.dee, &code).await;
    let used = talk.links(eve, &code).await;
    assert_eq!(used.replace("eve", "dee"), wrong);
    assert_eq!(talk.links(eve, "no code at all").await, used);
    insta::assert_snapshot!(talk.receipts("link ").await, @"
    discord ID: that code does not do: it is mistyped, used, or older than ten minutes. `purser link` in a terminal shows a new one
    discord ID: that code does not do: it is mistyped, used, or older than ten minutes. `purser link` in a terminal shows a new one
    discord ID: that code does not do: it is mistyped, used, or older than ten minutes. `purser link` in a terminal shows a new one
    discord ID: that code does not do: it is mistyped, used, or older than ten minutes. `purser link` in a terminal shows a new one
    discord ID: that code does not do: it is mistyped, used, or older than ten minutes. `purser link` in a terminal shows a new one
    ");
}

#[tokio::test]
async fn who_has_typed_five_wrong_codes_waits_and_nobody_else_does() {
    let talk = Talk::of_job("", "message").await;
    let eve = talk.discord.member(talk.guild, "eve", &[]);
    for _ in 0..5 {
        talk.links(talk.dee, "K4XP-7QRM").await;
    }
    let code = talk.code(Person::Bo).await;
    insta::assert_snapshot!(talk.links(talk.dee, &code).await, @"
    Purser (to dee's /purser link, only dee sees this):
      ✗ those were too many wrong codes: wait 10 min, and have `purser link` show a new one then
    ");
    let linked = talk.links(eve, &code).await;
    assert!(linked.contains("You are bo here from now on"), "{linked}");
}

#[tokio::test]
async fn who_is_somebody_stays_who_they_are() {
    let talk = Talk::of_job("", "message").await;
    let code = talk.code(Person::Bo).await;
    insta::assert_snapshot!(talk.links(talk.ann, &code).await, @"
    Purser (to ann's /purser link, only ann sees this):
      ✗ you are ann here already: the configuration says so. Nothing was changed
    ");
    talk.links(talk.dee, &code).await;
    let code = talk.code(Person::Ann).await;
    insta::assert_snapshot!(talk.links(talk.dee, &code).await, @"
    Purser (to dee's /purser link, only dee sees this):
      ✗ you are bo here already: you have typed a code before. Nothing was changed
    ");
    let eve = talk.discord.member(talk.guild, "eve", &[]);
    let linked = talk.links(eve, &code).await;
    assert!(
        linked.contains("You are ann here"),
        "the code is not used up: {linked}"
    );
}

#[tokio::test]
async fn who_unlinks_themselves_is_a_stranger_again() {
    let talk = Talk::of_job("", "message").await;
    let code = talk.code(Person::Cy).await;
    talk.links(talk.dee, &code).await;
    let mut seen = vec![];
    for (who, line) in [
        (Person::Cy, "links"),
        (Person::Ann, "links"),
        (Person::Cy, "unlink"),
        (Person::Cy, "unlink"),
        (Person::Cy, "links"),
    ] {
        let shown = talk.story.person_sees(who, line).await;
        seen.push(talk.plain(&shown));
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    PERSON  CHAT     ID                   SINCE
    cy      discord  ID  by the configuration
    cy      discord  ID  TIME
    exit code 0
    PERSON  CHAT     ID                   SINCE
    ann     discord  ID  by the configuration
    bo      discord  ID  by the configuration
    cy      discord  ID  by the configuration
    cy      discord  ID  TIME
    exit code 0
    discord ID belongs to cy no more
    exit code 0
    purser: there is no identity of yours that was linked by a code: see `purser links`
    exit code 2
    PERSON  CHAT     ID                   SINCE
    cy      discord  ID  by the configuration
    exit code 0
    ");
    let runs = talk.says(talk.dee, "/purser runs");
    assert!(
        talk.reply(&runs)
            .await
            .contains("Purser does not know who you are")
    );
    insta::assert_snapshot!(talk.receipts("identity ").await, @"
    discord ID: discord ID belongs to cy from now on: a code was typed there that had been shown to cy (uid 65533)
    cy: discord ID belongs to cy no more: cy has unlinked it
    ");
}

#[tokio::test]
async fn a_link_to_somebody_who_is_gone_has_no_rights_and_an_operator_forgets_it() {
    let mut talk = Talk::of_job("", "message").await;
    let code = talk.code(Person::Cy).await;
    talk.links(talk.dee, &code).await;
    talk.story.home.stop().await;
    let config = std::fs::read_to_string(talk.story.home.path("purser.toml")).unwrap();
    let cy = config
        .lines()
        .find(|line| line.starts_with("cy = "))
        .unwrap();
    talk.story
        .home
        .write("purser.toml", &config.replace(cy, ""));
    talk.up().await;
    let runs = talk.says(talk.dee, "/purser runs");
    assert!(
        talk.reply(&runs)
            .await
            .contains("Purser does not know who you are")
    );
    let dee = talk.dee.to_string();
    let mut seen = vec![talk.story.sees("links").await];
    seen.push(talk.story.sees(&format!("unlink {dee}")).await);
    insta::assert_snapshot!(talk.plain(&seen.join("\n")), @"
    PERSON  CHAT     ID                   SINCE
    ann     discord  ID  by the configuration
    bo      discord  ID  by the configuration
    cy      discord  ID  void: cy is not in the configuration
    exit code 0
    discord ID belongs to cy no more
    exit code 0
    ");
}

#[tokio::test]
async fn what_the_configuration_says_of_somebody_wins_over_a_code() {
    let mut talk = Talk::of_job("", "message").await;
    let code = talk.code(Person::Cy).await;
    talk.links(talk.dee, &code).await;
    talk.story.home.stop().await;
    let config = std::fs::read_to_string(talk.story.home.path("purser.toml")).unwrap();
    let (bo, dee) = (talk.bo.to_string(), talk.dee.to_string());
    talk.story
        .home
        .write("purser.toml", &config.replace(&bo, &dee));
    talk.up().await;
    talk.asks(talk.dee, "/migrate lines:1").await;
    let seen = talk.sees("succeeded").await;
    assert!(seen.contains("asked by bo"), "{seen}");
    let mut seen = vec![];
    for line in [
        "links".to_owned(),
        format!("unlink {dee}"),
        format!("unlink {dee}"),
    ] {
        seen.push(talk.story.sees(&line).await);
    }
    insta::assert_snapshot!(talk.plain(&seen.join("\n")), @"
    PERSON  CHAT     ID                   SINCE
    ann     discord  ID  by the configuration
    bo      discord  ID  by the configuration
    cy      discord  ID  by the configuration
    cy      discord  ID  void: the configuration says that it is bo's
    exit code 0
    discord ID belongs to cy no more
    exit code 0
    purser: discord ID is bo's by the configuration, and was left as it is: take it out of [people.bo] there, and start Purser again
    exit code 1
    ");
}

#[tokio::test]
async fn who_has_linked_several_identities_says_which_one_is_to_go() {
    let talk = Talk::of_job("", "message").await;
    let eve = talk.discord.member(talk.guild, "eve", &[]);
    for who in [talk.dee, eve] {
        let code = talk.code(Person::Ann).await;
        talk.links(who, &code).await;
    }
    let mut seen = vec![];
    for line in [
        "unlink".to_owned(),
        format!("unlink {eve}"),
        "unlink".to_owned(),
    ] {
        seen.push(talk.story.sees(&line).await);
    }
    insta::assert_snapshot!(talk.plain(&seen.join("\n")), @"
    purser: there are several: say which with its id, as `purser links` shows them
    exit code 2
    discord ID belongs to ann no more
    exit code 0
    discord ID belongs to ann no more
    exit code 0
    ");
}

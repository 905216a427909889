//! Secret options of a command: they are typed in a window of their own, and stand nowhere else.

use super::Talk;
use crate::stories::Story;
use crate::stories::secret_inputs::{CANARY, Web, is_free_of_it};

const TRACE: [(&str, &str); 1] = [("PURSER__LOG__LEVEL", "trace")];

impl Talk {
    /// A web service, the command `/rotate` that hands it a password, and the server.
    async fn that_rotates(more: &str) -> (Web, Self) {
        let web = Web::start().await;
        let mut talk = Self::of(Story::with(&[("web", web.system())])).await;
        talk.story.rotates(more);
        talk.begins().await;
        (web, talk)
    }

    /// Starts the server, which keeps nothing back in its log.
    async fn begins(&mut self) {
        self.story.home.up_with(&TRACE).await;
        self.is_there().await;
    }

    /// Nobody sees the canary in the channel, and Purser has it nowhere.
    async fn keeps_it(&self) {
        for who in [self.ann, self.bo] {
            is_free_of_it("the channel", &self.discord.channel_as(who, self.ops));
        }
        self.story.has_it_nowhere().await;
    }
}

#[tokio::test]
async fn a_command_with_a_secret_opens_a_window_and_goes_on_with_what_is_typed_there() {
    let (web, talk) = Talk::that_rotates("").await;
    let commands = talk.discord.commands(talk.guild);
    let options = format!("{commands:?}");
    assert!(
        options.contains("\"user\"") && !options.contains("\"password\""),
        "{options}"
    );
    let asked = talk.says(talk.ann, "/rotate user:app");
    insta::assert_snapshot!(talk.plain(&talk.well(asked.reply().await)), @"
    form /rotate
      the new password:
    ");
    let sent = talk
        .discord
        .submits(talk.ann, &asked, &[("password", CANARY)]);
    talk.reply(&sent.unwrap()).await;
    insta::assert_snapshot!(talk.sees("succeeded").await, @"
    #ops
    Purser (to ann, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ rotate · app
      ┃ ✓ **succeeded** after N s · asked by ann <t:TIME:R>
      ┃ user `app` · password `[secret]`
      ┃ 
      ┃ ✓ **tell** done in N s
      ┃ ✓ **check/ask** done in N s
      ┃ 
      ┃ 2 steps done
      ┃ tell:
      ┃ ```
      ┃ status: 200
      ┃ body: your password is [secret], [secret]
      ┃ cut: false
      ┃ key: RUN/tell/0/send_once
      ┃ ```
      ┃ check/ask:
      ┃ ```
      ┃ status: 200
      ┃ body: your password is [secret], [secret]
      ┃ ```
      ┃ — run RUN
    ");
    assert_eq!(web.told(), [CANARY, CANARY]);
    talk.keeps_it().await;
}

#[tokio::test]
async fn killed_while_the_window_is_open_it_can_still_be_filled_in_and_twice_is_once() {
    let (web, mut talk) = Talk::that_rotates("").await;
    let asked = talk.says(talk.ann, "/rotate user:app");
    talk.well(asked.modal().await);
    talk.story.home.kill().await;
    talk.begins().await;
    let sent = talk
        .discord
        .submits(talk.ann, &asked, &[("password", CANARY)]);
    let again = talk
        .discord
        .submits(talk.ann, &asked, &[("password", "something else")]);
    for sent in [sent, again] {
        talk.reply(&sent.unwrap()).await;
    }
    talk.sees("succeeded").await;
    assert_eq!(
        talk.story
            .home
            .asks(&["runs", "list"])
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(web.told().len(), 2);
    let run = talk.story.last_run().await;
    let view = talk.story.home.asks(&["runs", "show", &run]).await;
    assert_eq!(view["run"]["request"]["inputs"]["user"], "app");
    talk.keeps_it().await;
}

#[tokio::test]
async fn who_may_not_give_the_command_gets_no_window() {
    let (web, talk) = Talk::that_rotates("").await;
    let mut told = vec![];
    for who in [talk.cy, talk.dee] {
        told.push(talk.reply(&talk.says(who, "/rotate user:app")).await);
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    Purser (to cy's /rotate, only cy sees this):
      ✗ cy may not run `rotate` in production: that takes the role operator. Ask someone who has it, or have it added to \[people.cy\]
    Purser (to dee's /rotate, only dee sees this):
      ✗ Purser does not know who you are: type `purser link` in a terminal where it knows you, and do what that says; or ask whoever runs it to add `discord = "ID"` and `roles` to a `[people.NAME]` of its configuration
    "#);
    assert!(web.told().is_empty());
}

#[tokio::test]
async fn nobody_else_sends_the_window() {
    let (web, talk) = Talk::that_rotates("").await;
    let asked = talk.says(talk.ann, "/rotate user:app");
    talk.well(asked.modal().await);
    let sent = talk
        .discord
        .forges(talk.bo, &asked, &[("password", CANARY)]);
    insta::assert_snapshot!(talk.reply(&sent.unwrap()).await, @"
    Purser (to bo, only bo sees this):
      ✗ This window was opened for somebody else. Nothing was started.
    ");
    assert!(web.told().is_empty());
}

#[tokio::test]
async fn what_can_be_no_secret_is_told_and_not_repeated() {
    let (web, talk) = Talk::that_rotates("").await;
    let asked = talk.says(talk.ann, "/rotate user:app");
    talk.well(asked.modal().await);
    let sent = talk
        .discord
        .submits(talk.ann, &asked, &[("password", "hunter2")]);
    insta::assert_snapshot!(talk.reply(&sent.unwrap()).await, @"
    Purser (to ann, only ann sees this):
      ✗ rotate: the secret `password`, or a password in it, has less than 8 bytes: so short a one cannot be masked where another system repeats it
    ");
    assert!(web.told().is_empty());
}

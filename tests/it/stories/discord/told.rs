//! Channels of Discord as places: what people are told there of what happened while nobody watched.

use fake_discord::{ChannelId, Permissions, Request};

use super::Talk;
use crate::support::patience;

/// `/migrate`, of which every failure is told in the place `ops`.
pub(super) const TOLD: &str = "notify: { failure: ops }\n";

impl Talk {
    /// A team with a workflow that tells of its failures in `#ops`; nothing runs yet.
    async fn telling(more: &str) -> Self {
        let talk = Self::new().await;
        talk.job(TOLD, "message");
        talk.place("ops", talk.ops, more);
        talk
    }

    /// A place that is this channel.
    pub(super) fn place(&self, name: &str, channel: ChannelId, more: &str) {
        self.story
            .home
            .configure(&format!("[places.{name}]\ndiscord = '{channel}'\n{more}"));
    }

    /// Somebody starts a run on a terminal, which fails.
    async fn fails(&self) {
        let home = &self.story.home;
        let run = home.starts(&["migrate", "--input", "exit=3"]).await;
        home.ends(&run).await;
    }

    /// Waits until nothing waits for any place.
    pub(super) async fn all_is_told(&self) {
        patience::until("all is told", async || {
            let places = self.story.home.asks(&["notify", "list"]).await;
            let mut places = places.as_array().unwrap().iter();
            places.all(|place| place["waiting"] == 0)
        })
        .await;
    }
}

#[tokio::test]
async fn a_failure_is_told_in_the_channel_and_calls_whom_the_place_names_and_nobody_else() {
    let mut talk = Talk::new().await;
    let oncall = talk.discord.role(talk.guild, "oncall");
    talk.discord.let_all_mention(talk.guild, oncall);
    talk.job(TOLD, "message");
    talk.place("ops", talk.ops, &format!("mention = '<@&{oncall}>'"));
    talk.up().await;
    talk.fails().await;
    insta::assert_snapshot!(talk.sees("failed").await, @"
    #ops
    Purser:
      @oncall `migrate` failed on shop (run RUN, asked for by ann)
      Step `migrate` failed: the job purser-migrate-HEX on `shop` ended with exit code 3 after N s. Left as it is: `migrate`: what the job did before it was removed stays.
      To see what it did: `purser runs show RUN`
      To run it again: `purser run migrate --input exit=3 --input lines=3 --input seconds=0`
    ");
    let pings: Vec<_> = talk
        .discord
        .pings()
        .into_iter()
        .map(|ping| ping.whom)
        .collect();
    assert_eq!(pings, ["@oncall"]);
}

#[tokio::test]
async fn a_test_message_shows_whether_the_channel_takes_any() {
    let mut talk = Talk::telling("").await;
    talk.up().await;
    let said = talk.plain(&talk.story.sees("notify test ops").await);
    insta::assert_snapshot!(said, @"
    ✓ ops took the test message: it is the message ID
    exit code 0
    ");
    insta::assert_snapshot!(talk.sees("test message").await, @"
    #ops
    Purser:
      This is a test message that ann has asked for.
      Nothing has happened, and there is nothing to do.
    ");
    assert!(talk.discord.pings().is_empty());
    let bot = talk.discord.application_id().bot();
    talk.discord
        .take_permission(bot, talk.ops, Permissions::SEND_MESSAGES);
    let said = talk.plain(&talk.story.sees("notify test ops").await);
    insta::assert_snapshot!(said, @"
    ✗ ops did not take the test message: Discord refuses it (403, code 50013): Missing Permissions: the bot needs View Channel, Send Messages, Attach Files there
    exit code 1
    ");
    insta::assert_snapshot!(talk.plain(&talk.story.sees("notify list").await), @"
    PLACE  WHAT                              WAITING  SINCE  WHY
    ops    Discord channel, text for people  0        -      -
    exit code 0
    ");
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_stands_there_once() {
    let mut talk = Talk::telling("").await;
    talk.up().await;
    let post = "POST /channels/*/messages";
    talk.discord.fail(post, 502, 1);
    talk.discord.accept_then_cut(post, 1);
    talk.fails().await;
    let third = talk.discord.until("a third try", |view| {
        (posts(view.requests()) >= 3).then_some(())
    });
    talk.well(third.await);
    talk.all_is_told().await;
    assert_eq!(talk.discord.messages(talk.ops).len(), 1);
    assert_eq!(posts(&talk.discord.requests()), 3);
}

/// How often a new message was asked for.
fn posts(requests: &[Request]) -> usize {
    let posts = requests
        .iter()
        .filter(|request| request.method == "POST" && request.path.ends_with("/messages"));
    posts.count()
}

#[tokio::test]
async fn what_a_channel_that_is_gone_does_not_take_the_fallback_gets() {
    let mut talk = Talk::telling("").await;
    let books = talk.discord.channel(talk.guild, "books");
    talk.place("books", books, "");
    talk.story.home.configure("[notify]\nfallback = 'books'");
    talk.up().await;
    talk.discord.delete_channel(talk.ops).unwrap();
    talk.fails().await;
    let seen = talk.well(talk.discord.sees(talk.ann, books, "failed").await);
    insta::assert_snapshot!(talk.plain(&seen), @"
    #books
    Purser:
      This was for `ops`, which did not get it (Discord has no such channel (10003): it is gone, or its id is another one); so it is told here.
      `migrate` failed on shop (run RUN, asked for by ann)
      Step `migrate` failed: the job purser-migrate-HEX on `shop` ended with exit code 3 after N s. Left as it is: `migrate`: what the job did before it was removed stays.
      To see what it did: `purser runs show RUN`
      To run it again: `purser run migrate --input exit=3 --input lines=3 --input seconds=0`
    ");
}

#[tokio::test]
async fn the_check_says_in_which_places_nobody_can_be_told() {
    let talk = Talk::telling("mention = '<@&123456789012345678>'").await;
    let quiet = talk.discord.role(talk.guild, "quiet");
    let (closed, locked) = (
        talk.discord.channel(talk.guild, "closed"),
        talk.discord.channel(talk.guild, "locked"),
    );
    let everyone = talk.guild.everyone();
    talk.discord
        .take_permission(everyone, closed, Permissions::VIEW_CHANNEL);
    talk.discord
        .take_permission(everyone, locked, Permissions::SEND_MESSAGES);
    let gone = talk.discord.channel(talk.guild, "gone");
    talk.discord.delete_channel(gone).unwrap();
    let calm = talk.discord.channel(talk.guild, "calm");
    let well = talk.discord.channel(talk.guild, "well");
    talk.place("closed", closed, "");
    talk.place("locked", locked, "");
    talk.place("gone", gone, "");
    talk.place("calm", calm, &format!("mention = '{quiet}'"));
    talk.place("well", well, &format!("mention = '<@{}>'", talk.ann));
    let told = talk.plain(&talk.story.sees("discord check").await);
    let places: Vec<_> = told
        .split_inclusive('\n')
        .skip_while(|line| !line.contains("place"))
        .collect();
    insta::assert_snapshot!(places.concat(), @"
    ✗ discord place closed: the bot does not see it
        next: give its role View Channel, Send Messages and Attach Files in that channel: Edit Channel, Permissions
    ✗ discord place gone: there is no such channel
        next: copy the id of a channel with Copy Channel ID, with Discord's developer mode on; then correct `discord` of that place
    ✗ discord place locked: the bot is in #locked without Send Messages
        next: give its role these permissions in that channel: Edit Channel, Permissions
    ✗ discord place ops: its mention calls nobody: its server has no role ID
        next: correct `mention`: <@&ROLE>, or <@USER> for one user
    ! discord server shop: its commands are not those that are here (missing: `/migrate`, `/purser`)
        next: start Purser, which publishes them: `purser up`; if it is up, its log says why it has not
    ! discord place calm: its mention of quiet calls nobody: Discord lets only some mention that role
        next: in Server Settings, Roles, quiet: allow anyone to mention it
    ✓ discord people: known there: ann, bo, cy
    ✓ discord token: Discord knows it
    ✓ discord application: Purser, with the id ID
    ✓ discord server shop: the bot is in it, with the permissions that it needs
    ✓ discord place well: the bot may tell people in #well
    4 problems, 2 warnings
    exit code 1
    ");
}

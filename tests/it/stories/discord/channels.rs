//! What others do to the channel while a run is shown there.

use fake_discord::Permissions;

use super::Talk;

/// A channel takes five new messages in five seconds, and five edits.
const RUNS: usize = 24;

#[tokio::test]
async fn a_message_that_a_moderator_removes_is_made_anew_once() {
    let talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate seconds:60");
    let remove = async |talk: &Talk| {
        let message = talk.discord.message(talk.ann, talk.ops, "Cancel").await;
        let message = talk.well(message);
        talk.discord.delete_message(message).unwrap();
        message
    };
    let first = remove(&talk).await;
    talk.discord
        .until("another message", |view| {
            let other = view.messages(talk.ops).into_iter().find(|one| {
                one["author"]["bot"] == true
                    && one["id"] != first.to_string()
                    && one["embeds"][0].is_object()
            });
            other.map(drop)
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", talk.story.home.log()));
    remove(&talk).await;
    let run = talk.story.last_run().await;
    talk.story.home.types(&["cancel", &run]).await;
    talk.story
        .until(&run, |view| view["run"]["ended"].is_object())
        .await;
    let log = "its message was removed twice";
    crate::support::patience::until("the log says so", async || {
        talk.story.home.log().contains(log)
    })
    .await;
}

#[tokio::test]
async fn a_thread_that_was_archived_is_opened_for_the_end_of_its_run() {
    let talk = Talk::of_job("", "thread").await;
    talk.says(talk.ann, "/migrate seconds:60");
    talk.sees("Cancel").await;
    let thread = talk.discord.thread(talk.ops, "migrate").await.unwrap();
    talk.discord.archive_thread(thread, false).unwrap();
    let run = talk.story.last_run().await;
    talk.story.home.types(&["cancel", &run]).await;
    talk.channel_until("both have ended", |channel| {
        channel.matches("cancelled").count() >= 2
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_is_gone_does_not_stop_its_run() {
    let mut talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate seconds:3");
    talk.sees("Cancel").await;
    talk.discord.delete_channel(talk.ops).unwrap();
    talk.story.home.says("the channel or thread is gone").await;
    let run = talk.story.last_run().await;
    let view = talk
        .story
        .until(&run, |view| view["run"]["ended"].is_object())
        .await;
    assert_eq!(view["status"], "succeeded");
}

#[tokio::test]
async fn where_purser_may_not_show_a_run_none_is_started() {
    let talk = Talk::of_job("", "message").await;
    let bot = talk.discord.application_id().bot();
    talk.discord
        .take_permission(bot, talk.ops, Permissions::EMBED_LINKS);
    let asked = talk.says(talk.ann, "/migrate");
    insta::assert_snapshot!(talk.reply(&asked).await, @"
    Purser (to ann's /migrate, only ann sees this):
      ✗ Purser cannot show a run here: it lacks the permission **Embed Links** in this channel. Nothing was started; give it that in the channel's settings, or ask in another channel.
    ");
    insta::assert_snapshot!(talk.story.sees("runs list").await, @"
    no runs yet
    exit code 0
    ");
}

#[tokio::test]
async fn a_channel_that_takes_no_more_for_now_holds_up_no_other_one() {
    let mut talk = Talk::new().await;
    let home = &talk.story.home;
    home.workflow("rest", "steps:\n  - { id: rest, wait: { for: 1s } }\n");
    let command = "name: rest\nsummary: Rest a while\nruns: rest\nreply: message\n";
    home.write("commands/rest.yaml", command);
    talk.up().await;
    let busy = talk.discord.channel(talk.guild, "busy");
    for n in 0..RUNS {
        let who = if n % 2 == 0 { talk.ann } else { talk.bo };
        let asked = talk.discord.says(who, busy, "/rest").unwrap();
        talk.well(asked.acknowledged().await);
    }
    talk.says(talk.ann, "/rest");
    let ended = |view: &fake_discord::View<'_>, channel| {
        let seen = view.channel_as(talk.ann, channel);
        seen.matches("**succeeded**").count()
    };
    let quiet = talk.discord.until("the end in the quiet channel", |view| {
        (ended(&view, talk.ops) == 1).then(|| ended(&view, busy))
    });
    let before_it = talk.well(quiet.await);
    assert!(
        before_it < RUNS / 2,
        "{before_it} ends were shown before it"
    );
    let all = talk.discord.until("every end in the full channel", |view| {
        (ended(&view, busy) == RUNS).then_some(())
    });
    talk.well(all.await);
    let tries = talk.discord.requests();
    let too_soon = tries.iter().filter(|one| one.status == Some(429)).count();
    assert_eq!(too_soon, 0, "Discord was asked before it takes more");
    let log = talk.story.home.log();
    assert!(!log.contains("Discord does not show how a run is"), "{log}");
}

//! The server is killed, and what the channel shows is as if it had not been.

use std::time::{Duration, Instant};

use super::Talk;

/// How many messages in the channel and its threads show the run.
pub(super) fn shown(channel: &str) -> usize {
    channel.matches("— run ").count()
}

#[tokio::test]
async fn killed_around_the_making_of_a_message_there_is_one_message() {
    for failpoint in ["discord/creating", "discord/created"] {
        let mut talk = Talk::new().await;
        talk.job("", "message");
        let home = &mut talk.story.home;
        home.up_with(&[("PURSER_FAILPOINT", failpoint)]).await;
        talk.is_there().await;
        talk.says(talk.ann, "/migrate lines:1");
        talk.story.home.has_ended().await;
        talk.up().await;
        let seen = talk.sees("succeeded").await;
        assert_eq!(shown(&seen), 1, "{failpoint}: {seen}");
    }
}

#[tokio::test]
async fn killed_in_the_midst_of_a_run_the_same_message_goes_on_and_its_buttons_work() {
    let mut talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate seconds:60");
    talk.sees("Cancel").await;
    talk.story.home.kill().await;
    talk.up().await;
    let window = talk.clicks(talk.ann, "Cancel").await;
    window.modal().await.unwrap();
    let sent = talk.discord.submits(talk.ann, &window, &[]).unwrap();
    talk.reply(&sent).await;
    let seen = talk.sees("cancelled").await;
    assert_eq!(shown(&seen), 1, "{seen}");
}

#[tokio::test]
async fn an_answer_that_was_lost_leads_to_no_second_message() {
    let talk = Talk::of_job("", "message").await;
    talk.discord.accept_then_cut("POST /channels/*/messages", 1);
    talk.says(talk.ann, "/migrate lines:1");
    let seen = talk.sees("succeeded").await;
    assert_eq!(shown(&seen), 1, "{seen}");
}

#[tokio::test]
async fn while_discord_is_out_of_order_runs_go_on_and_are_shown_afterwards() {
    let talk = Talk::of_job("", "message").await;
    talk.discord.fail("* /channels/**", 503, 3);
    talk.discord.limit(
        "PATCH /channels/*/messages/*",
        Duration::from_secs(1),
        2,
        true,
    );
    talk.says(talk.ann, "/migrate lines:1");
    let seen = talk.sees("succeeded").await;
    assert_eq!(shown(&seen), 1, "{seen}");
}

#[tokio::test]
async fn without_a_gateway_runs_go_on_and_people_are_heard_again_when_it_is_back() {
    let talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate seconds:2");
    talk.sees("Cancel").await;
    talk.discord.refuse_gateway(true);
    talk.discord.cut_gateway();
    talk.sees("succeeded").await;
    talk.discord.refuse_gateway(false);
    talk.discord.set_patience(Duration::from_secs(40));
    talk.discord
        .until("the gateway again", |view| {
            (view.sessions() > 0).then_some(())
        })
        .await
        .unwrap();
    talk.says(talk.ann, "/migrate lines:1");
    talk.channel_until("the second run", |channel| {
        channel.matches("succeeded").count() == 2
    })
    .await;
}

/// `PURSER_TEST_DISCORD_GONE=600 cargo test --test it -- stories::discord::restarts::all_of_discord` has it gone
/// for ten minutes.
#[tokio::test]
async fn all_of_discord_is_gone_for_a_while_and_messages_catch_up_with_their_runs() {
    let gone = std::env::var("PURSER_TEST_DISCORD_GONE");
    let gone = Duration::from_secs(gone.map_or(3, |seconds| seconds.parse().unwrap()));
    let talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate seconds:2");
    talk.sees("Cancel").await;
    talk.discord.refuse_gateway(true);
    talk.discord.cut_gateway();
    talk.discord.fail("* /**", 503, u32::MAX);
    let begun = talk.story.last_run().await;
    assert_eq!(talk.story.home.ends(&begun).await["status"], "succeeded");
    let detached = talk.story.starts("migrate").await;
    assert_eq!(talk.story.home.ends(&detached).await["status"], "succeeded");
    tokio::time::sleep(gone).await;
    let before = talk.discord.channel_as(talk.ann, talk.ops);
    assert!(!before.contains("succeeded"), "{before}");

    talk.discord.heal();
    talk.discord.refuse_gateway(false);
    // The longest pause between two tries, and what comes after it.
    talk.discord.set_patience(Duration::from_mins(3));
    let back = Instant::now();
    let seen = talk.sees("succeeded").await;
    assert_eq!(shown(&seen), 1, "{seen}");
    println!(
        "gone for {gone:?}; the end was shown {:?} after",
        back.elapsed()
    );
    let again = talk.discord.until("the gateway again", |view| {
        (view.sessions() > 0).then_some(())
    });
    talk.well(again.await);
    println!("people are heard {:?} after", back.elapsed());
    talk.says(talk.ann, "/migrate lines:1");
    talk.channel_until("the second run", |channel| {
        channel.matches("succeeded").count() == 2
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_revoked_is_said_once_and_clearly() {
    let mut talk = Talk::of_job("", "message").await;
    talk.discord.revoke_token();
    talk.story
        .home
        .says("does not know the bot's token (4004)")
        .await;
    assert_eq!(
        talk.story.sees("run migrate --detach").await,
        "RUN\nexit code 0"
    );
}

//! Buttons, and the windows that they open.

use super::Talk;

/// Somebody else must say yes.
pub(super) const FOUR_EYES: &str =
    "approval: { production: { by: [operator], not_requester: true } }\n";

impl Talk {
    /// Ann asks for a run that somebody else must say yes to, and the thread asks for it.
    async fn that_asks() -> Self {
        let talk = Self::of_job(FOUR_EYES, "message").await;
        talk.asks(talk.ann, "/migrate lines:1").await;
        talk.both_ask().await;
        talk
    }

    /// Waits until headline and thread ask for an approval.
    pub(super) async fn both_ask(&self) {
        self.channel_until("both ask", |channel| {
            channel.matches("**waits for approval**").count() == 2
        })
        .await;
    }
}

#[tokio::test]
async fn a_run_that_needs_a_second_person_asks_in_a_thread_and_goes_on_with_a_click() {
    let talk = Talk::that_asks().await;
    insta::assert_snapshot!(talk.sees("Approve").await, @"
    #ops
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ migrate
      ┃ **waits for approval** · asked by ann
      ┃ Needs a yes from 1 × operator, not who asked, until <t:TIME:t> (<t:TIME:R>)
      ┃ — run RUN
      └ thread migrate
        Purser:
          ┃ migrate
          ┃ **waits for approval** · asked by ann <t:TIME:R>
          ┃ lines `1` · seconds `0` · exit `0`
          ┃ ```
          ┃ migrate: docker.run_job on shop
          ┃     run purser-test/web:v1 with job --lines 1 --seconds 0 --exit 0 once on shop
          ┃       + a container that is removed when it has ended: purser-test/web:v1 with job --lines 1 --seconds 0 --exit 0
          ┃       · what the job itself does is not known to Purser and cannot be undone by it
          ┃ ```
          ┃ Waits for approval:
          ┃ Needs a yes from 1 × operator, not who asked, until <t:TIME:t> (<t:TIME:R>)
          ┃ plan `HEX`
          ┃ — run RUN
          [Approve] [Reject]
          [Cancel]
    ");
    talk.clicks(talk.bo, "Approve").await;
    talk.channel_until("both have ended", |channel| {
        channel.matches("succeeded").count() == 2
    })
    .await;
    insta::assert_snapshot!(talk.plain(&talk.discord.channel_as(talk.ann, talk.ops)), @"
    #ops
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ migrate
      ┃ ✓ **succeeded** after N s · asked by ann
      ┃ 1 step done
      ┃ — run RUN
      └ thread migrate
        Purser:
          ┃ migrate
          ┃ ✓ **succeeded** after N s · asked by ann <t:TIME:R>
          ┃ lines `1` · seconds `0` · exit `0`
          ┃ 
          ┃ ✓ **migrate** done in N s
          ┃ 
          ┃ 1 step done
          ┃ Result:
          ┃ ```
          ┃ exit_code: 0
          ┃ seconds: N
          ┃ container: purser-migrate-HEX
          ┃ last_lines:
          ┃     line 1
          ┃ ```
          ┃ — run RUN
    ");
}

#[tokio::test]
async fn who_may_not_approve_is_told_who_may_and_the_question_stands() {
    let talk = Talk::that_asks().await;
    let mut told = vec![];
    for who in [talk.ann, talk.cy, talk.dee] {
        let click = talk.clicks(who, "Approve").await;
        told.push(talk.refused(&click).await);
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    ✗ ann asked for this run and cannot approve it: a second person with the role operator must
    ✗ cy may not approve this run: that takes the role operator
    ✗ Purser does not know who you are: type `purser link` in a terminal where it knows you, and do what that says; or ask whoever runs it to add `discord = "ID"` and `roles` to a `[people.NAME]` of its configuration
    "#);
    assert!(
        talk.discord
            .channel_as(talk.ann, talk.ops)
            .contains("Approve")
    );
}

#[tokio::test]
async fn a_no_asks_why_and_the_books_have_the_reason() {
    let talk = Talk::that_asks().await;
    let window = talk.clicks(talk.bo, "Reject").await;
    insta::assert_snapshot!(talk.plain(&talk.well(window.reply().await)), @"
    form Reject this plan
      Why? It goes into the books. (optional):
    ");
    let sent = talk
        .discord
        .submits(talk.bo, &window, &[("reason", "not on a Friday")]);
    insta::assert_snapshot!(talk.reply(&sent.unwrap()).await, @"
    Purser (to bo, only bo sees this):
      Run `RUN` is rejected.
    ");
    talk.channel_until("both have ended", |channel| {
        channel.matches("cancelled").count() >= 2
    })
    .await;
    insta::assert_snapshot!(talk.plain(&talk.discord.channel_as(talk.ann, talk.ops)), @"
    #ops
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ migrate
      ┃ ✗ **cancelled** after N s · asked by ann
      ┃ rejected by bo (not on a Friday). Nothing was changed.
      ┃ — run RUN
      └ thread migrate
        Purser:
          ┃ migrate
          ┃ ✗ **cancelled** after N s · asked by ann <t:TIME:R>
          ┃ lines `1` · seconds `0` · exit `0`
          ┃ 
          ┃ rejected by bo (not on a Friday). Nothing was changed.
          ┃ — run RUN
          [Rerun]
    ");
}

#[tokio::test]
async fn a_window_that_was_open_over_a_restart_still_counts() {
    let mut talk = Talk::that_asks().await;
    let window = talk.clicks(talk.bo, "Reject").await;
    window.modal().await.unwrap();
    talk.story.home.kill().await;
    talk.up().await;
    let sent = talk
        .discord
        .submits(talk.bo, &window, &[("reason", "late")]);
    insta::assert_snapshot!(talk.reply(&sent.unwrap()).await, @"
    Purser (to bo, only bo sees this):
      Run `RUN` is rejected.
    ");
    talk.sees("late").await;
}

#[tokio::test]
async fn a_run_that_goes_on_can_be_stopped_and_one_that_has_ended_says_so() {
    let talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate seconds:60");
    talk.sees("Cancel").await;
    let window = talk.clicks(talk.ann, "Cancel").await;
    window.modal().await.unwrap();
    let again = talk.clicks(talk.ann, "Cancel").await;
    again.modal().await.unwrap();
    let sent = talk.discord.submits(talk.ann, &window, &[]).unwrap();
    insta::assert_snapshot!(talk.reply(&sent).await, @"
    Purser (to ann, only ann sees this):
      Run `RUN` is being stopped.
    ");
    talk.sees("cancelled").await;
    let late = talk.discord.submits(talk.ann, &again, &[]).unwrap();
    insta::assert_snapshot!(talk.reply(&late).await, @"
    Purser (to ann, only ann sees this):
      ✗ run RUN has ended already: see `/purser show run:RUN`
    ");
}

#[tokio::test]
async fn a_run_that_failed_can_be_gone_on_from_and_its_log_read() {
    let talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate exit:3");
    talk.sees("Rerun").await;
    let logs = talk.clicks(talk.bo, "Log: migrate").await;
    insta::assert_snapshot!(talk.reply(&logs).await, @"
    Purser (to bo, only bo sees this):
      ```
      line 1
      line 2
      line 3
      ```
    ");
    let rerun = talk.clicks(talk.bo, "Rerun").await;
    insta::assert_snapshot!(talk.reply(&rerun).await, @"
    Purser (to bo, only bo sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    ");
    talk.channel_until("the second has ended", |channel| {
        channel.matches("— run ").count() == 2
    })
    .await;
}

#[tokio::test]
async fn a_yes_to_a_plan_that_is_another_one_by_now_does_not_count() {
    let talk = Talk::that_asks().await;
    // The message shows the old plan from now on.
    talk.discord.fail("PATCH /channels/*/messages/*", 503, 1000);
    let run = talk.story.last_run().await;
    let home = &talk.story.home;
    home.types(&["cancel", &run]).await;
    home.ends(&run).await;
    let late = talk.clicks(talk.bo, "Approve").await;
    insta::assert_snapshot!(talk.refused(&late).await, @"
    ✗ run RUN has ended already: see `/purser show run:RUN`
    ");
    talk.discord.heal();
    talk.sees("cancelled").await;
}

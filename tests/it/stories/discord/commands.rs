//! Commands that are given, and what the channel shows then.

use super::Talk;

#[tokio::test]
async fn a_command_of_a_file_can_be_given_and_its_run_is_shown_in_the_channel() {
    let talk = Talk::of_job("", "message").await;
    let asked = talk.says(talk.ann, "/migrate lines:2");
    insta::assert_snapshot!(talk.reply(&asked).await, @"");
    let seen = talk.sees("succeeded").await;
    insta::assert_snapshot!(seen, @"");
}

#[tokio::test]
async fn who_may_not_start_the_workflow_is_told_who_may_and_nobody_else_sees_it() {
    let talk = Talk::of_job("", "message").await;
    let asked = talk.says(talk.cy, "/migrate");
    insta::assert_snapshot!(talk.reply(&asked).await, @"");
    let asked = talk.says(talk.dee, "/migrate");
    insta::assert_snapshot!(talk.reply(&asked).await, @"");
    insta::assert_snapshot!(talk.plain(&talk.discord.channel_as(talk.ann, talk.ops)), @"");
}

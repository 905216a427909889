//! Commands that are given, and what the channel shows then.

use super::Talk;
use crate::docker::shop::Shop;

#[tokio::test]
async fn a_command_of_a_file_can_be_given_and_its_run_is_shown_in_the_channel() {
    let talk = Talk::of_job("", "message").await;
    let asked = talk.says(talk.ann, "/migrate lines:2");
    insta::assert_snapshot!(talk.reply(&asked).await, @"");
    insta::assert_snapshot!(talk.sees("succeeded").await, @"");
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

#[tokio::test]
async fn a_run_that_fails_says_why_and_what_is_left() {
    let talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate exit:3");
    insta::assert_snapshot!(talk.sees("failed").await, @"");
}

#[tokio::test]
async fn a_command_that_asks_for_a_thread_gets_one_and_the_channel_has_its_headline() {
    let talk = Talk::of_job("", "thread").await;
    let asked = talk.says(talk.ann, "/migrate lines:1");
    insta::assert_snapshot!(talk.reply(&asked).await, @"");
    talk.channel_until("both have ended", |channel| channel.matches("succeeded").count() == 2)
        .await;
    insta::assert_snapshot!(talk.plain(&talk.discord.channel_as(talk.ann, talk.ops)), @"");
}

#[tokio::test]
async fn a_private_answer_is_seen_by_who_asked_alone() {
    let talk = Talk::of_job("", "private").await;
    let asked = talk.says(talk.ann, "/migrate lines:1");
    let seen = talk.well(asked.sees("succeeded").await);
    insta::assert_snapshot!(talk.plain(&seen), @"");
    insta::assert_snapshot!(talk.plain(&talk.discord.channel_as(talk.bo, talk.ops)), @"");
}

#[tokio::test]
async fn values_of_options_are_offered_to_who_may_give_the_command() {
    let mut talk = Talk::new().await;
    let home = &talk.story.home;
    let steps = "inputs:\n  service: { type: string, required: true }\nsteps:\n  - id: restart\n    \
                 uses: docker.restart_service\n    with: { service: \"{{ inputs.service }}\" }\n";
    home.workflow("restart", steps);
    let command = "name: restart\nsummary: Restart a service\noptions:\n  service: { type: string, \
                   summary: which service, required: true, suggest: docker.services }\nruns: restart\n";
    home.write("commands/restart.yaml", command);
    let shop = Shop::new();
    shop.start(1, "purser-test/web:v1", &[]).await;
    talk.up().await;
    let typed = format!("/restart service:{}", shop.web());
    let offered = async |who| {
        let typing = talk.discord.types(who, talk.ops, &typed, "service").unwrap();
        let choices = typing.choices().await.unwrap();
        choices.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(offered(talk.ann).await, [shop.web()]);
    for nobody in [talk.cy, talk.dee] {
        assert_eq!(offered(nobody).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn commands_in_folders_are_groups_and_those_of_a_reload_take_their_place() {
    let talk = Talk::of_job("", "message").await;
    let home = &talk.story.home;
    std::fs::create_dir(home.path("commands/db")).unwrap();
    home.write(
        "commands/db/migrate.yaml",
        "name: db migrate\nsummary: Migrate the database\nruns: migrate\n",
    );
    home.types(&["reload"]).await;
    talk.discord
        .until("the group", |view| {
            let commands = view.commands(talk.guild);
            commands.iter().any(|one| one["name"] == "db").then_some(())
        })
        .await
        .unwrap();
    talk.says(talk.ann, "/db migrate");
    talk.sees("succeeded").await;
    let puts = |talk: &Talk| {
        let requests = talk.discord.requests();
        requests.iter().filter(|one| one.method == "PUT").count()
    };
    assert_eq!(puts(&talk), 2);
    home.types(&["reload"]).await;
    talk.says(talk.ann, "/db migrate");
    talk.channel_until("the second run", |channel| channel.matches("succeeded").count() == 2)
        .await;
    assert_eq!(puts(&talk), 2, "the same commands are not sent again");
}

#[tokio::test]
async fn purser_itself_can_be_asked_for_runs_locks_and_help() {
    let talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate lines:1");
    talk.sees("succeeded").await;
    let run = talk.story.last_run().await;
    let mut shown = vec![];
    for line in [
        "/purser runs".to_owned(),
        format!("/purser show run:{}", &run[run.len() - 8..]),
        "/purser lock target:shop reason:the disk is being changed".to_owned(),
        "/purser locks".to_owned(),
        "/purser unlock target:shop".to_owned(),
        "/purser show run:ffffffff".to_owned(),
        "/purser help".to_owned(),
    ] {
        let asked = talk.says(talk.bo, &line);
        shown.push(talk.reply(&asked).await);
    }
    insta::assert_snapshot!(shown.join("\n"), @"");
}

#[tokio::test]
async fn elsewhere_than_in_the_teams_server_purser_does_not_answer() {
    let talk = Talk::of_job("", "message").await;
    let other = talk.discord.guild("other");
    let channel = talk.discord.channel(other, "general");
    let ann = talk.discord.member(other, "ann", &[]);
    // Nothing is published there, so nothing can be given.
    assert!(talk.discord.says(ann, channel, "/migrate").is_err());
}

#[tokio::test]
async fn what_people_type_neither_pings_nor_formats_anything() {
    let talk = Talk::of_job("", "message").await;
    talk.says(talk.ann, "/migrate lines:@everyone **x** [a](http://b) \u{202e}evil\u{200b} `c`");
    insta::assert_snapshot!(talk.sees("succeeded").await, @"");
    assert_eq!(talk.discord.pings().len(), 0);
}

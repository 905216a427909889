//! Commands that are given, and what the channel shows then.

use serde_json::json;

use super::Talk;
use crate::docker::shop::Shop;

#[tokio::test]
async fn a_command_of_a_file_can_be_given_and_its_run_is_shown_in_the_channel() {
    let talk = Talk::of_job("", "message").await;
    let asked = talk.says(talk.ann, "/migrate lines:2");
    insta::assert_snapshot!(talk.reply(&asked).await, @"
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    ");
    insta::assert_snapshot!(talk.sees("succeeded").await, @"
    #ops
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ migrate
      ┃ ✓ **succeeded** after N s · asked by ann <t:TIME:R>
      ┃ lines `2` · seconds `0` · exit `0`
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
      ┃     line 2
      ┃ ```
      ┃ — run RUN
    ");
}

#[tokio::test]
async fn who_may_not_start_the_workflow_is_told_who_may_and_nobody_else_sees_it() {
    let talk = Talk::of_job("", "message").await;
    let asked = talk.says(talk.cy, "/migrate");
    insta::assert_snapshot!(talk.reply(&asked).await, @r#"
    Purser (to cy's /migrate, only cy sees this):
      ✗ cy may not run `migrate` in production: that takes the role operator. Ask someone who has it, or have it added to \[people.cy\]
    "#);
    let asked = talk.says(talk.dee, "/migrate");
    insta::assert_snapshot!(talk.reply(&asked).await, @r#"
    Purser (to dee's /migrate, only dee sees this):
      ✗ Purser does not know who you are: type `purser link` in a terminal where it knows you, and do what that says; or ask whoever runs it to add `discord = "ID"` and `roles` to a `[people.NAME]` of its configuration
    "#);
    insta::assert_snapshot!(talk.plain(&talk.discord.channel_as(talk.ann, talk.ops)), @"
    #ops
    ");
}

#[tokio::test]
async fn a_run_that_fails_says_why_and_what_is_left() {
    let talk = Talk::of_job("", "message").await;
    talk.asks(talk.ann, "/migrate exit:3").await;
    insta::assert_snapshot!(talk.sees("failed").await, @"
    #ops
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ migrate
      ┃ ✗ **failed** after N s · asked by ann <t:TIME:R>
      ┃ lines `3` · seconds `0` · exit `3`
      ┃ 
      ┃ ✗ **migrate** the job purser-migrate-HEX on `shop` ended with exit code 3 after N s; its last lines: line 1 line 2 line 3
      ┃ 
      ┃ Left as it is: `migrate`: what the job did before it was removed stays.
      ┃ — run RUN
      [Rerun] [Log: migrate]
    ");
}

#[tokio::test]
async fn a_command_that_asks_for_a_thread_gets_one_and_the_channel_has_its_headline() {
    let talk = Talk::of_job("", "thread").await;
    let asked = talk.says(talk.ann, "/migrate lines:1");
    insta::assert_snapshot!(talk.reply(&asked).await, @"
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    ");
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
async fn a_private_answer_is_seen_by_who_asked_alone() {
    let talk = Talk::of_job("", "private").await;
    let asked = talk.says(talk.ann, "/migrate lines:1");
    let seen = talk.well(asked.sees("succeeded").await);
    insta::assert_snapshot!(talk.plain(&seen), @"
    Purser (to ann's /migrate, only ann sees this):
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
    insta::assert_snapshot!(talk.plain(&talk.discord.channel_as(talk.bo, talk.ops)), @"
    #ops
    ");
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
        let typing = talk
            .discord
            .types(who, talk.ops, &typed, "service")
            .unwrap();
        let choices = typing.choices().await.unwrap();
        choices
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
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
    talk.channel_until("the second run", |channel| {
        channel.matches("succeeded").count() == 2
    })
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
    insta::assert_snapshot!(shown.join("\n"), @"
    Purser (to bo's /purser runs, only bo sees this):
      ┃ Runs
      ┃ ✓ **migrate** succeeded · ann <t:TIME:R> · `RUN`
      ┃ 1 step done
    Purser (to bo's /purser show, only bo sees this):
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
    Purser (to bo's /purser lock, only bo sees this):
      `shop` is bo's until <t:TIME:t> (<t:TIME:R>): the disk is being changed
    Purser (to bo's /purser locks, only bo sees this):
      ┃ Held
      ┃ `shop` is bo's until <t:TIME:t> (<t:TIME:R>): the disk is being changed
    Purser (to bo's /purser unlock, only bo sees this):
      `shop` is free again.
    Purser (to bo's /purser show, only bo sees this):
      ✗ there is no run `RUN`: see `/purser runs`
    Purser (to bo's /purser help, only bo sees this):
      ┃ What you can say here
      ┃ `/migrate` Migrate the database
      ┃ `/purser runs` The latest runs
      ┃ `/purser show` One run as it is now, with what can be done to it
      ┃ `/purser locks` What is locked or frozen
      ┃ `/purser lock` Keep a system or a service to yourself for four hours
      ┃ `/purser unlock` Release a lock
      ┃ `/purser help` What you can say here, or what is in a group
      ┃ `/purser link` Become somebody whom Purser knows
    ");
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
    let typed = "/migrate lines:@everyone **x** [a](http://b) \u{202e}evil\u{200b} `c`";
    talk.asks(talk.ann, typed).await;
    insta::assert_snapshot!(talk.sees("succeeded").await, @r#"
    #ops
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ migrate · @(zero width)everyone \*\*x\*\* \[a\](http://b) �evil� \`c\`
      ┃ ✓ **succeeded** after N s · asked by ann <t:TIME:R>
      ┃ lines `@(zero width)everyone **x** [a](http://b) �evil� ˋcˋ` · seconds `0` · exit `0`
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
    "#);
    assert_eq!(talk.discord.pings().len(), 0);
}

#[tokio::test]
async fn a_client_whose_list_is_old_is_told_what_there_is() {
    let talk = Talk::of_job("", "message").await;
    let text = |name: &str, value: &str| json!({ "type": 3, "name": name, "value": value });
    let mut told = vec![];
    for (name, options) in [
        ("migrate", json!([text("line", "2")])),
        ("migrat", json!([])),
        (
            "purser",
            json!([{ "type": 1, "name": "rnus", "options": [] }]),
        ),
        (
            "migrate",
            json!([{ "type": 11, "name": "lines", "value": "1" }]),
        ),
    ] {
        let data = json!({ "id": "1", "name": name, "type": 1, "options": options });
        let sent = talk
            .discord
            .sends_command(talk.ann, talk.ops, &data)
            .unwrap();
        told.push(talk.reply(&sent).await);
    }
    insta::assert_snapshot!(told.join("\n"), @"
    Purser (to ann's /migrate, only ann sees this):
      ✗ migrate: unknown input `line`; did you mean `lines`?
    Purser (to ann's /migrat, only ann sees this):
      ✗ unknown command `migrat`; did you mean `migrate`?
    Purser (to ann's /purser rnus, only ann sees this):
      ✗ unknown command `rnus`; did you mean `runs`?
    Purser (to ann's /migrate, only ann sees this):
      ✗ the option `lines` is of a kind that no command takes: Attachment
    ");
}

#[tokio::test]
async fn what_discord_tells_in_a_way_that_nobody_knows_is_in_the_log_and_harms_nothing() {
    let mut talk = Talk::of_job("", "message").await;
    for unknown in [
        json!({ "id": "7", "type": 99, "token": "x" }),
        json!("no object"),
    ] {
        talk.discord.tell("INTERACTION_CREATE", &unknown);
    }
    let told = "Discord told something that Purser does not understand";
    talk.story.home.says(told).await;
    talk.says(talk.ann, "/migrate lines:1");
    talk.sees("succeeded").await;
}

#[tokio::test]
async fn who_does_too_much_at_once_waits_and_nobody_else_does() {
    let talk = Talk::of_job("", "message").await;
    let all: Vec<_> = (0..25)
        .map(|_| talk.says(talk.cy, "/purser help"))
        .collect();
    let mut refused = 0;
    for one in &all {
        let told = talk.reply(one).await;
        refused += usize::from(told.contains("✗ That was too much at once: try again in"));
    }
    assert!((1..=5).contains(&refused), "{refused} of {}", all.len());
    let asked = talk.says(talk.ann, "/purser runs");
    insta::assert_snapshot!(talk.reply(&asked).await, @"
    Purser (to ann's /purser runs, only ann sees this):
      ┃ Runs
      ┃ No runs yet.
    ");
}

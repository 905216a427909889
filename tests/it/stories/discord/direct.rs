//! Direct messages with the bot: refused, unless the configuration allows them.

use fake_discord::{Acted, UserId};
use serde_json::{Value, json};

use super::Talk;
use super::clicks::FOUR_EYES;

impl Talk {
    /// The same team, whose Purser answers direct messages.
    async fn in_direct_messages(more: &str, reply: &str) -> Self {
        let mut talk = Self::new().await;
        talk.job(more, reply);
        talk.allows_direct_messages(true);
        talk.up().await;
        talk.has_direct_commands().await;
        talk
    }

    fn allows_direct_messages(&self, are_allowed: bool) {
        let home = &self.story.home;
        let config = std::fs::read_to_string(home.path("purser.toml")).unwrap();
        let setting = "direct_messages = true\n";
        let config = if are_allowed {
            config.replace("[discord]\n", &format!("[discord]\n{setting}"))
        } else {
            config.replace(setting, "")
        };
        home.write("purser.toml", &config);
    }

    async fn has_direct_commands(&self) {
        let there = self.discord.until("commands for direct messages", |view| {
            (!view.direct_commands().is_empty()).then_some(())
        });
        self.well(there.await);
    }

    /// Somebody gives a command to the bot alone.
    fn whispers(&self, who: UserId, line: &str) -> Acted {
        self.discord
            .says(who, self.discord.direct(who), line)
            .unwrap()
    }

    /// The same as a client sends it whose list of commands is old: what they read.
    async fn whispers_of_old(&self, who: UserId, name: &str, options: &Value) -> String {
        let data = json!({ "id": "1", "name": name, "type": 1, "options": options });
        let direct = self.discord.direct(who);
        let sent = self.discord.sends_command(who, direct, &data).unwrap();
        self.reply(&sent).await
    }

    /// How often the commands of no server were put there, and asked for.
    fn puts_and_gets(&self) -> (usize, usize) {
        let path = format!("/applications/{}/commands", self.discord.application_id());
        let requests = self.discord.requests();
        let count = |method: &str| {
            let ours = requests.iter().filter(|one| one.path == path);
            ours.filter(|one| one.method == method).count()
        };
        (count("PUT"), count("GET"))
    }
}

#[tokio::test]
async fn direct_messages_are_refused_if_nothing_else_is_said() {
    let talk = Talk::of_job("", "message").await;
    let direct = talk.discord.direct(talk.ann);
    assert!(talk.discord.says(talk.ann, direct, "/migrate").is_err());
    let told = talk.whispers_of_old(talk.ann, "migrate", &json!([])).await;
    insta::assert_snapshot!(told, @"
    Purser (to ann's /migrate, only ann sees this):
      Purser does not answer direct messages: say it in a channel of your team's server.
    ");
    assert_eq!(talk.story.home.asks(&["runs", "list"]).await, json!([]));
    assert_eq!(
        talk.puts_and_gets(),
        (0, 1),
        "it is looked, and nothing is put"
    );
}

#[tokio::test]
async fn where_they_are_allowed_a_run_is_shown_in_the_answer_and_its_buttons_work() {
    let talk = Talk::in_direct_messages("", "thread").await;
    let asked = talk.whispers(talk.ann, "/migrate lines:1 exit:3");
    let seen = talk.well(asked.sees("failed").await);
    insta::assert_snapshot!(talk.plain(&seen), @"
    Purser (to ann's /migrate, only ann sees this):
      ┃ migrate
      ┃ ✗ **failed** after N s · asked by ann <t:TIME:R>
      ┃ lines `1` · seconds `0` · exit `3`
      ┃ 
      ┃ ✗ **migrate** the job purser-migrate-HEX on `shop` ended with exit code 3 after N s; its last lines: line 1
      ┃ 
      ┃ Left as it is: `migrate`: what the job did before it was removed stays.
      ┃ — run RUN
      [Rerun] [Log: migrate]
    ");
    let message = talk.well(asked.message().await);
    let again = talk.discord.clicks(talk.ann, message, "Rerun").unwrap();
    let seen = talk.well(again.sees("failed").await);
    assert!(seen.contains("[Rerun]"), "{seen}");
    let log = talk
        .discord
        .clicks(talk.ann, message, "Log: migrate")
        .unwrap();
    assert!(talk.reply(&log).await.contains("line 1"));
    insta::assert_snapshot!(talk.plain(&talk.discord.channel_as(talk.ann, talk.ops)), @"
    #ops
    ");
}

#[tokio::test]
async fn a_run_that_asks_is_answered_there_too() {
    let talk = Talk::in_direct_messages(FOUR_EYES, "message").await;
    let asked = talk.whispers(talk.ann, "/migrate seconds:60");
    talk.well(asked.sees("waits for approval").await);
    let run = talk.story.last_run().await;
    let shown = talk.whispers(talk.bo, &format!("/purser show run:{run}"));
    talk.well(shown.sees("Approve").await);
    let message = talk.well(shown.message().await);
    talk.discord.clicks(talk.bo, message, "Approve").unwrap();
    talk.well(asked.sees("running").await);
    let message = talk.well(asked.message().await);
    let window = talk.discord.clicks(talk.ann, message, "Cancel").unwrap();
    talk.well(window.modal().await);
    talk.discord.submits(talk.ann, &window, &[]).unwrap();
    talk.well(asked.sees("cancelled").await);
    talk.well(shown.sees("cancelled").await);
}

#[tokio::test]
async fn what_roles_of_a_server_stand_for_does_not_count_there() {
    let mut talk = Talk::new().await;
    talk.job("", "message");
    talk.allows_direct_messages(true);
    let operators = talk.discord.role(talk.guild, "operators");
    talk.discord.set_roles(talk.guild, talk.cy, &[operators]);
    talk.story
        .home
        .configure(&format!("[discord.roles]\n'{operators}' = ['operator']"));
    talk.up().await;
    talk.has_direct_commands().await;
    let refused = talk.whispers(talk.cy, "/migrate");
    insta::assert_snapshot!(talk.reply(&refused).await, @r"
    Purser (to cy's /migrate, only cy sees this):
      ✗ cy may not run `migrate` in production: that takes the role operator. Ask someone who has it, or have it added to \[people.cy\]
    ");
    talk.says(talk.cy, "/migrate lines:1");
    talk.sees("succeeded").await;
}

#[tokio::test]
async fn a_stranger_may_do_nothing_there_and_a_code_does_not_do() {
    let talk = Talk::in_direct_messages("", "message").await;
    let refused = talk.whispers(talk.dee, "/purser runs");
    insta::assert_snapshot!(talk.reply(&refused).await, @r#"
    Purser (to dee's /purser runs, only dee sees this):
      ✗ Purser does not know who you are: type `purser link` in a terminal where it knows you, and do what that says; or ask whoever runs it to add `discord = "ID"` and `roles` to a `[people.NAME]` of its configuration
    "#);
    let linked = talk.discord.says(
        talk.dee,
        talk.discord.direct(talk.dee),
        "/purser link code:x",
    );
    assert!(linked.is_err(), "it is not offered there");
    let made = talk.story.home.asks(&["link"]).await;
    let code = json!({ "type": 3, "name": "code", "value": made["code"] });
    let link = json!([{ "type": 1, "name": "link", "options": [code] }]);
    let told = talk.whispers_of_old(talk.dee, "purser", &link).await;
    insta::assert_snapshot!(told, @"
    Purser (to dee's /purser link, only dee sees this):
      ✗ a code is typed in a channel of your team's server; nothing was changed
    ");
    let refused = talk.whispers(talk.dee, "/purser runs");
    assert!(
        talk.reply(&refused)
            .await
            .contains("Purser does not know who you are")
    );
}

#[tokio::test]
async fn the_commands_for_them_come_and_go_with_the_setting_and_are_not_touched_needlessly() {
    let mut talk = Talk::in_direct_messages("", "message").await;
    let commands = talk.discord.direct_commands();
    let named: Vec<_> = commands
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(named, ["migrate", "purser"]);
    for command in &commands {
        assert_eq!(command["contexts"], json!([1]));
        assert_eq!(command["integration_types"], json!([0]));
    }
    assert_eq!(talk.puts_and_gets(), (1, 0));
    talk.story.home.stop().await;
    talk.up().await;
    assert_eq!(talk.puts_and_gets(), (1, 0), "they are the same");

    talk.story.home.stop().await;
    talk.allows_direct_messages(false);
    insta::assert_snapshot!(talk.plain(&talk.story.sees("discord check").await), @"
    ! discord direct messages: they are not answered, and there are commands for them: `/migrate`, `/purser`
        next: start Purser, which takes them away: `purser up`; or set `direct_messages = true` in [discord]
    ✓ discord people: known there: ann, bo, cy
    ✓ discord token: Discord knows it
    ✓ discord application: Purser, with the id ID
    ✓ discord server shop: the bot is in it, with the permissions that it needs
    ✓ discord server shop: 2 commands in it, as they are here
    all works; 1 warning
    exit code 0
    ");
    talk.story.home.up().await;
    let gone = talk
        .discord
        .until("no commands for direct messages", |view| {
            view.direct_commands().is_empty().then_some(())
        });
    talk.well(gone.await);
    assert_eq!(talk.puts_and_gets(), (2, 2), "the check has looked too");
    talk.story.home.stop().await;
    talk.up().await;
    talk.whispers_of_old(talk.ann, "migrate", &json!([])).await;
    assert_eq!(talk.puts_and_gets().0, 2);
}

#[tokio::test]
async fn the_check_says_which_commands_are_missing_there() {
    let mut talk = Talk::new().await;
    talk.job("", "message");
    talk.allows_direct_messages(true);
    let told = async |talk: &Talk| {
        let told = talk.plain(&talk.story.sees("discord check").await);
        let about = told.lines().find(|line| line.contains("direct messages"));
        about.unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(told(&talk).await, @"! discord direct messages: their commands are not those that are here (missing: `/migrate`, `/purser`)");
    talk.up().await;
    talk.has_direct_commands().await;
    insta::assert_snapshot!(told(&talk).await, @"✓ discord direct messages: 2 commands in them, as they are here");
}

//! What somebody does who brings Purser into Discord: lets the bot in, and asks what is still missing.

use fake_discord::Permissions;

use super::Talk;
use crate::stories::Story;

impl Talk {
    /// What stands on the terminal.
    async fn terminal(&self, line: &str) -> String {
        let api = self.discord.api();
        let shown = self.plain(&self.story.sees(line).await);
        shown.replace(api, "http://DISCORD")
    }

    /// What `purser discord check` finds wrong or not as it was meant, with its last line.
    async fn lacks(&self) -> String {
        let told = self.terminal("discord check").await;
        let is_well = |line: &&str| line.starts_with('✓');
        let lines: Vec<_> = told.lines().filter(|line| !is_well(line)).collect();
        lines.join("\n")
    }
}

#[tokio::test]
async fn the_bot_is_let_in_by_a_link_that_asks_for_the_least() {
    let talk = Talk::new().await;
    insta::assert_snapshot!(talk.terminal("discord invite").await, @"
    Whoever may manage a Discord server lets Purser into it on this page:
    https://discord.com/oauth2/authorize?client_id=ID&permissions=HEX&scope=bot%20applications.commands&guild_id=ID
    It asks for: View Channel, Send Messages, Create Public Threads, Send Messages in Threads, Embed Links, Attach Files, Read Message History.
    Then: `purser discord check`
    exit code 0
    ");
    let said = talk
        .story
        .home
        .types(&["discord", "invite", "--json"])
        .await;
    let url = said.json()["url"].as_str().unwrap().to_owned();
    let application = talk.discord.application_id();
    assert!(url.contains(&format!("client_id={application}&")), "{url}");
    assert!(url.ends_with(&format!("&guild_id={}", talk.guild)), "{url}");
}

#[tokio::test]
async fn before_the_first_start_only_the_commands_are_missing_and_then_nothing() {
    let mut talk = Talk::new().await;
    talk.job("", "message");
    insta::assert_snapshot!(talk.terminal("discord check").await, @"
    ! discord server shop: its commands are not those that are here (missing: `/migrate`, `/purser`)
        next: start Purser, which publishes them: `purser up`; if it is up, its log says why it has not
    ✓ discord people: known there: ann, bo, cy
    ✓ discord token: Discord knows it
    ✓ discord application: Purser, with the id ID
    ✓ discord server shop: the bot is in it, with the permissions that it needs
    all works; 1 warning
    exit code 0
    ");
    talk.up().await;
    insta::assert_snapshot!(talk.terminal("discord check").await, @"
    ✓ discord people: known there: ann, bo, cy
    ✓ discord token: Discord knows it
    ✓ discord application: Purser, with the id ID
    ✓ discord server shop: the bot is in it, with the permissions that it needs
    ✓ discord server shop: 2 commands in it, as they are here
    all is well
    exit code 0
    ");
    let doctor = talk.terminal("doctor").await;
    let of_discord = doctor.lines().filter(|line| line.contains(" discord "));
    insta::assert_snapshot!(of_discord.collect::<Vec<_>>().join("\n"), @"
    ✓ discord people: known there: ann, bo, cy
    ✓ discord token: Discord knows it
    ✓ discord application: Purser, with the id ID
    ✓ discord server shop: the bot is in it, with the permissions that it needs
    ✓ discord server shop: 2 commands in it, as they are here
    ");
}

#[tokio::test]
async fn the_doctor_says_that_discord_does_not_answer() {
    let talk = Talk::new().await;
    talk.discord.fail("* /**", 503, u32::MAX);
    let doctor = talk.terminal("doctor").await;
    let of_discord = doctor
        .lines()
        .skip_while(|line| !line.contains(" discord "))
        .take(2);
    insta::assert_snapshot!(of_discord.collect::<Vec<_>>().join("\n"), @"
    ✗ discord token: whether Discord knows it cannot be said: Discord gave no clear answer: it answered 503 Service Unavailable
        next: see that this machine reaches Discord, and that `api` in [discord] is right where it is set
    ");
}

#[tokio::test]
async fn a_server_that_the_bot_was_never_let_into_comes_with_the_link() {
    let talk = Talk::new().await;
    talk.discord.put_out(talk.guild);
    insta::assert_snapshot!(talk.lacks().await, @"
    ✗ discord server ID: the bot is not in it
        next: see that the id in `guilds` of [discord] is right; then somebody who may manage that server opens https://discord.com/oauth2/authorize?client_id=ID&permissions=HEX&scope=bot%20applications.commands&guild_id=ID
    1 problem, 0 warnings
    exit code 1
    ");
}

#[tokio::test]
async fn permissions_that_were_taken_away_are_named_as_discord_names_them() {
    let talk = Talk::new().await;
    let everything = Permissions(u64::MAX);
    let without = everything & !(Permissions::EMBED_LINKS | Permissions::ADMINISTRATOR);
    let role = talk.discord.bots_role(talk.guild).unwrap();
    talk.discord.permit(talk.guild, role, without);
    let see = Permissions::VIEW_CHANNEL;
    talk.discord.permit(talk.guild, talk.guild.everyone(), see);
    insta::assert_snapshot!(talk.lacks().await, @"
    ✗ discord server shop: the bot is in it without Embed Links
        next: give its role these permissions in Server Settings, Roles, or let it in anew: https://discord.com/oauth2/authorize?client_id=ID&permissions=HEX&scope=bot%20applications.commands&guild_id=ID
    ! discord server shop: its commands are not those that are here (missing: `/purser`)
        next: start Purser, which publishes them: `purser up`; if it is up, its log says why it has not
    1 problem, 1 warning
    exit code 1
    ");
}

#[tokio::test]
async fn roles_that_no_server_has_are_found() {
    let talk = Talk::new().await;
    let operators = talk.discord.role(talk.guild, "operators");
    talk.story.home.configure(&format!(
        "[discord.roles]\n'{operators}' = ['operator']\n'123456789012345678' = ['operator']"
    ));
    insta::assert_snapshot!(talk.lacks().await, @"
    ✗ discord role ID: no server of `guilds` has it
        next: copy the id anew: Server Settings, Roles, with Discord's developer mode on; then correct [discord.roles]
    ! discord server shop: its commands are not those that are here (missing: `/purser`)
        next: start Purser, which publishes them: `purser up`; if it is up, its log says why it has not
    1 problem, 1 warning
    exit code 1
    ");
}

#[tokio::test]
async fn a_token_that_was_taken_away_is_said_with_how_to_make_a_new_one() {
    let talk = Talk::new().await;
    talk.discord.revoke_token();
    insta::assert_snapshot!(talk.lacks().await, @"
    ✗ discord token: Discord does not know it
        next: make a new one: in Discord's developer portal, the application, Bot, Reset Token; put it into HOME/discord-token; if Purser is up, start it again
    1 problem, 0 warnings
    exit code 1
    ");
    insta::assert_snapshot!(talk.terminal("discord invite").await, @"
    purser: Discord does not know the bot's token (401): make a new one in the developer portal, put it where `[discord]` has it, and start Purser again
    exit code 1
    ");
}

#[tokio::test]
async fn a_discord_that_cannot_be_reached_is_no_bad_token() {
    let talk = Talk::new().await;
    talk.discord.fail("GET /applications/@me", 503, 1);
    insta::assert_snapshot!(talk.lacks().await, @"
    ✗ discord token: whether Discord knows it cannot be said: Discord gave no clear answer: it answered 503 Service Unavailable
        next: see that this machine reaches Discord, and that `api` in [discord] is right where it is set
    1 problem, 0 warnings
    exit code 1
    ");
}

#[tokio::test]
async fn commands_with_mistakes_in_them_hold_up_nothing_else() {
    let talk = Talk::new().await;
    talk.story
        .home
        .write("commands/broken.yaml", "name: broken\n");
    insta::assert_snapshot!(talk.lacks().await, @"
    ✗ config HOME/purser.toml: which commands there are is not known: 2 problems in workflows and commands
        next: run `purser lint`, which says all of them
    1 problem, 0 warnings
    exit code 1
    ");
}

#[tokio::test]
async fn without_discord_in_the_configuration_there_is_nothing_to_check() {
    let story = Story::of_docker();
    insta::assert_snapshot!(story.sees("discord check").await, @"
    purser: HOME/purser.toml has no [discord]: write one with `token_file` and `guilds`
    exit code 2
    ");
}

#[tokio::test]
async fn programs_get_a_list_of_what_is_missing() {
    let talk = Talk::new().await;
    talk.discord.put_out(talk.guild);
    let said = talk.story.home.types(&["discord", "check", "--json"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let first = &said.json()[0];
    assert_eq!(first["check"], "discord");
    assert_eq!(first["about"], format!("server {}", talk.guild));
    assert_eq!(first["state"], "problem");
}

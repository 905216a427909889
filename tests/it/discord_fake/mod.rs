//! The local Discord, held against discord.js: what a client of others takes it for, it is.

mod faults;
mod over_http;
mod page;

use bytes::Bytes;
use fake_discord::{Application, ChannelId, Discord, Given, GuildId, UserId};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::discord_js::{Script, read};

/// A guild with a bot on discord.js, somebody who reads on discord.js, and two people.
struct Scene {
    discord: Discord,
    bot: Script,
    reader: Application,
    shop: GuildId,
    ops: ChannelId,
    ann: UserId,
    bob: UserId,
}

impl Scene {
    async fn set() -> Self {
        let discord = Discord::start().await.unwrap();
        let reader = discord.application("Reader");
        let shop = discord.guild("shop");
        let ops = discord.channel(shop, "ops");
        let operators = discord.role(shop, "operators");
        let ann = discord.member(shop, "ann", &[operators]);
        let bob = discord.member(shop, "bob", &[]);
        let mut bot = Script::start("bot.mjs", &[discord.api(), discord.token()]);
        let ready = bot.event("ready").await;
        assert_eq!(ready["user"], "Purser");
        let guild = json!({ "name": "shop", "owner": false, "embeds": true, "manages": false });
        assert_eq!(ready["guilds"], json!([guild]));
        Self {
            discord,
            bot,
            reader,
            shop,
            ops,
            ann,
            bob,
        }
    }
}

#[tokio::test]
async fn commands_are_registered_and_offer_what_is_typed() {
    let scene = Scene::set().await;
    let commands = scene.discord.commands(scene.shop);
    let names: Vec<&str> = commands
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["deploy", "ask", "thread", "slow", "show", "db"]);
    let typed = scene
        .discord
        .types(scene.ann, scene.ops, "/deploy service:shop/", "service")
        .unwrap();
    let offered = typed.choices().await.unwrap();
    assert_eq!(
        offered,
        [
            ("shop/web".into(), json!("shop/web")),
            ("shop/worker".into(), json!("shop/worker"))
        ]
    );
}

#[tokio::test]
async fn a_deferred_reply_becomes_an_embed_that_all_see() {
    let scene = Scene::set().await;
    let deploy = scene
        .discord
        .says(scene.ann, scene.ops, "/deploy service:shop/web")
        .unwrap();
    assert_snapshot!(deploy.reply().await.unwrap(), @"
    Purser (to ann's /deploy):
      ┃ Deploy shop/web
      ┃ Done
      ┃ Version: v2
      ┃ — run 1
    ");
    assert_snapshot!(read(&scene.discord, &scene.reader, scene.ops).await, @r##"{"in":"ops","author":"Purser","embeds":[{"title":"Deploy shop/web","description":"Done","color":"#57f287","fields":["Version: v2"],"footer":"run 1"}]}"##);
}

#[tokio::test]
async fn buttons_selects_and_forms_are_answered() {
    let Scene {
        discord,
        ops,
        ann,
        bob,
        bot: _bot,
        ..
    } = Scene::set().await;
    let asked = discord.says(ann, ops, "/ask").unwrap();
    assert_snapshot!(asked.reply().await.unwrap(), @"
    Purser (to ann's /ask):
      Go on?
      [Approve] [Reject] [Undo, disabled]
      {Version: v1 | v2}
    ");
    let message = asked.message().await.unwrap();
    let undo = discord.clicks(ann, message, "Undo").err().unwrap();
    assert_snapshot!(undo, @r#"the button "Undo" is disabled"#);

    let form = discord.clicks(bob, message, "Reject").unwrap();
    assert_snapshot!(form.reply().await.unwrap(), @"
    form Reject
      Why?:
    ");
    let rejected = discord
        .submits(bob, &form, &[("Why?", "not on a Friday")])
        .unwrap();
    rejected.sees("Rejected: not on a Friday").await.unwrap();
    assert!(
        !discord.channel_as(ann, ops).contains("Friday"),
        "it is only for bob"
    );

    discord
        .selects(ann, message, "Version", &["v2"])
        .unwrap()
        .acknowledged()
        .await
        .unwrap();
    discord.sees(bob, ops, "Chosen: v2").await.unwrap();
    let again = discord
        .says(ann, ops, "/ask")
        .unwrap()
        .message()
        .await
        .unwrap();
    discord
        .clicks(bob, again, "approve")
        .unwrap()
        .acknowledged()
        .await
        .unwrap();
    assert_snapshot!(discord.sees(ann, ops, "Approved").await.unwrap(), @"
    #ops
    Purser (to ann's /ask, edited):
      Chosen: v2
    Purser (to ann's /ask, edited):
      Approved by @bob
    ");
}

#[tokio::test]
async fn a_thread_hangs_at_its_message_and_is_read_back() {
    let scene = Scene::set().await;
    let (discord, ann, ops) = (&scene.discord, scene.ann, scene.ops);
    let told = discord.says(ann, ops, "/thread").unwrap();
    told.sees("See the thread (another one: 160004)")
        .await
        .unwrap();
    assert_snapshot!(discord.channel_as(scene.bob, ops), @"
    #ops
    Purser:
      Deploying
      └ thread steps (archived)
        Purser:
          Step 1
          file deploy.log (text/plain; charset=utf-8)
        Purser (edited):
          Step 2, done
    ");
    assert_snapshot!(read(discord, &scene.reader, ops).await, @r#"
    {"in":"ops","author":"Purser","content":"Deploying"}
    {"thread":"steps","archived":true}
    {"in":"steps","author":"Purser","content":"Step 1","files":["deploy.log (text/plain; charset=utf-8, 12 bytes)"]}
    {"in":"steps","author":"Purser","content":"Step 2, done","edited":true}
    "#);
    assert_eq!(discord.pings(), [], "allowed mentions were empty");
}

#[tokio::test]
async fn between_a_person_and_the_bot_there_is_a_user_and_no_guild() {
    let Scene {
        discord,
        ann,
        bot: _bot,
        ..
    } = Scene::set().await;
    let direct = discord.direct(ann);
    let asked = discord.says(ann, direct, "/whoami").unwrap();
    assert_snapshot!(asked.reply().await.unwrap(), @r#"
    Purser (to ann's /whoami, only ann sees this):
      ann, no member: {"context":"BotDM","channel":"DM","guild":false}
      [Again]
    "#);
    let message = asked.message().await.unwrap();
    let click = discord.clicks(ann, message, "Again").unwrap();
    click.acknowledged().await.unwrap();
    assert_snapshot!(discord.sees(ann, direct, "again, ").await.unwrap(), @"
    @Purser
    Purser (to ann's /whoami, only ann sees this, edited):
      again, ann
    ");
}

#[tokio::test]
async fn people_files_and_numbers_arrive_as_they_were_given() {
    let Scene {
        discord,
        ops,
        ann,
        bot: _bot,
        ..
    } = Scene::set().await;
    let file = Given::File {
        name: "note.txt".into(),
        content_type: "text/plain".into(),
        bytes: Bytes::from_static(b"be quick"),
    };
    let shown = discord
        .says_with(ann, ops, "/show who:@ann", &[("file", file)])
        .unwrap();
    shown
        .sees("@ann (2 roles) gave note.txt: be quick")
        .await
        .unwrap();
    let backup = discord.says(ann, ops, "/db backup keep:7").unwrap();
    backup.sees("backup, kept for 7 days").await.unwrap();
    assert_snapshot!(backup.sees("private").await.unwrap(), @"
    Purser (to ann's /db backup):
      backup, kept for 7 days
    Purser (to ann's /db backup, only ann sees this):
      and this is private
    ");
    let wrong = discord
        .says(ann, ops, "/db backup keep:long")
        .err()
        .unwrap();
    assert_snapshot!(wrong, @r#"the option keep: "long" is not a whole number"#);
}

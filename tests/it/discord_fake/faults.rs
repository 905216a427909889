//! What goes wrong, and how discord.js takes it: as it takes it from Discord.

use std::time::{Duration, Instant};

use fake_discord::{Discord, Permissions};
use serde_json::json;

use super::Scene;
use crate::support::discord_js::Script;

#[tokio::test]
async fn after_a_cut_the_session_resumes_and_has_missed_nothing() {
    let mut scene = Scene::set().await;
    scene.discord.refuse_gateway(true);
    scene.discord.cut_gateway();
    scene
        .discord
        .until("the cut", |view| (view.sessions() == 0).then_some(()))
        .await
        .unwrap();
    let missed = scene
        .discord
        .says(scene.ann, scene.ops, "/deploy service:shop/web")
        .unwrap();
    scene.discord.refuse_gateway(false);
    missed.sees("Deploy shop/web").await.unwrap();
    scene.bot.event("resumed").await;
    assert_eq!(
        scene
            .discord
            .look(|view| (view.identified(), view.resumed())),
        (1, 1)
    );
}

#[tokio::test]
async fn who_is_asked_to_reconnect_resumes_and_who_is_forgotten_identifies() {
    let mut scene = Scene::set().await;
    scene.discord.ask_reconnect();
    scene.bot.event("resumed").await;
    assert_eq!(
        scene
            .discord
            .look(|view| (view.identified(), view.resumed())),
        (1, 1)
    );
    scene.discord.drop_session();
    scene.bot.event("ready again").await;
    assert_eq!(
        scene
            .discord
            .look(|view| (view.identified(), view.resumed())),
        (2, 1)
    );
}

#[tokio::test]
async fn a_connection_without_acknowledgements_is_given_up_and_resumed() {
    let mut scene = Scene::set().await;
    scene.discord.set_heartbeat(Duration::from_millis(300));
    scene.discord.ask_reconnect();
    scene.bot.event("resumed").await;
    scene.discord.stop_acking(true);
    scene
        .discord
        .until("a zombie", |view| (view.sessions() == 0).then_some(()))
        .await
        .unwrap();
    scene.discord.stop_acking(false);
    scene.bot.event("resumed").await;
}

#[tokio::test]
async fn a_429_is_waited_for_and_nothing_is_lost() {
    let mut scene = Scene::set().await;
    scene
        .discord
        .limit("PATCH /webhooks/**", Duration::from_millis(200), 1, false);
    let deploy = scene
        .discord
        .says(scene.ann, scene.ops, "/deploy service:shop/web")
        .unwrap();
    assert_eq!(scene.bot.event("limited").await["method"], "PATCH");
    deploy.sees("Deploy shop/web").await.unwrap();
    let statuses: Vec<_> = scene
        .discord
        .requests()
        .into_iter()
        .filter(|one| one.method == "PATCH")
        .map(|one| one.status)
        .collect();
    assert_eq!(statuses, [Some(429), Some(200)]);
}

#[tokio::test]
async fn who_answers_too_late_is_told_so_and_so_is_the_person() {
    let mut scene = Scene::set().await;
    let slow = scene.discord.says(scene.ann, scene.ops, "/slow").unwrap();
    scene.bot.event("waiting").await;
    scene.discord.advance(Duration::from_secs(4));
    assert_eq!(
        slow.reply().await.unwrap(),
        "The application did not respond\n"
    );
    scene.bot.go_on().await;
    assert_eq!(scene.bot.event("failed").await["code"], 10062);
    assert_eq!(slow.answers()[0].refused, Some(10062));
}

#[tokio::test]
async fn a_right_that_is_missing_is_refused_and_given_back() {
    let mut scene = Scene::set().await;
    let (discord, ops, ann) = (&scene.discord, scene.ops, scene.ann);
    let bot = discord.application_id().bot();
    discord.take_permission(bot, ops, Permissions::CREATE_PUBLIC_THREADS);
    discord.says(ann, ops, "/thread").unwrap();
    assert_eq!(scene.bot.event("failed").await["code"], 50013);
    discord.give_permission(bot, ops, Permissions::CREATE_PUBLIC_THREADS);
    discord
        .says(ann, ops, "/thread")
        .unwrap()
        .sees("See the thread")
        .await
        .unwrap();
    discord.take_permission(ann, ops, Permissions::VIEW_CHANNEL);
    assert_eq!(
        discord.channel_as(ann, ops),
        "(ann does not see this channel)\n"
    );
    assert!(discord.says(ann, ops, "/thread").is_err());
}

#[tokio::test]
async fn a_revoked_token_opens_nothing() {
    let discord = Discord::start().await.unwrap();
    discord.revoke_token();
    let mut bot = Script::start("bot.mjs", &[discord.api(), discord.token()]);
    let refused = bot.event("refused").await;
    assert_eq!(refused["message"], "An invalid token was provided.");
}

#[tokio::test]
async fn intents_that_were_not_enabled_are_refused() {
    let discord = Discord::start().await.unwrap();
    let ops = discord.channel(discord.guild("shop"), "ops").to_string();
    let arguments = [discord.api(), discord.token(), &ops];
    let mut asks_for_content = Script::start("read.mjs", &arguments);
    let refused = asks_for_content.event("refused").await;
    assert_eq!(refused["message"], "Used disallowed intents");
}

#[tokio::test]
async fn what_a_client_does_not_know_does_not_disturb_it() {
    let scene = Scene::set().await;
    scene.discord.tell("SOMETHING_NEW", &json!({ "id": "1" }));
    let known = scene
        .discord
        .says(scene.ann, scene.ops, "/deploy service:shop/web")
        .unwrap();
    known.sees("Deploy shop/web").await.unwrap();
}

#[tokio::test]
async fn two_connections_of_one_token_both_hear_and_one_answer_is_taken() {
    let scene = Scene::set().await;
    let (discord, ops, ann) = (&scene.discord, scene.ops, scene.ann);
    let mut second = Script::start("bot.mjs", &[discord.api(), discord.token()]);
    second.event("ready").await;
    let deploy = discord.says(ann, ops, "/deploy service:shop/web").unwrap();
    deploy.sees("Deploy shop/web").await.unwrap();
    let answers = discord
        .until("two answers", |_| {
            Some(deploy.answers()).filter(|answers| answers.len() == 2)
        })
        .await
        .unwrap();
    let refused: Vec<_> = answers.iter().map(|answer| answer.refused).collect();
    assert_eq!(refused, [None, Some(40060)]);
    assert_ne!(answers[0].session, answers[1].session);
}

#[tokio::test]
async fn an_answer_that_is_lost_has_been_carried_out() {
    let mut scene = Scene::set().await;
    scene
        .discord
        .accept_then_cut("POST /channels/*/messages", 1);
    scene.discord.says(scene.ann, scene.ops, "/thread").unwrap();
    assert_eq!(scene.bot.event("failed").await["code"], "UND_ERR_SOCKET");
    let shown = scene.discord.channel_as(scene.bob, scene.ops);
    assert_eq!(shown, "#ops\nPurser:\n  Deploying\n");
}

#[tokio::test]
async fn a_request_that_fails_has_not_been_carried_out() {
    let mut scene = Scene::set().await;
    scene.discord.fail("POST /channels/*/messages", 503, 1);
    scene.discord.says(scene.ann, scene.ops, "/thread").unwrap();
    let failed = scene.bot.event("failed").await;
    assert_eq!(failed["status"], 503);
    assert_eq!(scene.discord.channel_as(scene.bob, scene.ops), "#ops\n");
}

#[tokio::test]
async fn what_is_delayed_comes_later() {
    let scene = Scene::set().await;
    let delay = Duration::from_millis(300);
    scene.discord.delay("PATCH /webhooks/**", delay);
    let begun = Instant::now();
    let deploy = scene
        .discord
        .says(scene.ann, scene.ops, "/deploy service:shop/web")
        .unwrap();
    deploy.sees("Deploy shop/web").await.unwrap();
    assert!(begun.elapsed() >= delay);
}

//! The button that undoes a run which has succeeded.

use super::Talk;
use super::conversation::{COMMAND, DEPLOY};
use crate::docker::shop::Shop;
use crate::docker::stage::V1;

/// A shop that serves v1, a team that looks after it, and a deploy of v2 that has succeeded.
async fn deployed() -> (Shop, Talk) {
    let mut talk = Talk::new().await;
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    talk.story.call(&shop.project, "SHOP");
    talk.story.home.workflow("deploy", DEPLOY);
    talk.story.home.write("commands/deploy.yaml", COMMAND);
    talk.up().await;
    let line = format!("/deploy service:{} version:v2", shop.web());
    talk.says(talk.ann, &line);
    talk.sees("[Undo]").await;
    (shop, talk)
}

#[tokio::test]
async fn a_deploy_is_undone_by_its_button_and_what_ran_before_runs_again() {
    let (shop, talk) = deployed().await;
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
    let window = talk.clicks(talk.bo, "Undo").await;
    window.modal().await.unwrap();
    let again = talk.clicks(talk.ann, "Undo").await;
    again.modal().await.unwrap();
    let sent = talk
        .discord
        .submits(talk.bo, &window, &[("reason", "slow")]);
    insta::assert_snapshot!(talk.reply(&sent.unwrap()).await, @"
    Purser (to bo, only bo sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    ");
    talk.channel_until("the second has ended, and the first says so", |channel| {
        let told = channel.contains("undone by run") && !channel.contains("[Undo]");
        told && channel.matches("**succeeded**").count() == 2
    })
    .await;
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.state(1), format!("{V1} running healthy"));
    insta::assert_snapshot!(talk.sees("undone by run").await, @"
    #ops
    Purser (to ann's /deploy, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ deploy · SHOP/web v2
      ┃ ✓ **succeeded** after N s · asked by ann <t:TIME:R>
      ┃ undone by run RUN
      ┃ 
      ┃ ✓ **deploy** done in N s
      ┃ 
      ┃ 1 step done
      ┃ Result:
      ┃ ```
      ┃ service: SHOP/web
      ┃ changed: true
      ┃ image: purser-test/web:v2
      ┃ image_id: sha256:HEX
      ┃ replaced_image: purser-test/web:v1
      ┃ replaced_image_id: sha256:HEX
      ┃ strategy: rolling
      ┃ proof: healthy
      ┃ proven_by: its own HEALTHCHECK
      ┃ gap_seconds: N
      ┃ containers:
      ┃     SHOP-web-1
      ┃ message: SHOP/web runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap
      ┃ ```
      ┃ — run RUN
    Purser:
      ┃ undo of deploy · SHOP/web v2
      ┃ ✓ **succeeded** after N s · asked by bo <t:TIME:R>
      ┃ undoes run RUN (slow)
      ┃ 
      ┃ ↶ **deploy** taken back
      ┃ ✓ **deploy/undo** done in N s
      ┃ 
      ┃ what run RUN had done is taken back: `deploy`
      ┃ Result:
      ┃ ```
      ┃ service: SHOP/web
      ┃ changed: true
      ┃ image: purser-test/web:v1
      ┃ image_id: sha256:HEX
      ┃ replaced_image: purser-test/web:v2
      ┃ replaced_image_id: sha256:HEX
      ┃ strategy: rolling
      ┃ proof: healthy
      ┃ proven_by: its own HEALTHCHECK
      ┃ gap_seconds: N
      ┃ containers:
      ┃     SHOP-web-1
      ┃ message: SHOP/web runs purser-test/web:v1 instead of purser-test/web:v2: healthy (its own HEALTHCHECK), without a gap
      ┃ ```
      ┃ — run RUN
    ");

    let late = talk.discord.submits(talk.ann, &again, &[]).unwrap();
    insta::assert_snapshot!(talk.reply(&late).await, @"
    Purser (to ann, only ann sees this):
      ✗ run RUN has taken back what run RUN did: start the workflow anew if it is wanted again; nothing was started
    ");
}

#[tokio::test]
async fn who_may_not_deploy_may_not_undo_either() {
    let (shop, talk) = deployed().await;
    let window = talk.clicks(talk.cy, "Undo").await;
    window.modal().await.unwrap();
    let sent = talk.discord.submits(talk.cy, &window, &[]).unwrap();
    insta::assert_snapshot!(talk.reply(&sent).await, @r"
    Purser (to cy, only cy sees this):
      ✗ cy may not run `deploy` in production: that takes the role operator. Ask someone who has it, or have it added to \[people.cy\]
    ");
    assert_eq!(shop.state(1), "purser-test/web:v2 running healthy");
}

//! A deploy that fails and cannot be taken back: what is said in the channel of those on call.

use std::fs;

use super::Talk;
use super::told::TOLD;
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, docker, eventually, inspect, names};
use crate::stories::deploys::DEPLOY;

#[tokio::test]
async fn a_deploy_that_cannot_be_taken_back_is_told_with_what_to_do_and_nothing_more_is_touched() {
    let data = tempfile::Builder::new()
        .prefix("purser-data-")
        .tempdir_in("/var/tmp")
        .unwrap();
    let mut talk = Talk::new().await;
    let shop = Shop::new();
    let mount = format!("type=bind,source={},target=/data", data.path().display());
    let old = shop.start(1, V1, &["--mount", &mount]).await;
    talk.story.call(&shop.project, "bookshop");
    talk.story
        .call(&data.path().display().to_string(), "/srv/data");
    talk.story
        .home
        .workflow("deploy", &format!("{TOLD}{DEPLOY}"));
    let oncall = talk.discord.role(talk.guild, "oncall");
    talk.discord.let_all_mention(talk.guild, oncall);
    talk.place("ops", talk.ops, &format!("mention = '<@&{oncall}>'"));
    talk.up().await;

    // A version that is sick; and what the old one needs is gone before it is to start again.
    let deploy = format!("deploy -i service={} -i version=v3", shop.web());
    let run = talk.story.starts(&deploy).await;
    eventually("the new one runs", || {
        let new = names(&format!("label=purser.run={run}"));
        new.iter()
            .any(|new| inspect(new, "{{.State.Running}}") == "true")
    })
    .await;
    fs::remove_dir(data.path()).unwrap();

    insta::assert_snapshot!(talk.sees("stuck").await, @r#"
    #ops
    Purser:
      @oncall `deploy` is stuck and needs a human on shop (run RUN, asked for by ann)
      Step `deploy` failed: bookshop-web-1 (purser-test/web:v3) on `shop`: its own HEALTHCHECK calls it unhealthy (`HTTP/1.1 503 Service Unavailable`); then taking back step `deploy` failed too: the container HEX was started, and `shop` answered: invalid mount config for type "bind": bind source path does not exist: /srv/data; to go back by hand: `docker start bookshop-web-1`. Left as it is: `deploy`: what it did was not taken back. A human is needed; Purser touches nothing more.
      To see what is left: `purser runs show RUN`
    "#);
    talk.all_is_told().await;
    let ended = talk.story.home.ends(&run).await;
    assert_eq!(ended["status"], "stuck", "{ended:#}");
    assert_eq!((shop.containers(), shop.id(1)), (vec![shop.name(1)], old));
    assert_eq!(inspect(&shop.name(1), "{{.State.Status}}"), "exited");
    let mut events = shop.events();

    // Purser is started anew, and does nothing about it.
    talk.story.home.stop().await;
    talk.up().await;
    assert_eq!(talk.story.home.ends(&run).await["status"], "stuck");
    shop.expect_silence(&mut events);

    // What was said to do does.
    fs::create_dir(data.path()).unwrap();
    docker(&["start", &shop.name(1)]);
    shop.is_healthy(1).await;
}

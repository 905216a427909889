//! What Purser itself stands on: a plan says so when a deploy would pull at it.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::ActionError;
use purser::action::ports::{OwnCopy, OwnOutlook, OwnState};
use serde_json::json;
use tokio::net::{TcpListener, UnixStream};

use super::shop::Shop;
use super::stage::{Step, V1, inspect, plain, shown};
use crate::support::proxy::docker_socket;

/// A store whose tables are on a server here.
struct Database(String, u16);

impl OwnState for Database {
    fn database(&self) -> Option<(String, u16)> {
        Some((self.0.clone(), self.1))
    }

    fn outlook(&self) -> BoxFuture<'_, Result<OwnOutlook, ActionError>> {
        async { Ok(OwnOutlook::default()) }.boxed()
    }

    fn copy<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<OwnCopy, ActionError>> {
        async { Err(ActionError::fatal("no plan copies the store")) }.boxed()
    }
}

/// The engine over TCP, as through a filter that runs in a container.
async fn engine_over_tcp() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut engine = UnixStream::connect(docker_socket()).await?;
                tokio::io::copy_bidirectional(&mut client, &mut engine).await
            });
        }
    });
    address
}

#[tokio::test]
async fn the_plan_says_when_it_is_purser_s_database_or_its_way_to_the_engine() {
    let shop = Shop::new();
    // In that network `localhost` is this container, as far as anybody can tell by names.
    shop.start(1, V1, &["--network-alias", "localhost"]).await;
    let (_, address) = shop.found(&shop.name(1));
    let inputs = json!({ "service": shop.web(), "version": "v2" });
    let step = Step::on(
        &engine_over_tcp().await,
        "docker.deploy_service",
        "",
        inputs,
    );
    step.keeps_its_own(Arc::new(Database(address, 5432)));
    let shown = shown(&step.plan().await.unwrap()).replace(&shop.project, "shop");
    let told: Vec<_> = shown
        .lines()
        .filter(|line| line.contains("stands on"))
        .collect();
    insta::assert_snapshot!(plain(&told.join("\n")), @"
    note: Purser itself stands on shop-HEX-web-1: its own database is there; while that is away Purser cannot go on, and it does so once it is back
    note: Purser itself stands on shop-HEX-web-1: it is the way to the engine `shop`; while that is away Purser cannot go on, and it does so once it is back
    ");
    assert_eq!(inspect(&shop.name(1), "{{.State.Running}}"), "true");
}

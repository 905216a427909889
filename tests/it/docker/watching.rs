//! What changes on an engine is heard through the filter before its socket.

use std::time::Duration;

use futures_util::StreamExt as _;
use purser::docker_proxy::Allowances;
use purser::domain::change::{Act, Change};
use purser::domain::time::Timestamp;

use super::shop::Shop;
use super::stage::{PATIENCE, V1, docker, systems};
use crate::support::proxy::Proxy;

fn now() -> Timestamp {
    Timestamp::from_micros(chrono::Utc::now().timestamp_micros())
}

#[tokio::test]
async fn what_changes_is_heard_as_it_happens_and_again_when_it_is_asked_for() {
    let proxy = Proxy::new(Allowances::default());
    let systems = systems(&format!("host = '{}'", proxy.host())).unwrap();
    let watches = systems.get("shop").unwrap().ports.watches.clone().unwrap();
    let shop = Shop::new();
    let begun = now();
    assert!(watches.remembers(now()).await.unwrap().unwrap() <= now());
    let until = begun.plus(PATIENCE);
    let network = shop.network();
    let by_hand = async {
        shop.start(1, V1, &["--no-healthcheck"]).await;
        docker(&["network", "disconnect", &network, &shop.name(1)]);
        docker(&["stop", "--time", "0", &shop.name(1)]);
    };
    let heard = async {
        let mut changes = watches.changes(begun, until);
        let mut heard: Vec<Change> = vec![];
        while heard.last().is_none_or(|last| last.act != Act::Stopped) {
            let change = changes.next().await.expect("it is not over").unwrap();
            if change.item.service.as_deref() == Some(&shop.web()) {
                heard.push(change);
            }
        }
        heard
    };
    let (heard, ()) = tokio::join!(heard, by_hand);
    let acts: Vec<_> = heard.iter().map(|change| &change.act).collect();
    let join = Act::Joined {
        network: network.clone(),
    };
    assert_eq!(acts[..3], [&Act::Created, &join, &Act::Started]);
    assert!(acts.contains(&&Act::Left { network }), "{acts:?}");
    assert!(
        acts.iter().any(|act| matches!(act, Act::Ended { .. })),
        "{acts:?}"
    );
    assert!(heard.iter().all(|change| change.item.name == shop.name(1)));
    let images = heard
        .iter()
        .filter_map(|change| change.item.image.as_deref());
    assert!(images.into_iter().all(|image| image == V1), "{heard:?}");

    // On a busy engine its oldest events may be forgotten by now.
    let again = watches.changes(begun, now());
    let again: Vec<Change> = again.map(Result::unwrap).collect().await;
    let last = heard.last().unwrap();
    let same = again.iter().find(|change| change.key == last.key);
    assert_eq!(same, Some(last));
    let never = watches.changes(now().minus(Duration::from_micros(1)), now());
    let never: Vec<_> = never.map(Result::unwrap).collect().await;
    assert!(!never.contains(last));
}

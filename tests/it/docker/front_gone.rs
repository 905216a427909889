//! A Traefik that is gone after a deploy has switched it: what was not seen is not said.

use std::sync::Arc;

use purser::action::{ActionError, EffectStatus, Undone};
use serde_json::{Value, json};

use super::front::{Site, said};
use super::stage::{Step, V2, inspect};
use crate::support::journal::MemoryJournal;
use crate::support::own_traefik::OwnTraefik;
use crate::support::patience;

/// A deploy of v1, asked of this Traefik, to a service that a switch leads to already.
fn deploy(site: &Site, traefik: &OwnTraefik, within: &str) -> Step {
    let input = json!({
        "service": site.shop.web(), "version": "v1", "drain": "0s", "routed_within": within,
        "proxy_probe": { "path": "/", "contains": "web v1" },
    });
    let edge = format!("url = '{}'", traefik.api());
    Step::behind_another("docker.deploy_service", "", input, (&edge, &traefik.entry))
}

/// Waits until the old switch is stopped: the proxy is about to lead to the new set, and has not shown it.
async fn is_switched(journal: &MemoryJournal) {
    patience::until("it is switched", async || {
        let (effects, _) = journal.all();
        effects.iter().any(|record| {
            let is_done = matches!(record.status, EffectStatus::Done(_));
            record.effect.name == "stop_old_switch" && is_done
        })
    })
    .await;
}

/// The deploy, with the Traefik killed after the switch.
async fn robbed(
    step: &Step,
    traefik: &mut OwnTraefik,
    comes_back: bool,
) -> Result<Value, ActionError> {
    let journal = Arc::clone(&step.journal);
    let rob = async {
        is_switched(&journal).await;
        traefik.kill();
        if comes_back {
            traefik.starts();
        }
    };
    tokio::join!(step.run(), rob).0
}

#[tokio::test]
async fn without_the_proxy_a_deploy_is_no_success_and_whether_it_is_back_is_not_seen_either() {
    let (site, mut traefik) = tokio::join!(Site::of(1), OwnTraefik::start());
    site.deploy("v2").run().await.unwrap();
    let (old, switches) = (site.shop.id(1), site.switches());
    let visitor = site.visitor();
    let step = deploy(&site, &traefik, "2s");
    let error = robbed(&step, &mut traefik, false).await.unwrap_err();
    let told = site.of_text(&error.message).replace(&traefik.api(), "API");
    insta::assert_snapshot!(told, @"that the proxy `edge` leads to the new containers alone was not seen within 2s: the API of the Traefik `edge` cannot be asked at API (Connection refused (os error 111)): check that it runs and that its API is there");

    let Undone::ExceptFor(why) = step.undo().await.unwrap() else {
        panic!("nobody has seen that");
    };
    let told = site.of_text(&why).replace(&traefik.api(), "API");
    insta::assert_snapshot!(told, @"that requests reach the old containers again was not seen (that the proxy `edge` leads to the old containers again was not seen within 30s: the API of the Traefik `edge` cannot be asked at API (Connection refused (os error 111)): check that it runs and that its API is there)");
    assert_eq!((site.shop.id(1), site.switches()), (old, switches.clone()));
    assert_eq!(site.shop.state(1), format!("{V2} running healthy"));
    assert_eq!(inspect(&switches[0], "{{.State.Status}}"), "running");
    assert_eq!(step.containers(), [""; 0]);
    // Another proxy before the same containers shows what was not seen.
    patience::until("it leads to v2", async || {
        super::front::visit(&site.host) == Ok("web v2".to_owned())
    })
    .await;
    assert_eq!(visitor.stop(), said(&["web v2", "web v1", "web v2"]));
}

#[tokio::test]
async fn a_proxy_that_is_back_in_time_shows_that_the_new_version_is_live() {
    let (site, mut traefik) = tokio::join!(Site::of(1), OwnTraefik::start());
    site.deploy("v2").run().await.unwrap();
    let old = site.switches();
    let step = deploy(&site, &traefik, "30s");
    let output = robbed(&step, &mut traefik, true).await.unwrap();
    assert_eq!(output["proof"], "versioned");
    assert_eq!(site.shop.containers(), [site.shop.name(1)]);
    assert_eq!(site.shop.state(1), "purser-test/web:v1 running healthy");
    assert_eq!(site.switches().len(), 1);
    assert_ne!(site.switches(), old);
}

//! Kills at moments that nobody has chosen, in the ways of deploying that `any_moment.rs` does not take: in
//! the old one's place, and behind a proxy while people ask.

use super::any_moment::{killed, rounds};
use super::deploy::{RECREATE, counts, steps};
use super::undo::SICK;
use super::{each, expect_one_run, home_of_docker, switch};
use crate::docker::front::Site;
use crate::docker::shop::Shop;
use crate::docker::stage::{V1, V2, docker, names};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_any_moment_a_deploy_in_the_old_ones_place_comes_to_its_end() {
    tokio::join!(
        each(rounds(1..=2), |round| in_its_place(round, V2)),
        each(rounds(3..=3), |round| in_its_place(round, SICK)),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_any_moment_a_deploy_behind_a_proxy_leaves_nobody_without_an_answer() {
    tokio::join!(
        each(rounds(4..=5), |round| behind_a_proxy(round, "web v2")),
        each(rounds(6..=6), |round| behind_a_proxy(round, "web v9")),
    );
}

/// What is sick goes back to the very container that was there.
async fn in_its_place(round: String, image: &'static str) {
    let shop = Shop::new();
    let old = shop.start(1, V1, RECREATE.options).await;
    let mut events = shop.events();
    let mut home = home_of_docker();
    home.workflow("go", &steps(&shop, image));

    let run = killed(&mut home, &round, 1).await;

    let goes_back = image == SICK;
    let (state, live, starts) = if goes_back {
        ("rolled_back", V1, RECREATE.starts_back)
    } else {
        ("succeeded", image, 1)
    };
    let facts = expect_one_run(&home, &run, state).await;
    assert_eq!(facts["steps"][0]["attempts"], 1);
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.id(1) == old, goes_back);
    assert_eq!(shop.state(1), format!("{live} running healthy"));
    docker(&["update", "--restart", "no", &shop.name(1)]);
    let told = events.until("update");
    assert_eq!(counts(&told), [1, starts, 1], "{told:?}");
}

/// What does not say this goes back to the very set that was there. The first deploy makes the first
/// switch; where one takes another one's place is killed in `switch.rs`.
async fn behind_a_proxy(round: String, says: &'static str) {
    let site = Site::of(1).await;
    let old = site.shop.id(1);
    let visitor = site.visitor();
    let mut home = switch::home();
    home.workflow("go", &deploy(&site, says));

    let run = killed(&mut home, &round, 1).await;

    let met: Vec<_> = visitor.stop().into_iter().map(said).collect();
    let goes_back = says == "web v9";
    // On a busy machine it may be given up before the proxy is switched.
    let (state, live, lawful) = if goes_back {
        let there_and_back = "web v1, web v2, web v1";
        ("rolled_back", V1, ["web v1", there_and_back])
    } else {
        ("succeeded", V2, ["web v1, web v2"; 2])
    };
    expect_one_run(&home, &run, state).await;
    assert!(lawful.contains(&met.join(", ").as_str()), "{met:?}");
    assert_eq!(site.shop.containers(), [site.shop.name(1)]);
    assert_eq!(site.shop.id(1) == old, goes_back);
    assert_eq!(site.shop.state(1), format!("{live} running healthy"));
    assert_eq!(site.switches().is_empty(), goes_back);
    let id = run["run"]["id"].as_str().unwrap();
    let made = names(&format!("label=purser.run={id}"));
    // The new container and its switch.
    assert_eq!(made.len(), if goes_back { 0 } else { 2 }, "{made:?}");
}

/// What somebody outside was told, or what went wrong.
fn said(answer: Result<String, String>) -> String {
    answer.unwrap_or_else(|why| format!("no answer ({why})"))
}

/// A deploy of v2 that is live when the proxy's answer holds this.
fn deploy(site: &Site, says: &str) -> String {
    let within = if says == "web v2" { "30s" } else { "3s" };
    format!(
        "
steps:
  - id: deploy
    uses: docker.deploy_service
    with:
      service: {}
      image: {V2}
      drain: 1s
      routed_within: {within}
      proxy_probe: {{ path: /, contains: {says} }}
",
        site.shop.web()
    )
}

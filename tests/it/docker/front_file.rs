//! `docker.deploy_service` behind a real Traefik that is led by files: the rules are on no container, and
//! outlive all of them.

use std::fs;
use std::path::PathBuf;

use purser::action::Undone;
use serde_json::{Value, json};

use super::front::{Site, happens, said, visit};
use super::stage::{Step, docker, eventually, inspect, shown};
use crate::support::stack;

/// The file that leads to a site goes with this.
pub(crate) struct Routes(PathBuf);

impl Routes {
    pub(crate) fn of(site: &Site) -> Self {
        let folder = stack::variable("PURSER_TEST_TRAEFIK_FILES");
        let name = format!("purser@shop@{}@web.yml", site.shop.project);
        Self(PathBuf::from(folder).join(name))
    }

    pub(crate) fn text(&self) -> Option<String> {
        fs::read_to_string(&self.0).ok()
    }

    /// A text without the folder.
    fn of_text(&self, site: &Site, text: &str) -> String {
        let folder = self.0.parent().unwrap().display().to_string();
        site.of_text(&text.replace(&folder, "/routes"))
    }
}

impl Drop for Routes {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A deploy of this version by a file, with further inputs.
fn deploy(site: &Site, version: &str, more: &Value) -> Step {
    let contains = format!("web {version}");
    let mut inputs = json!({
        "version": version, "drain": "1s", "proxy_probe": { "path": "/", "contains": contains },
    });
    for (name, value) in more.as_object().unwrap() {
        inputs[name] = value.clone();
    }
    Step::behind_files("docker.deploy_service", site.inputs(&inputs))
}

#[tokio::test]
async fn a_file_leads_from_one_set_to_the_next() {
    let site = Site::of(2).await;
    let routes = Routes::of(&site);
    let visitor = site.visitor();
    let plan = deploy(&site, "v2", &json!({})).plan().await.unwrap();
    assert_eq!(routes.text(), None, "a plan writes nothing");
    let there = deploy(&site, "v2", &json!({})).run().await.unwrap();
    let file = routes.text().unwrap();
    let back = deploy(&site, "v1", &json!({})).run().await.unwrap();
    assert_eq!(visitor.stop(), said(&["web v1", "web v2", "web v1"]));

    let shown = routes.of_text(&site, &shown(&plan));
    let told: Vec<_> = shown.lines().filter(|line| line.contains("rout")).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    relies on routes in /routes/purser@shop@shop-HEX@web.yml: 
    routes in /routes/purser@shop@shop-HEX@web.yml: nothing → to the new set
    ");
    assert_eq!(
        (&there["proof"], &back["proof"]),
        (&json!("versioned"), &json!("versioned"))
    );
    insta::assert_snapshot!(routes.of_text(&site, &file), @r#"
    # Written by Purser with each deploy: it leads to the containers that are live, whose own labels do not.
    # Without it nobody is led to them.
    {
      "http": {
        "routers": {
          "shop-HEX": {
            "rule": "Host(`shop.example`)",
            "service": "shop-HEX@docker",
            "priority": 33
          }
        }
      }
    }
    "#);
    assert_ne!(routes.text().unwrap(), file);
    assert_eq!(site.switches(), [""; 0]);
    assert_eq!(
        site.shop.containers(),
        [site.shop.name(1), site.shop.name(2)]
    );
}

#[tokio::test]
async fn a_version_that_does_not_prove_itself_leaves_the_file_as_it_was() {
    let site = Site::of(1).await;
    let routes = Routes::of(&site);
    let old = site.shop.id(1);
    let visitor = site.visitor();
    let wrong = json!({
        "drain": "0s", "routed_within": "3s", "proxy_probe": { "path": "/", "contains": "web v9" },
    });
    let step = deploy(&site, "v2", &wrong);
    let error = step.run().await.unwrap_err();
    insta::assert_snapshot!(site.of_text(&error.message), @"that the proxy `edge` leads to the new containers alone was not seen within 3s: shop.example/ through `edge` does not say `web v9`");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!((site.shop.id(1), routes.text()), (old, None));
    assert_eq!(visitor.stop(), said(&["web v1", "web v2", "web v1"]));

    deploy(&site, "v2", &json!({})).run().await.unwrap();
    let (old, file) = (site.shop.id(1), routes.text().unwrap());
    let visitor = site.visitor();
    for inputs in [wrong, json!({ "version": "v3" })] {
        let step = deploy(&site, "v1", &inputs);
        step.run().await.unwrap_err();
        assert_eq!(step.undo().await.unwrap(), Undone::Fully);
        assert_eq!(
            (site.shop.id(1), routes.text()),
            (old.clone(), Some(file.clone()))
        );
        assert_eq!(step.containers(), [""; 0]);
    }
    assert_eq!(visitor.stop(), said(&["web v2", "web v1", "web v2"]));
}

#[tokio::test]
async fn from_a_switch_to_a_file_nobody_notices() {
    let site = Site::of(1).await;
    let routes = Routes::of(&site);
    site.deploy("v2").run().await.unwrap();
    let switches = site.switches();
    let visitor = site.visitor();
    let wrong = json!({
        "drain": "0s", "routed_within": "6s", "proxy_probe": { "path": "/", "contains": "web v9" },
    });
    let step = deploy(&site, "v1", &wrong);
    step.run().await.unwrap_err();
    happens("it is about to be taken back");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    happens("it is taken back");
    assert_eq!((routes.text(), site.switches()), (None, switches));
    deploy(&site, "v1", &json!({})).run().await.unwrap();
    assert_eq!(
        visitor.stop(),
        said(&["web v2", "web v1", "web v2", "web v1"])
    );
    assert_eq!(site.switches(), [""; 0]);
}

#[tokio::test]
async fn a_file_that_somebody_has_changed_is_not_written_over() {
    let site = Site::of(1).await;
    let routes = Routes::of(&site);
    deploy(&site, "v2", &json!({})).run().await.unwrap();
    let ours = routes.text().unwrap();
    fs::write(&routes.0, "http: {}\n").unwrap();
    let why = deploy(&site, "v1", &json!({})).plan().await.unwrap_err();
    insta::assert_snapshot!(routes.of_text(&site, &why.message), @"/routes/purser@shop@shop@web.yml, which leads people to shop/web, is not as Purser has written it: take that change back; where it cannot be, move the file away and deploy at once, as nobody is led there in between");

    // Changed while the new containers start: nothing of it is written over, and all goes back.
    fs::write(&routes.0, &ours).unwrap();
    let old = site.shop.id(1);
    let step = deploy(&site, "v1", &json!({}));
    let changed = ours.replace("\"priority\": ", "\"priority\": 1");
    let meddle = async {
        eventually("the new container is there", || {
            step.containers().len() == 1
        })
        .await;
        fs::write(&routes.0, &changed).unwrap();
    };
    let (ended, ()) = tokio::join!(step.run(), meddle);
    insta::assert_snapshot!(routes.of_text(&site, &ended.unwrap_err().message), @"somebody else has changed /routes/purser@shop@shop@web.yml, which leads people to the containers, and it was not written over: take that change back, and try again");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!((site.shop.id(1), routes.text()), (old, Some(changed)));
}

#[tokio::test]
async fn containers_that_compose_has_made_anew_are_led_to_by_their_labels_until_the_next_deploy() {
    let site = Site::of(1).await;
    let routes = Routes::of(&site);
    deploy(&site, "v2", &json!({})).run().await.unwrap();
    let stale = routes.text();
    docker(&["rm", "--force", &site.shop.name(1)]);
    site.start(1, "purser-test/web:v1").await;
    site.is_led_to().await;

    let wrong = json!({
        "drain": "0s", "routed_within": "3s", "proxy_probe": { "path": "/", "contains": "web v9" },
    });
    let step = deploy(&site, "v2", &wrong);
    step.run().await.unwrap_err();
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(
        (routes.text(), visit(&site.host)),
        (stale, Ok("web v1".to_owned()))
    );

    let visitor = site.visitor();
    deploy(&site, "v2", &json!({})).run().await.unwrap();
    assert_eq!(visitor.stop(), said(&["web v1", "web v2"]));
    let front = inspect(
        &site.shop.name(1),
        "{{index .Config.Labels \"purser.front\"}}",
    );
    assert!(front.contains(&site.host), "{front}");
}

#[tokio::test]
async fn a_file_of_which_purser_is_told_no_more_is_in_the_way_and_named() {
    let site = Site::of(1).await;
    let routes = Routes::of(&site);
    deploy(&site, "v2", &json!({})).run().await.unwrap();
    let (old, file) = (site.shop.id(1), routes.text());
    let visitor = site.visitor();
    let step = site.deploy_with(&json!({ "version": "v1", "drain": "0s", "routed_within": "4s" }));
    let why = site.of_text(&step.run().await.unwrap_err().message);
    insta::assert_snapshot!(why, @"that the proxy `edge` leads to the new containers alone was not seen within 4s: the router shop-HEX@file takes the same requests first");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    visitor.stop();
    assert_eq!((site.shop.id(1), routes.text()), (old, file));
    assert_eq!(
        (visit(&site.host), site.switches()),
        (Ok("web v2".to_owned()), vec![])
    );
}

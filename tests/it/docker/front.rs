//! `docker.deploy_service` behind a real Traefik: whoever asks from outside is never left without an
//! answer, and never gets an old one after a new one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use purser::action::{ErrorKind, Undone};
use serde_json::{Value, json};

use super::shop::Shop;
use super::stage::{Step, V1, V2, docker, eventually, inspect, names, plain, shown};
use crate::support::stack;

/// A service behind the proxy, and the name that people know it by.
pub(crate) struct Site {
    pub(crate) shop: Shop,
    pub(crate) host: String,
}

impl Site {
    /// So many containers of v1, as Compose would start them, that the proxy leads to.
    pub(crate) async fn of(containers: u32) -> Self {
        let shop = Shop::new();
        let host = format!("{}.example", shop.project);
        let site = Self { shop, host };
        for number in 1..=containers {
            site.start(number, V1).await;
        }
        if containers > 0 {
            site.is_led_to().await;
        }
        site
    }

    /// The proxy leads to v1.
    pub(super) async fn is_led_to(&self) {
        let wanted = "web v1".to_owned();
        eventually("the proxy leads to it", || {
            visit(&self.host) == Ok(wanted.clone())
        })
        .await;
    }

    pub(crate) async fn start(&self, number: u32, image: &str) {
        self.start_with(number, image, &[]).await;
    }

    pub(super) async fn start_with(&self, number: u32, image: &str, options: &[&str]) {
        let labels = self.labels();
        let mut options = options.to_vec();
        for label in &labels {
            options.extend(["--label", label]);
        }
        self.shop.start(number, image, &options).await;
    }

    pub(super) fn labels(&self) -> [String; 3] {
        let router = &self.shop.project;
        [
            "traefik.enable=true".to_owned(),
            format!("traefik.http.routers.{router}.rule=Host(`{}`)", self.host),
            format!("traefik.http.services.{router}.loadbalancer.server.port=8080"),
        ]
    }

    /// A deploy of this version, which has to answer through the proxy.
    pub(crate) fn deploy(&self, version: &str) -> Step {
        let contains = format!("web {version}");
        self.deploy_with(&json!({
            "version": version, "drain": "1s", "proxy_probe": { "path": "/", "contains": contains },
        }))
    }

    pub(super) fn deploy_with(&self, inputs: &Value) -> Step {
        let api = stack::variable("PURSER_TEST_TRAEFIK_API");
        Step::behind("docker.deploy_service", self.inputs(inputs), &api)
    }

    /// These inputs of a deploy of it.
    pub(super) fn inputs(&self, inputs: &Value) -> Value {
        let mut all = json!({ "service": self.shop.web() });
        for (name, value) in inputs.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    }

    /// A text without what differs between runs of this test.
    pub(super) fn of_text(&self, text: &str) -> String {
        plain(&text.replace(&self.shop.project, "shop"))
    }

    pub(crate) fn switches(&self) -> Vec<String> {
        names(&format!("label=purser.switch={}", self.shop.web()))
    }

    /// Begins to ask for it from outside, over and over.
    pub(crate) fn visitor(&self) -> Visitor {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, host) = (Arc::clone(&stop), self.host.clone());
        let asking = std::thread::spawn(move || {
            let mut answers = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let answer = visit(&host);
                if answers.last() != Some(&answer) {
                    happens(&format!("{host} answers {answer:?}"));
                }
                answers.push(answer);
            }
            answers
        });
        Visitor { stop, asking }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for switch in self.switches() {
            docker(&["rm", "--force", &switch]);
        }
    }
}

/// Asks in the background.
pub(crate) struct Visitor {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Vec<Result<String, String>>>,
}

impl Visitor {
    /// The answers, of neighbours that are the same only one.
    pub(crate) fn stop(self) -> Vec<Result<String, String>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut answers = self.asking.join().unwrap();
        assert!(answers.len() > 50, "it has hardly asked: {}", answers.len());
        answers.dedup();
        answers
    }
}

/// Prints what happens and when, which is shown where a story does not end well.
pub(crate) fn happens(what: &str) {
    let at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    eprintln!("{} {what}", at.as_millis());
}

/// What somebody outside gets of this name's `/`.
pub(crate) fn visit(host: &str) -> Result<String, String> {
    let ask = || {
        let mut stream = TcpStream::connect(stack::variable("PURSER_TEST_TRAEFIK"))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = ask().map_err(|error| error.to_string())?;
    let last = answer.lines().last().unwrap_or_default().to_owned();
    if answer.starts_with("HTTP/1.1 200") {
        Ok(last)
    } else {
        Err(answer.lines().next().unwrap_or_default().to_owned())
    }
}

pub(super) fn said(texts: &[&str]) -> Vec<Result<String, String>> {
    texts.iter().map(|text| Ok((*text).to_owned())).collect()
}

#[tokio::test]
async fn nobody_outside_notices_but_by_the_new_version() {
    let site = Site::of(2).await;
    let visitor = site.visitor();
    let there = site.deploy("v2").run().await.unwrap();
    let switch = site.switches();
    let back = site.deploy("v1").run().await.unwrap();
    assert_eq!(visitor.stop(), said(&["web v1", "web v2", "web v1"]));

    assert_eq!(
        (&there["proof"], &there["strategy"]),
        (&json!("versioned"), &json!("blue_green"))
    );
    insta::assert_snapshot!(site.of_text(there["message"].as_str().unwrap()), @"shop/web runs purser-test/web:v2 instead of purser-test/web:v1: versioned (shop.example/ through `edge`), switched at one instant");
    assert_eq!(back["proof"], "versioned");
    assert_eq!(
        site.shop.containers(),
        [site.shop.name(1), site.shop.name(2)]
    );
    assert_eq!(site.shop.state(1), "purser-test/web:v1 running healthy");
    assert_eq!(switch.len(), 1);
    assert_eq!(site.switches().len(), 1);
    assert_ne!(site.switches(), switch);
    let raised = |name: &str| inspect(name, "{{index .Config.Labels \"purser.switch.raised\"}}");
    assert_eq!(
        raised(&site.switches()[0]),
        "false",
        "it does not rise for ever"
    );
}

#[tokio::test]
async fn a_version_that_does_not_say_that_it_is_the_new_one_goes_again() {
    let site = Site::of(1).await;
    let old = site.shop.id(1);
    let visitor = site.visitor();
    let step = site.deploy_with(&json!({
        "version": "v2", "drain": "0s", "routed_within": "3s",
        "proxy_probe": { "path": "/", "contains": "web v9" },
    }));
    let error = step.run().await.unwrap_err();
    insta::assert_snapshot!(site.of_text(&error.message), @"that the proxy `edge` leads to the new containers alone was not seen within 3s: shop.example/ through `edge` does not say `web v9`");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(visitor.stop(), said(&["web v1", "web v2", "web v1"]));
    assert_eq!((site.shop.id(1), site.switches()), (old, vec![]));
    assert_eq!(step.containers(), [""; 0]);
}

#[tokio::test]
async fn of_a_sick_version_nobody_outside_hears() {
    let site = Site::of(1).await;
    site.deploy("v2").run().await.unwrap();
    let (old, switch) = (site.shop.id(1), site.switches());
    let visitor = site.visitor();
    let step = site.deploy("v3");
    step.run().await.unwrap_err();
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(visitor.stop(), said(&["web v2"]));
    assert_eq!((site.shop.id(1), site.switches()), (old, switch));
}

#[tokio::test]
async fn cancelled_while_the_old_one_is_kept_it_is_led_to_again() {
    let site = Site::of(1).await;
    site.deploy("v2").run().await.unwrap();
    let (old, switch) = (site.shop.id(1), site.switches());
    let visitor = site.visitor();
    let step = site.deploy_with(&json!({ "version": "v1", "drain": "0s", "keep": "20m" }));
    let (cancel, host) = (step.cancel.clone(), site.host.clone());
    let run = async {
        eventually("v1 answers", || visit(&host) == Ok("web v1".to_owned())).await;
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(step.run(), run);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(visitor.stop(), said(&["web v2", "web v1", "web v2"]));
    assert_eq!((site.shop.id(1), site.switches()), (old, switch));
}

#[tokio::test]
async fn where_the_proxy_does_not_say_what_it_serves_nothing_is_called_live() {
    let site = Site::of(1).await;
    let old = site.shop.id(1);
    let inputs = json!({ "service": site.shop.web(), "version": "v2", "routed_within": "1h" });
    let step = Step::behind("docker.deploy_service", inputs, "http://127.0.0.1:9");
    let cancel = async {
        eventually("it is tried", || step.containers().len() == 1).await;
        eventually("it is healthy", || {
            inspect(
                &step.containers()[0],
                "{{with .State.Health}}{{.Status}}{{end}}",
            ) == "healthy"
        })
        .await;
        step.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(step.run(), cancel);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);

    let inputs = json!({ "service": site.shop.web(), "version": "v2", "routed_within": "1s" });
    let step = Step::behind("docker.deploy_service", inputs, "http://127.0.0.1:9");
    let error = step.run().await.unwrap_err();
    insta::assert_snapshot!(site.of_text(&error.message), @"that the proxy `edge` reaches the new containers was not seen within 1s: the API of the Traefik `edge` cannot be asked at http://127.0.0.1:9 (Connection refused (os error 111)): check that it runs and that its API is there");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(visit(&site.host), Ok("web v1".to_owned()));
    assert_eq!((site.shop.id(1), site.switches()), (old, vec![]));
}

#[tokio::test]
async fn a_plan_says_which_rule_is_switched_and_changes_nothing() {
    let site = Site::of(1).await;
    let mut events = site.shop.events();
    let plan = site.deploy("v2").plan().await.unwrap();
    site.shop.expect_silence(&mut events);
    insta::assert_snapshot!(site.of_text(&shown(&plan)), @"
    replace shop-HEX/web: purser-test/web:v1 → purser-test/web:v2, beside the old set, and switched at the proxy
    relies on image purser-test/web:v2: sha256:HEX
    relies on image of shop-HEX-web-1: sha256:HEX
    relies on container shop-HEX-web-1: HEX, in shop-HEX_net, restart no
    image of shop-HEX-web-1: purser-test/web:v1 → purser-test/web:v2
    how it is replaced: nothing → as a whole set
    Host(`shop-HEX.example`) at the proxy: to purser-test/web:v1 → to purser-test/web:v2
    variable VERSION: the old image's value → the new image's value
    label purser-test.recipe: HEX → HEX
    note: the new containers are tried through the proxy `edge` by a name of their own; then it is switched to them at one instant, and the old ones have 1s to finish: requests that take no longer are not dropped
    note: a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
    note: can be undone until the old containers are removed, which comes last
    note: the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
    ");
}

#[tokio::test]
async fn the_plan_says_when_purser_itself_stands_on_it() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let format = format!(
        "{{{{(index .NetworkSettings.Networks \"{}\").IPAddress}}}}",
        shop.network()
    );
    let api = format!("http://{}:8080", inspect(&shop.name(1), &format));
    let inputs = json!({ "service": shop.web(), "version": "v2" });
    let step = Step::behind("docker.deploy_service", inputs, &api);
    let shown = shown(&step.plan().await.unwrap());
    let told = shown.lines().find(|line| line.contains("stands on"));
    let told = told.unwrap_or(&shown).replace(&shop.project, "shop");
    insta::assert_snapshot!(plain(&told), @"note: Purser itself stands on shop-HEX-web-1: it is the proxy `edge`; while that is away Purser cannot go on, and it does so once it is back");
}

#[tokio::test]
async fn what_cannot_be_switched_is_deployed_one_by_one_and_the_plan_says_why() {
    let site = Site::of(0).await;
    let router = format!(
        "traefik.http.routers.{}.service=other@file",
        site.shop.project
    );
    let labels = site.labels();
    let [on, rule, port] = labels.each_ref().map(String::as_str);
    let options = [
        "--label", on, "--label", rule, "--label", port, "--label", &router,
    ];
    site.shop.start(1, V1, &options).await;
    let plan = site
        .deploy_with(&json!({ "image": V2 }))
        .plan()
        .await
        .unwrap();
    let shown = site.of_text(&shown(&plan));
    let told = shown.lines().find(|line| line.contains("not switched"));
    insta::assert_snapshot!(told.unwrap(), @"note: the proxy in front is not switched, and not asked what it serves: its router `shop-HEX` leads to `other@file`, which is not its own; requests under way are dropped where a container does not finish them");
}

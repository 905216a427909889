//! The page on which a person tries it out, asked as a browser asks.

use serde_json::{Value, json};

use super::Scene;

/// A browser on the page, and who sits at it.
struct Browser<'a> {
    client: reqwest::Client,
    scene: &'a Scene,
}

impl Browser<'_> {
    async fn gets(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.scene.discord.api());
        let answer = self.client.get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// What ann does, and what the page gets to show for it.
    async fn acts(&self, mut act: Value) -> Value {
        act["as"] = json!(self.scene.ann.to_string());
        let url = format!("{}/page/act", self.scene.discord.api());
        let answer = self.client.post(url).json(&act).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// The channel as ann sees it, once it is newer than this version.
    async fn sees(&self, after: u64) -> Value {
        let (ops, ann) = (self.scene.ops, self.scene.ann);
        self.gets(&format!("/page/channel/{ops}?as={ann}&after={after}"))
            .await
    }
}

#[tokio::test]
async fn a_person_types_clicks_and_fills_in_on_the_page() {
    let scene = Scene::set().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let browser = Browser {
        client: reqwest::Client::builder().build().unwrap(),
        scene: &scene,
    };
    let shop = browser.gets("/page/scene").await["guilds"][0].clone();
    assert_eq!(
        (&shop["name"], shop["commands"].as_array().unwrap().len()),
        (&json!("shop"), 6)
    );

    let ops = scene.ops.to_string();
    let line = "/deploy service:blog";
    let offered = browser
        .acts(json!({ "act": "types", "channel": ops, "text": line, "option": "service" }))
        .await;
    assert_eq!(offered["choices"][0]["name"], "blog/web");
    let wrong = browser
        .acts(json!({ "act": "says", "channel": ops, "text": "/deploy" }))
        .await;
    assert_eq!(wrong["error"], "/deploy needs the option service");

    browser
        .acts(json!({ "act": "says", "channel": ops, "text": "/ask" }))
        .await;
    let seen = browser.sees(0).await;
    let asked = &seen["channel"]["messages"][0];
    assert_eq!(asked["answers"], json!({ "who": "ann", "command": "/ask" }));
    let form = browser
        .acts(json!({ "act": "clicks", "message": asked["id"], "button": "reject" }))
        .await;
    assert_eq!(form["modal"]["title"], "Reject");
    let fields = json!([["reason", "not on a Friday"]]);
    browser
        .acts(json!({ "act": "submits", "form": form["interaction"], "fields": fields }))
        .await;
    let seen = browser.sees(0).await;
    let private = &seen["channel"]["messages"][1];
    assert_eq!(
        (&private["content"], &private["private"]),
        (&json!("Rejected: not on a Friday"), &json!(true))
    );

    let version = seen["version"].as_u64().unwrap();
    browser
        .acts(json!({ "act": "dismisses", "message": private["id"] }))
        .await;
    let seen = browser.sees(version).await;
    assert_eq!(seen["channel"]["messages"].as_array().unwrap().len(), 1);
}

//! Interactions over HTTP, verified by Discord's own library.

use fake_discord::Discord;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::discord_js::Script;

#[tokio::test]
async fn interactions_go_to_an_endpoint_that_verifies_them() {
    let discord = Discord::start().await.unwrap();
    let shop = discord.guild("shop");
    let ops = discord.channel(shop, "ops");
    let ann = discord.member(shop, "ann", &[]);
    register(&discord).await;
    let mut application = Script::start("endpoint.mjs", &[discord.api(), discord.public_key()]);
    let endpoint = application.says().await["endpoint"]
        .as_str()
        .unwrap()
        .to_owned();
    discord.set_endpoint(&endpoint).await.unwrap();
    let deploy = discord.says(ann, ops, "/deploy").unwrap();
    deploy.sees("Done for ann").await.unwrap();
    assert_eq!(
        deploy.answers()[0].session,
        None,
        "no gateway has a part in it"
    );
}

#[tokio::test]
async fn an_endpoint_that_believes_a_forged_signature_is_not_taken() {
    let discord = Discord::start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let credulous = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 64 * 1024];
            assert!(stream.read(&mut asked).await.unwrap() > 0);
            let pong = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"type\":1}";
            stream.write_all(pong.as_bytes()).await.unwrap();
        }
    });
    let error = discord.set_endpoint(&endpoint).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("answered a forged signature with 200, not 401"),
        "{error}"
    );
    credulous.abort();
}

/// The one command of the application.
async fn register(discord: &Discord) {
    let url = format!(
        "{}/api/v10/applications/{}/commands",
        discord.api(),
        discord.application_id()
    );
    let command = json!({ "name": "deploy", "description": "Put a version live" });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build().unwrap();
    let request = client
        .post(url)
        .header("authorization", format!("Bot {}", discord.token()))
        .json(&command);
    assert_eq!(request.send().await.unwrap().status(), 201);
}

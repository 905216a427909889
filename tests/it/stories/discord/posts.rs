//! Without a gateway: Discord posts what people do, signed.

use super::{Talk, clicks::FOUR_EYES};

impl Talk {
    /// A server to which Discord posts, with a workflow that somebody else must say yes to.
    async fn posted() -> Self {
        let mut talk = Self::new().await;
        talk.job(FOUR_EYES, "message");
        let home = &mut talk.story.home;
        home.configure(&format!("public_key = '{}'", talk.discord.public_key()));
        let config = std::fs::read_to_string(home.path("purser.toml")).unwrap();
        let listens = config.replace("[server]\n", "[server]\nlisten = '127.0.0.1:0'\n");
        home.write("purser.toml", &listens);
        home.up().await;
        talk.has_commands().await;
        let endpoint = format!("http://{}/discord/interactions", talk.story.home.address());
        // As Discord does, it tries first whether we answer a PING and refuse what is forged.
        talk.discord.set_endpoint(&endpoint).await.unwrap();
        talk
    }
}

#[tokio::test]
async fn commands_and_clicks_that_are_posted_are_answered_as_those_of_the_gateway() {
    let talk = Talk::posted().await;
    let asked = talk.says(talk.ann, "/migrate lines:1");
    insta::assert_snapshot!(talk.reply(&asked).await, @"
    Purser (to ann's /migrate, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    ");
    talk.sees("Approve").await;
    let refused = talk.clicks(talk.cy, "Approve").await;
    insta::assert_snapshot!(talk.refused(&refused).await, @"
    ✗ cy may not approve this run: that takes the role operator
    ");
    talk.clicks(talk.bo, "Approve").await;
    talk.channel_until("both have ended", |channel| {
        channel.matches("succeeded").count() == 2
    })
    .await;
    assert_eq!(talk.discord.look(|view| view.sessions()), 0);
}

#[tokio::test]
async fn a_post_that_is_not_signed_does_nothing() {
    let talk = Talk::posted().await;
    let url = format!("http://{}/discord/interactions", talk.story.home.address());
    // Another test may have been quicker.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build().unwrap();
    let post = |signature: Option<String>| {
        let request = client.post(&url).body(r#"{"type":2}"#);
        let request = request.header("x-signature-timestamp", "1795677161");
        match signature {
            Some(signature) => request.header("x-signature-ed25519", signature),
            None => request,
        }
    };
    for signature in [None, Some("00".repeat(64)), Some("no hex".to_owned())] {
        let answer = post(signature).send().await.unwrap();
        assert_eq!(answer.status(), 401);
    }
    insta::assert_snapshot!(talk.story.sees("runs list").await, @"
    no runs yet
    exit code 0
    ");
}

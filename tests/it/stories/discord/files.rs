//! Files that people hand in with a command.

use bytes::Bytes;
use fake_discord::Given;
use serde_json::json;

use super::Talk;
use crate::stories::Story;
use crate::stories::input_files::{ORDERS, texts};
use crate::stories::secret_inputs::{CANARY, Web};

impl Talk {
    /// A web service, the command `/import` that hands it a file, and the server.
    async fn that_imports() -> (Web, Self) {
        let web = Web::start().await;
        let mut talk = Self::of(Story::with(&[("web", web.system())])).await;
        talk.story.imports();
        talk.up().await;
        (web, talk)
    }

    /// Ann hands a file in: what she gets to see.
    async fn hands_in(&self, name: &str, bytes: impl Into<Bytes>) -> String {
        let acted = self.discord.says_with(
            self.ann,
            self.ops,
            "/import",
            &[("orders", file(name, bytes))],
        );
        self.reply(&acted.unwrap()).await
    }

    /// Discord says that ann has handed in a file that lies here.
    async fn is_told_of_a_file_at(&self, url: &str) -> String {
        let attachment = json!({
            "id": "77", "filename": "orders.csv", "size": 10, "url": url, "proxy_url": url,
            "content_type": "text/csv", "ephemeral": true,
        });
        let commands = self.discord.commands(self.guild);
        let import = commands.iter().find(|command| command["name"] == "import");
        let data = json!({
            "id": import.unwrap()["id"], "name": "import", "type": 1, "guild_id": self.guild,
            "options": [{ "name": "orders", "type": 11, "value": "77" }],
            "resolved": { "attachments": { "77": attachment } },
        });
        let acted = self.discord.sends_command(self.ann, self.ops, &data);
        self.reply(&acted.unwrap()).await
    }
}

fn file(name: &str, bytes: impl Into<Bytes>) -> Given {
    Given::File {
        name: name.to_owned(),
        content_type: "text/csv; charset=utf-8".to_owned(),
        bytes: bytes.into(),
    }
}

#[tokio::test]
async fn a_file_is_fetched_and_its_text_handed_to_a_step() {
    let (web, talk) = Talk::that_imports().await;
    talk.hands_in("orders.csv", ORDERS).await;
    insta::assert_snapshot!(talk.sees("succeeded").await, @"
    #ops
    Purser (to ann's /import, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ import
      ┃ ✓ **succeeded** after N s · asked by ann <t:TIME:R>
      ┃ orders `orders.csv (23 bytes)`
      ┃ 
      ┃ ✓ **send** done in N s
      ┃ 
      ┃ 1 step done
      ┃ Result:
      ┃ ```
      ┃ status: 200
      ┃ body: thank you
      ┃ cut: false
      ┃ key: RUN/send/0/send_once
      ┃ ```
      ┃ — run RUN
    ");
    assert_eq!(texts(&web), [ORDERS]);
}

#[tokio::test]
async fn what_cannot_be_an_input_is_said_and_starts_nothing() {
    let (web, talk) = Talk::that_imports().await;
    let origin = talk.discord.api().to_owned();
    let said = [
        talk.hands_in("long.csv", vec![b'x'; 256 * 1024 + 1]).await,
        talk.hands_in("picture.png", vec![0x89, b'P', b'N', b'G', 0xff])
            .await,
        talk.is_told_of_a_file_at(&format!("{origin}/attachments/0/77/orders.csv"))
            .await,
        talk.is_told_of_a_file_at("http://169.254.169.254/latest/meta-data")
            .await,
        talk.is_told_of_a_file_at("https://cdn.discordapp.com.evil.example/orders.csv")
            .await,
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    Purser (to ann's /import, only ann sees this):
      ✗ the option `orders`: the file long.csv has more than 256 KiB. Nothing was started.
    Purser (to ann's /import, only ann sees this):
      ✗ the option `orders`: the file picture.png is no text in UTF-8. Nothing was started.
    Purser (to ann's /import, only ann sees this):
      ✗ the option `orders`: the file orders.csv is not with Discord any more (404 Not Found): hand it in again. Nothing was started.
    Purser (to ann's /import, only ann sees this):
      ✗ the option `orders`: the file orders.csv does not lie with Discord, and is not fetched. Nothing was started.
    Purser (to ann's /import, only ann sees this):
      ✗ the option `orders`: the file orders.csv does not lie with Discord, and is not fetched. Nothing was started.
    ");
    assert!(web.told().is_empty());
    assert_eq!(talk.story.home.asks(&["runs", "list"]).await, json!([]));
}

#[tokio::test]
async fn a_file_beside_a_secret_is_fetched_when_the_window_was_filled_in() {
    let web = Web::start().await;
    let mut talk = Talk::of(Story::with(&[("web", web.system())])).await;
    let home = &talk.story.home;
    let inputs = "  orders: { type: file, required: true, summary: which }\n  \
                  password: { type: string, secret: true, required: true, summary: for whom }\n";
    let step = "{ system: web, path: \"/{{ inputs.orders.name }}\", \
                headers: { x-password: \"{{ inputs.password }}\" } }";
    home.workflow(
        "send",
        &format!("inputs:\n{inputs}steps: [{{ id: send, uses: http.send, with: {step} }}]\n"),
    );
    let command = format!("name: send\nsummary: Send it\noptions:\n{inputs}runs: send\n");
    home.write("commands/send.yaml", &command);
    talk.up().await;
    let asked = talk.discord.says_with(
        talk.ann,
        talk.ops,
        "/send",
        &[("orders", file("orders.csv", ORDERS))],
    );
    let asked = asked.unwrap();
    talk.well(asked.modal().await);
    talk.story.home.kill().await;
    talk.up().await;
    let sent = talk
        .discord
        .submits(talk.ann, &asked, &[("password", CANARY)]);
    talk.reply(&sent.unwrap()).await;
    talk.sees("succeeded").await;
    assert_eq!(web.told(), [CANARY]);
    let run = talk.story.last_run().await;
    let view = talk.story.home.asks(&["runs", "show", &run]).await;
    assert_eq!(view["run"]["request"]["inputs"]["orders"]["text"], ORDERS);
}

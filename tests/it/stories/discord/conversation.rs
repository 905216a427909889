//! A conversation from its first word to its last, as discord.js reads the channel after each turn:
//! a client that shares no code with Purser, nor with the local Discord.

use fake_discord::Application;
use serde_json::Value;

use super::Talk;
use super::clicks::FOUR_EYES;
use crate::docker::shop::Shop;
use crate::support::discord_js::read;

pub(super) const DEPLOY: &str = r#"
inputs:
  service: { type: string, required: true }
  version: { type: string, required: true }
steps:
  - id: deploy
    uses: docker.deploy_service
    with: { service: "{{ inputs.service }}", version: "{{ inputs.version }}" }
"#;

pub(super) const COMMAND: &str = "name: deploy
summary: Put a version of a service live
options:
  service: { type: string, summary: which service, required: true, suggest: docker.services }
  version: { type: string, summary: a tag of its image, required: true }
runs: deploy
";

/// A shop that serves v1, a team that looks after it, and somebody who reads along.
struct Conversation {
    talk: Talk,
    reader: Application,
    shop: Shop,
}

impl Conversation {
    async fn new() -> Self {
        let mut talk = Talk::new().await;
        let reader = talk.discord.application("Reader");
        let shop = Shop::new();
        shop.start(1, "purser-test/web:v1", &[]).await;
        talk.story.call(&shop.project, "SHOP");
        talk.story
            .home
            .workflow("deploy", &format!("{FOUR_EYES}{DEPLOY}"));
        talk.story.home.write("commands/deploy.yaml", COMMAND);
        talk.up().await;
        Self { talk, reader, shop }
    }

    /// Ann asks for v2 to be put live, and the run asks for somebody else's word, as the `nth` does.
    async fn asks(&self, nth: usize) {
        let talk = &self.talk;
        let line = format!("/deploy service:{} version:v2", self.shop.web());
        talk.says(talk.ann, &line);
        self.shows("**waits for approval**", 2).await;
        self.shows("— run ", 2 * nth).await;
    }

    /// Bo sees the plan, and does not agree to it.
    async fn bo_looks_and_says_no(&self) {
        let talk = &self.talk;
        let run = talk.story.last_run().await;
        let look = talk.says(talk.bo, &format!("/purser show run:{run}"));
        insta::assert_snapshot!(talk.reply(&look).await, @"
        Purser (to bo's /purser show, only bo sees this):
          ┃ deploy · SHOP/web v2
          ┃ **waits for approval** · asked by ann <t:TIME:R>
          ┃ ```
          ┃ deploy: docker.deploy_service on shop
          ┃     replace SHOP/web: purser-test/web:v1 → purser-test/web:v2, beside the old one
          ┃       ~ image of SHOP-web-1: purser-test/web:v1 → purser-test/web:v2
          ┃       + how it is replaced: beside
          ┃       ~ variable VERSION: the old image's value → the new image's value
          ┃       ~ label purser-test.recipe: HEX → HEX
          ┃       · each old container goes on until its new one has proven itself beside it
          ┃       · a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
          ┃       · can be undone until the old containers are removed, which comes last
          ┃       · in front is Docker's DNS alone: a new container gets the service's name in its networks once it has proven itself; requests under way are dropped where a container does not finish them
          ┃       · the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
          ┃ ```
          ┃ Waits for approval:
          ┃ Needs a yes from 1 × operator, not who asked, until <t:TIME:t> (<t:TIME:R>)
          ┃ plan `HEX`
          ┃ — run RUN
          [Approve] [Reject]
          [Cancel]
        ");
        let window = talk.clicks(talk.bo, "Reject").await;
        window.modal().await.unwrap();
        let sent =
            talk.discord
                .submits(talk.bo, &window, &[("reason", "the fair is on until six")]);
        talk.reply(&sent.unwrap()).await;
    }

    /// Waits until a text stands so often in the channel and its threads.
    async fn shows(&self, text: &str, times: usize) {
        let what = format!("{times} × {text}");
        self.talk
            .channel_until(&what, |channel| channel.matches(text).count() == times)
            .await;
    }

    /// The channel and its threads as discord.js reads them now.
    async fn reads(&self) -> String {
        let lines = read(&self.talk.discord, &self.reader, self.talk.ops).await;
        let messages: Vec<String> = lines.lines().map(told).collect();
        self.talk.plain(&messages.join("\n"))
    }
}

/// What discord.js says of a message or a thread, as a text.
fn told(line: &str) -> String {
    let it: Value = serde_json::from_str(line).unwrap();
    if let Some(thread) = it["thread"].as_str() {
        return format!("thread {thread}");
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut lines = vec![format!("{} in {}", words(&it["author"]), words(&it["in"]))];
    for embed in list(&it["embeds"]) {
        let mut texts = vec![words(&embed["title"]), words(&embed["description"])];
        texts.extend(list(&embed["fields"]).iter().map(words));
        texts.push(words(&embed["footer"]));
        let inner = texts.iter().flat_map(|text| text.lines());
        lines.extend(inner.map(|line| format!("  {line}").trim_end().to_owned()));
    }
    let buttons = list(&it["components"]);
    let labels = buttons.iter().map(|button| words(&button["label"]));
    let labels: Vec<String> = labels.map(|label| format!("[{label}]")).collect();
    if !labels.is_empty() {
        lines.push(format!("  {}", labels.join(" ")));
    }
    lines.join("\n")
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_deploy_is_refused_asked_for_again_and_put_live() {
    let conversation = Conversation::new().await;
    let talk = &conversation.talk;
    conversation.asks(1).await;
    insta::assert_snapshot!(conversation.reads().await, @"
    Purser in ops
      deploy · SHOP/web v2
      **waits for approval** · asked by ann
      Needs a yes from 1 × operator, not who asked, until <t:TIME:t> (<t:TIME:R>)
      run RUN
    thread deploy · SHOP/web v2
    Purser in deploy · SHOP/web v2
      deploy · SHOP/web v2
      **waits for approval** · asked by ann <t:TIME:R>
      ```
      deploy: docker.deploy_service on shop
          replace SHOP/web: purser-test/web:v1 → purser-test/web:v2, beside the old one
            ~ image of SHOP-web-1: purser-test/web:v1 → purser-test/web:v2
            + how it is replaced: beside
            ~ variable VERSION: the old image's value → the new image's value
            ~ label purser-test.recipe: HEX → HEX
            · each old container goes on until its new one has proven itself beside it
            · a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
            · can be undone until the old containers are removed, which comes last
            · in front is Docker's DNS alone: a new container gets the service's name in its networks once it has proven itself; requests under way are dropped where a container does not finish them
            · the next `docker compose up` goes back to the image that its file names: change the file too, or let Purser pin the version in the project's folder (`projects`)
      ```
      Waits for approval: Needs a yes from 1 × operator, not who asked, until <t:TIME:t> (<t:TIME:R>)
      plan `HEX`
      run RUN
      [Approve] [Reject] [Cancel]
    ");

    conversation.bo_looks_and_says_no().await;
    conversation.shows("**cancelled**", 2).await;
    insta::assert_snapshot!(conversation.reads().await, @"
    Purser in ops
      deploy · SHOP/web v2
      ✗ **cancelled** after N s · asked by ann
      rejected by bo (the fair is on until six). Nothing was changed.
      run RUN
    thread deploy · SHOP/web v2
    Purser in deploy · SHOP/web v2
      deploy · SHOP/web v2
      ✗ **cancelled** after N s · asked by ann <t:TIME:R>

      rejected by bo (the fair is on until six). Nothing was changed.
      run RUN
      [Rerun]
    ");

    conversation.asks(2).await;
    talk.clicks(talk.bo, "Approve").await;
    conversation.shows("**succeeded**", 2).await;
    insta::assert_snapshot!(conversation.reads().await, @"
    Purser in ops
      deploy · SHOP/web v2
      ✗ **cancelled** after N s · asked by ann
      rejected by bo (the fair is on until six). Nothing was changed.
      run RUN
    thread deploy · SHOP/web v2
    Purser in deploy · SHOP/web v2
      deploy · SHOP/web v2
      ✗ **cancelled** after N s · asked by ann <t:TIME:R>

      rejected by bo (the fair is on until six). Nothing was changed.
      run RUN
      [Rerun]
    Purser in ops
      deploy · SHOP/web v2
      ✓ **succeeded** after N s · asked by ann
      1 step done
      run RUN
    thread deploy · SHOP/web v2
    Purser in deploy · SHOP/web v2
      deploy · SHOP/web v2
      ✓ **succeeded** after N s · asked by ann <t:TIME:R>

      ✓ **deploy** done in N s

      1 step done
      Result: ```
      service: SHOP/web
      changed: true
      image: purser-test/web:v2
      image_id: sha256:HEX
      replaced_image: purser-test/web:v1
      replaced_image_id: sha256:HEX
      strategy: rolling
      proof: healthy
      proven_by: its own HEALTHCHECK
      gap_seconds: N
      containers:
          SHOP-web-1
      message: SHOP/web runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap
      ```
      run RUN
      [Undo]
    ");
}

//! What people answer to what a run asks: also late, and to a question that is another one by now.

use std::time::Duration;

use serde_json::Value;

use super::Talk;
use super::clicks::FOUR_EYES;
use crate::docker::shop::Shop;
use crate::own::{Key, backs_up_to};
use crate::stories::console::of_charges;
use crate::stories::deploys::DEPLOY;
use crate::stories::plans_that_change::{HOLD, Tags};
use crate::support::program::Person;

/// The command for a deploy, which is shown in a thread.
pub(super) const DEPLOY_COMMAND: &str = "name: deploy\nsummary: Put a version live\noptions:\n  \
                              service: { type: string, required: true }\n  \
                              version: { type: string, required: true }\nruns: deploy\nreply: thread\n";

#[tokio::test]
async fn whether_it_happened_is_answered_by_a_click_and_a_late_click_answers_nothing_else() {
    let (story, server) = of_charges();
    let mut talk = Talk::of(story).await;
    talk.up().await;
    talk.asks(talk.ann, "/charge").await;
    insta::assert_snapshot!(talk.sees("It did not").await, @r"
    #ops
    Purser (to ann's /charge, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ charge
      ┃ **waits for a decision** · asked by ann <t:TIME:R>
      ┃ 
      ┃ ? **charge** did `send_once` happen? no answer of billing is known, and it cannot be asked: look there for what came with the Idempotency-Key RUN/charge/0/send\_once
      ┃ What to do: charge: look on billing whether send\_once happened, then say so here.
      ┃ — run RUN
      [It happened] [It did not]
      [Cancel] [Log: charge]
    ");
    let run = talk.story.last_run().await;
    talk.shows_nothing_new();
    talk.story.sees(&format!("decide {run} did-not")).await;
    // It is done again, its answer is lost again, and this is another question.
    let asks_again = |view: &Value| view["run"]["questions"] == 2 && view["may_decide"] == "yes";
    talk.story.until(&run, asks_again).await;
    let late = talk.clicks(talk.bo, "It happened").await;
    insta::assert_snapshot!(talk.refused(&late).await, @"✗ question 1 of run RUN is answered already: look again with `/purser show run:RUN`");
    assert_eq!(server.books().history.len(), 2);

    talk.discord.heal();
    talk.until_button("It happened", ".d.y2").await;
    talk.clicks(talk.bo, "It happened").await;
    talk.sees("succeeded").await;
    assert_eq!(server.books().history.len(), 2, "it was not sent again");
}

#[tokio::test]
async fn a_yes_to_a_plan_that_has_changed_since_counts_for_nothing() {
    let tags = Tags::new();
    tags.put("old", "v1");
    tags.put("new", "v2");
    let shop = Shop::new();
    let old = shop.start(1, &tags.image("old"), &[]).await;
    let mut talk = Talk::new().await;
    talk.story.call(&shop.project, "bookshop");
    talk.story.call(&tags.0, "books");
    let home = &talk.story.home;
    home.workflow("deploy", &format!("{FOUR_EYES}{DEPLOY}"));
    home.workflow("hold", HOLD);
    home.write("commands/deploy.yaml", DEPLOY_COMMAND);
    talk.up().await;

    let hold = format!("hold -i service={}", shop.web());
    let hold = talk.story.starts(&hold).await;
    let running = |view: &Value| view["status"] == "running";
    talk.story.until(&hold, running).await;
    let asked = format!("/deploy service:{} version:new", shop.web());
    talk.asks(talk.ann, &asked).await;
    talk.both_ask().await;
    let run = talk.story.last_run().await;
    let plan = talk.story.asks_approval(&run).await;
    talk.shows_nothing_new();
    let approve = format!("approve {run} --plan {plan}");
    talk.story.person_sees(Person::Bo, &approve).await;
    let waits = |view: &Value| view["progress"].is_string();
    talk.story.until(&run, waits).await;
    tags.put("new", "v3");
    talk.story.sees(&format!("cancel {hold}")).await;
    let is_void = |view: &Value| view["run"]["voided"][0].is_string();
    talk.story.until(&run, is_void).await;
    let second = talk.story.asks_approval(&run).await;
    assert_ne!(second, plan);
    let late = talk.clicks(talk.bo, "Approve").await;
    insta::assert_snapshot!(talk.refused(&late).await, @"✗ the plan of run RUN is HEX by now: look at it again with `/purser show run:RUN`");
    talk.discord.heal();
    talk.both_ask().await;
    insta::assert_snapshot!(talk.sees("the approval is void").await, @"
    #ops
    Purser (to ann's /deploy, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ deploy · bookshop/web new
      ┃ **waits for approval** · asked by ann
      ┃ Needs a yes from 1 × operator, not who asked, until <t:TIME:t> (<t:TIME:R>)
      ┃ — run RUN
      └ thread deploy · bookshop/web new
        Purser:
          ┃ deploy · bookshop/web new
          ┃ **waits for approval** · asked by ann <t:TIME:R>
          ┃ ! the approval is void: image books:new was sha256:HEX when it was approved and is sha256:HEX now
          ┃ ```
          ┃ deploy: docker.deploy_service on shop
          ┃     replace bookshop/web: books:old → books:new, beside the old one
          ┃       ~ image of bookshop-web-1: books:old → books:new
          ┃       + how it is replaced: beside
          ┃       + variable SICK: the new image's value
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
    assert_eq!(shop.id(1), old);

    let window = talk.clicks(talk.bo, "Reject").await;
    window.modal().await.unwrap();
    talk.discord.submits(talk.bo, &window, &[]).unwrap();
    assert_eq!(talk.story.home.ends(&run).await["status"], "cancelled");
    talk.story.home.ends(&hold).await;
}

#[tokio::test]
async fn what_cannot_be_had_back_takes_the_name_of_what_it_is_removed_from() {
    let folder = tempfile::tempdir().unwrap();
    let mut talk = Talk::new().await;
    let to = format!("file://{}", folder.path().display());
    talk.story.call(&to, "file:///backups");
    let home = &talk.story.home;
    backs_up_to(home, &to, &Key::new(), ", keep: 1");
    let steps = std::fs::read_to_string(home.path("workflows/backup-purser.yaml")).unwrap();
    home.write(
        "workflows/backup-purser.yaml",
        &steps.replace("steps:\n", &format!("{FOUR_EYES}steps:\n")),
    );
    home.write(
        "commands/backup.yaml",
        "name: backup\nsummary: Back up Purser\nruns: backup-purser\n",
    );
    talk.up().await;
    talk.asks(talk.ann, "/backup").await;
    talk.both_ask().await;
    insta::assert_snapshot!(talk.sees("Approve…").await, @"
    #ops
    Purser (to ann's /backup, only ann sees this):
      Run `RUN`: https://discord.com/channels/ID/ID/ID
    Purser:
      ┃ backup-purser
      ┃ **waits for approval** · asked by ann
      ┃ Needs a yes from 1 × operator, not who asked, until <t:TIME:t> (<t:TIME:R>)
      ┃ — run RUN
      └ thread backup-purser
        Purser:
          ┃ backup-purser
          ┃ **waits for approval** · asked by ann <t:TIME:R>
          ┃ ```
          ┃ backup: purser.backup_store on purser
          ┃     back up Purser itself to file:///backups
          ┃       + a new object in file:///backups: a backup that 1 key of `recipients` can open
          ┃       - backups in file:///backups beyond the 1 newest: kept
          ┃       · 1 MiB before compression
          ┃       · 0 backups there now
          ┃ ```
          ┃ Waits for approval:
          ┃ Needs a yes from 1 × operator, not who asked, until <t:TIME:t> (<t:TIME:R>)
          ┃ plan `HEX`
          ┃ Removes what cannot be had back: whoever says yes types `purser`
          ┃ — run RUN
          [Approve…] [Reject]
          [Cancel]
    ");
    let window = talk.clicks(talk.bo, "Approve…").await;
    insta::assert_snapshot!(talk.reply(&window).await, @"
    form Approve what cannot be undone
      The name that the plan asks for:
    ");
    let wrong = [("reason", "yes")];
    let wrong = talk.discord.submits(talk.bo, &window, &wrong).unwrap();
    insta::assert_snapshot!(talk.reply(&wrong).await, @"
    Purser (to bo, only bo sees this):
      ✗ the plan of run RUN removes what cannot be had back: whoever says yes to it types `purser`, and not `yes`. Nothing was approved: `purser approve RUN --plan HEX --confirm 'purser'`
    ");

    let window = talk.clicks(talk.bo, "Approve…").await;
    window.modal().await.unwrap();
    let right = [("reason", "purser")];
    let right = talk.discord.submits(talk.bo, &window, &right).unwrap();
    insta::assert_snapshot!(talk.reply(&right).await, @"
    Purser (to bo, only bo sees this):
      Run `RUN` has your yes.
    ");
    talk.sees("succeeded").await;
}

#[tokio::test]
async fn a_private_answer_says_where_to_look_before_it_can_be_changed_no_more() {
    let talk = Talk::of_job("", "private").await;
    // Fifteen minutes after a command its answer cannot be edited any more: this one is almost so old.
    talk.discord.set_back(Duration::from_secs(14 * 60 + 12));
    let asked = talk.says(talk.ann, "/migrate seconds:60");
    insta::assert_snapshot!(talk.plain(&talk.well(asked.sees("/purser show").await)), @r"
    Purser (to ann's /migrate, only ann sees this):
      Discord lets this message be changed no longer, and the run goes on: `/purser show run:RUN` shows it.
      ┃ migrate
      ┃ **running** · asked by ann <t:TIME:R>
      ┃ lines `3` · seconds `60` · exit `0`
      ┃ 
      ┃ … **migrate** docker.run\_job on shop · <t:TIME:R>
      ┃ 
      ┃ now: purser-migrate-HEX runs
      ┃ — run RUN
      [Cancel] [Log: migrate]
    ");
    let run = talk.story.last_run().await;
    talk.story.sees(&format!("cancel {run}")).await;
    talk.story.home.ends(&run).await;
}

impl Talk {
    /// From now on nothing that is shown changes, until Discord heals.
    fn shows_nothing_new(&self) {
        self.discord.fail("PATCH /channels/*/messages/*", 503, 1000);
    }

    /// Waits until there is a button of this label whose reference ends so.
    async fn until_button(&self, label: &str, end: &str) {
        let seen = self.discord.until(label, |view| {
            let places = view.threads(self.ops).into_iter().chain([self.ops]);
            let messages = places.flat_map(|place| view.messages(place));
            let mut buttons = messages.flat_map(|message| {
                let rows = message["components"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                rows.into_iter()
                    .flat_map(|row| row["components"].as_array().cloned().unwrap_or_default())
            });
            let is_it = |button: Value| {
                let id = button["custom_id"].as_str();
                button["label"] == label && id.is_some_and(|id| id.ends_with(end))
            };
            buttons.any(is_it).then_some(())
        });
        self.well(seen.await);
    }
}

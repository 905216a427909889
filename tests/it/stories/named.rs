//! Inputs that name a person, a role or a place: what is offered, and what a wrong name is told.

use serde_json::json;

use super::Story;
use super::suggest::option;
use crate::support::program::Person;

const TELL: &str = r#"
inputs:
  who: { type: user, required: true, summary: whom }
  as: { type: role, default: operator }
  where: { type: channel, default: ops }
steps:
  - { id: wait, wait: { for: 1ms } }
outputs:
  told: "{{ inputs.who }} as {{ inputs.as }} in {{ inputs.where }}"
"#;

const COMMAND: &str = "
name: people tell
summary: Tell somebody
options:
  who: { type: user, required: true }
  as: { type: role }
  where: { type: channel }
runs: tell
";

async fn open() -> Story {
    let mut story = Story::with(&[]);
    let home = &story.home;
    home.workflow("tell", TELL);
    home.write("commands/people/tell.yaml", COMMAND);
    home.configure(
        "[places.ops]\nwebhook = 'http://127.0.0.1:9/ops'\n\
         [hooks.ci]\nroles = ['deployer']\ntoken_file = 'token'\n",
    );
    home.write("token", "a-token-that-is-long-enough-for-a-hook");
    story.home.up().await;
    story
}

#[tokio::test]
async fn people_roles_and_places_are_offered_as_they_are_configured() {
    let story = open().await;
    let offered = async |of: &str, typed: &str| {
        let wanted = option("people tell", of, typed);
        story.offered(&wanted).await.0
    };
    assert_eq!(offered("who", "").await, ["ann", "bo", "cy"]);
    assert_eq!(offered("who", "a").await, ["ann"]);
    assert_eq!(offered("as", "").await, ["deployer", "operator", "reader"]);
    assert_eq!(offered("where", "").await, ["ops"]);
}

#[tokio::test]
async fn whom_nobody_knows_is_told_the_nearest_and_nothing_starts() {
    let story = open().await;
    let said = [
        story.sees("run tell -i who=an").await,
        story.sees("run tell -i who=ann -i as=oprator").await,
        story.sees("run tell -i who=ann -i where=opps").await,
        story.sees("run tell -i who=").await,
        story.sees("run tell").await,
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    purser: tell: the input `who`: unknown person `an`; did you mean `ann`?
    exit code 2
    purser: tell: the input `as`: unknown role `oprator`; did you mean `operator`?
    exit code 2
    purser: tell: the input `where`: unknown place `opps`; did you mean `ops`? (the id of a channel, in digits, does too)
    exit code 2
    purser: tell: the input `who` must be the name of a person, and is ""
    exit code 2
    purser: tell: the input `who` (whom) is missing
    exit code 2
    "#);
    assert_eq!(story.home.asks(&["runs", "list"]).await, json!([]));
    let told = "run tell -i who=bo -i where=1180000000000000001";
    insta::assert_snapshot!(story.sees(told).await, @"
    run RUN of tell, asked by ann
    ✓ wait: done in N s

    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    // Who may not start it is not told whom there is.
    insta::assert_snapshot!(story.person_sees(Person::Cy, "run tell -i who=an").await, @"
    purser: cy may not run `tell` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    exit code 4
    ");
}

//! Freezes and locks: who waits, for whom, and how somebody gets past them.

use serde_json::{Value, json};

use super::Story;
use crate::docker::stage::eventually;
use crate::support::program::Person;

/// A workflow that runs a job on the engine as a whole.
const JOB: &str = r#"
steps:
  - id: job
    uses: docker.run_job
    with: { image: purser-test/web:v1, command: [job, --lines, "1"] }
"#;

/// A workflow that restarts a service that there is not.
const RESTART: &str = r#"
inputs: { service: { type: string, required: true } }
steps:
  - id: restart
    uses: docker.restart_service
    with: { service: "{{ inputs.service }}" }
"#;

/// A freeze that has no end within a test.
const ALWAYS: &str = "
[freezes.holidays]
reason = 'nobody is there'
environments = ['production']
from = '2020-01-01T00:00'
until = '2099-01-01T00:00'
except = ['job']
";

async fn story(config: &str) -> Story {
    let mut story = Story::of_docker();
    story.home.workflow("job", JOB);
    story.home.workflow("restart", RESTART);
    story.home.configure(config);
    story.home.up().await;
    story
}

fn is_about(receipt: &Value, what: &str) -> bool {
    let subject = &receipt["content"]["subject"];
    subject["what"] == what || subject["asked"] == what
}

#[tokio::test]
async fn a_locked_service_is_its_owners_until_it_is_released() {
    let story = story("").await;
    insta::assert_snapshot!(story.sees("lock shop/web --reason migration --for 2h").await, @"");
    insta::assert_snapshot!(story.sees("locks").await, @"");
    let restart = "run restart -i service=bookshop/web";
    insta::assert_snapshot!(story.person_sees(Person::Bo, restart).await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Bo, "lock shop --reason mine").await, @"");
    insta::assert_snapshot!(story.person_sees(Person::Bo, "unlock shop/web").await, @"");
    // Another service, and what names none, are free.
    assert_eq!(
        story
            .home
            .person_types(Person::Bo, &["run", "job"])
            .await
            .code,
        0
    );
    // Ann is let through, and told that there is no such service.
    assert!(story.sees(restart).await.contains("there is"));
    insta::assert_snapshot!(story.sees("unlock shop/web").await, @"");
    insta::assert_snapshot!(story.sees("unlock shop/web").await, @"");
    let receipts = story.home.asks(&["receipts", "list"]).await;
    let about = |what: &str| {
        let all = receipts.as_array().unwrap().iter();
        all.filter(|receipt| is_about(receipt, what)).count()
    };
    assert_eq!(about("lock shop/web"), 2, "taken and released");
    assert_eq!(about("run restart"), 1);
    assert_eq!(about("lock shop"), 1);
    assert_eq!(about("unlock shop/web"), 1);
}

#[tokio::test]
async fn a_lock_has_an_end_a_reason_and_something_that_it_is_on() {
    let story = story("").await;
    let mut seen = vec![];
    for line in [
        "lock shop --reason x --for 31d",
        "lock shpo --reason x",
        "lock shop/ --reason x",
        "locks",
    ] {
        seen.push(story.sees(line).await);
    }
    seen.push(story.person_sees(Person::Cy, "lock shop --reason x").await);
    insta::assert_snapshot!(seen.join("\n"), @"");
}

#[tokio::test]
async fn in_a_freeze_nothing_is_begun_but_what_it_excepts_and_a_plan_says_so() {
    let mut story = story(ALWAYS).await;
    story.home.workflow("migrate", JOB);
    assert_eq!(story.home.types(&["reload"]).await.code, 0);
    insta::assert_snapshot!(story.sees("run migrate").await, @"");
    insta::assert_snapshot!(story.sees("plan migrate").await, @"");
    insta::assert_snapshot!(story.sees("locks").await, @"");
    assert_eq!(story.home.types(&["run", "job"]).await.code, 0);
    insta::assert_snapshot!(story.sees("run migrate --break-glass now").await, @"");
    story.home.stop().await;
}

#[tokio::test]
async fn whoever_may_breaks_the_glass_with_a_reason_that_is_kept() {
    let config = format!("{ALWAYS}\n[break_glass]\nroles = ['operator']\n");
    let story = story(&config).await;
    story.home.workflow("migrate", JOB);
    assert_eq!(story.home.types(&["reload"]).await.code, 0);
    let said = story
        .home
        .types(&["run", "migrate", "--break-glass", "the shop is down"])
        .await;
    assert_eq!(said.code, 0, "{said:?}");
    let run = story.last_run().await;
    let shown = story.sees(&format!("runs show {run}")).await;
    let told = "ann broke the glass: the shop is down";
    assert!(shown.contains(told), "{shown}");
    let receipt = story.sees(&format!("receipts show {run}")).await;
    assert!(
        receipt.contains(&format!("1 step done. {told}")),
        "{receipt}"
    );
    let refused = story
        .person_sees(Person::Cy, "run migrate --break-glass now")
        .await;
    assert!(refused.ends_with("exit code 4"), "{refused}");
}

#[tokio::test]
async fn what_waits_for_approval_while_a_service_is_locked_begins_when_it_is_free() {
    let mut story = Story::of_docker();
    let approval = "approval: { production: { by: [operator], not_requester: true } }";
    story.home.workflow("job", &format!("{approval}{JOB}"));
    story.home.up().await;
    let run = story.starts("job").await;
    let digest = story.asks_approval(&run).await;
    let bo = story
        .home
        .person_types(Person::Bo, &["lock", "shop", "--reason", "the disk"])
        .await;
    assert_eq!(bo.code, 0, "{bo:?}");
    let approve = ["approve", &run, "--plan", &digest];
    assert_eq!(story.home.person_types(Person::Bo, &approve).await.code, 0);
    let waits = |view: &Value| {
        view["progress"]
            .as_str()
            .is_some_and(|now| now.contains("locked"))
    };
    let view = story.until(&run, waits).await;
    assert_eq!(view["status"], json!("queued"));
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"");
    let unlock = ["unlock", "shop"];
    assert_eq!(story.home.person_types(Person::Bo, &unlock).await.code, 0);
    assert_eq!(story.home.ends(&run).await["status"]["ended"], "succeeded");
    let log = story.home.log();
    eventually("the log says why it waited", || {
        log.contains("shop is locked by bo")
    })
    .await;
}

#[tokio::test]
async fn what_freezes_name_must_be_there() {
    let story = Story::of_docker();
    story.home.workflow("job", JOB);
    let mut seen = vec![];
    for freeze in [
        "environments = ['produktion']\nbegins = '0 17 * * fri'\nlasts = '63h'",
        "systems = ['shpo']\nbegins = '0 17 * * fri'\nlasts = '63h'",
        "begins = '0 17 * * fri'\nlasts = '63h'",
        "systems = ['shop']\nbegins = '0 25 * * fri'\nlasts = '63h'",
        "systems = ['shop']\nbegins = '0 17 * * fri'\nlasts = '8d'",
        "systems = ['shop']\nbegins = '0 17 * * fri'\nuntil = '2027-01-01T00:00'",
        "systems = ['shop']\nfrom = 'tomorrow'\nuntil = '2027-01-01T00:00'",
        "systems = ['shop']\nbegins = '@daily'\nlasts = '1h'\nexcept = ['jop']",
    ] {
        let config = std::fs::read_to_string(story.home.path("purser.toml")).unwrap();
        story
            .home
            .configure(&format!("[freezes.x]\nreason = 'x'\n{freeze}"));
        seen.push(story.sees("lint").await);
        story.home.write("purser.toml", &config);
    }
    insta::assert_snapshot!(seen.join("\n"), @"");
}

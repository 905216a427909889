//! Freezes and locks: who waits, for whom, and how somebody gets past them.

use serde_json::{Value, json};

use super::Story;
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

/// A workflow that deploys what an earlier step says.
const RELEASE: &str = r#"
steps:
  - id: build
    uses: docker.run_job
    with: { image: purser-test/web:v1, command: [job, --lines, "1"] }
  - id: deploy
    uses: docker.deploy_service
    with: { service: web, version: "{{ steps.build.output.last_lines[0] }}" }
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
    story.home.workflow("release", RELEASE);
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
    insta::assert_snapshot!(story.sees("lock shop/web --reason migration --for 2h").await, @"
    shop/web is locked by ann until TIME: migration
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("locks").await, @"
    LOCK      BY   UNTIL                 REASON
    shop/web  ann  TIME  migration
    exit code 0
    ");
    let restart = "run restart -i service=bookshop/web";
    insta::assert_snapshot!(story.person_sees(Person::Bo, restart).await, @"
    purser: shop/web is locked by ann until TIME: migration. Nothing was started: have ann release it with `purser unlock shop/web`, or wait until then
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, "lock shop --reason mine").await, @"
    purser: shop/web is locked by ann until TIME: migration. Have ann release it with `purser unlock shop/web`, or wait until then
    exit code 4
    ");
    insta::assert_snapshot!(story.person_sees(Person::Bo, "unlock shop/web").await, @"
    purser: shop/web is locked by ann until TIME: migration. Only ann may release it
    exit code 4
    ");
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
    insta::assert_snapshot!(story.sees("unlock shop/web").await, @"
    shop/web is free: the lock of ann is released
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("unlock shop/web").await, @"
    purser: shop/web is not locked: see `purser locks`
    exit code 2
    ");
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
async fn a_lock_on_a_service_refuses_also_what_comes_to_it_with_something_still_to_be_told() {
    let story = story("").await;
    story
        .sees("lock shop/web --reason migration --for 2h")
        .await;
    insta::assert_snapshot!(story.person_sees(Person::Bo, "run release").await, @"
    purser: shop/web is locked by ann until TIME: migration. Nothing was started: have ann release it with `purser unlock shop/web`, or wait until then
    exit code 4
    ");
    let runs = story.home.asks(&["runs", "list"]).await;
    assert_eq!(runs, json!([]), "nothing is built for nothing");
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
    insta::assert_snapshot!(seen.join("\n"), @"
    purser: a lock lasts for some time, and for 30 days at most: --for 2h
    exit code 2
    purser: unknown system `shpo`; did you mean `shop`?
    exit code 2
    purser: `shop/` cannot be locked: write SYSTEM, or SYSTEM/SERVICE, without blanks
    exit code 2
    nothing is locked
    exit code 0
    purser: cy may not lock shop: that takes the role operator, or one that may start a workflow that acts on shop
    exit code 4
    ");
}

#[tokio::test]
async fn in_a_freeze_nothing_is_begun_but_what_it_excepts_and_a_plan_says_so() {
    let mut story = story(ALWAYS).await;
    story.home.workflow("migrate", JOB);
    assert_eq!(story.home.types(&["reload"]).await.code, 0);
    insta::assert_snapshot!(story.sees("run migrate").await, @"
    purser: shop is frozen (holidays) until TIME: nobody is there. Nothing was started: wait until then
    exit code 4
    ");
    insta::assert_snapshot!(story.sees("plan migrate").await, @"
    job: docker.run_job on shop
        run purser-test/web:v1 with job --lines 1 once on shop
          + a container that is removed when it has ended: purser-test/web:v1 with job --lines 1
          · what the job itself does is not known to Purser and cannot be undone by it
    · not now: shop is frozen (holidays) until TIME: nobody is there
    plan HEX
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("locks").await, @"
    nothing is locked

    FREEZE    OF          WHEN                             REASON
    holidays  production  now, until TIME  nobody is there
    exit code 0
    ");
    assert_eq!(story.home.types(&["run", "job"]).await.code, 0);
    insta::assert_snapshot!(story.sees("run migrate --break-glass now").await, @"
    purser: ann may not break the glass: nobody may, since `[break_glass]` names no roles
    exit code 4
    ");
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
async fn who_may_break_the_glass_is_told_how_and_goes_on_where_they_wanted_to() {
    let config = format!("{ALWAYS}\n[break_glass]\nroles = ['operator']\n");
    let story = story(&config).await;
    let fails = JOB.replace("--lines, \"1\"", "--exit, \"7\"");
    assert_ne!(fails, JOB);
    story.home.workflow("migrate", &fails);
    assert_eq!(story.home.types(&["reload"]).await.code, 0);
    let mut seen = vec![story.sees("run migrate").await];
    let broken = ["run", "migrate", "--break-glass", "the shop is down"];
    assert_eq!(story.home.types(&broken).await.code, 1);
    let run = story.last_run().await;
    seen.push(story.sees(&format!("rerun {run} --from job")).await);
    insta::assert_snapshot!(seen.join("\n"), @"
    purser: shop is frozen (holidays) until TIME: nobody is there. Nothing was started: wait until then, or break the glass with `purser run migrate … --break-glass REASON`
    exit code 4
    purser: shop is frozen (holidays) until TIME: nobody is there. Nothing was started: wait until then, or break the glass with `purser rerun RUN … --break-glass REASON`
    exit code 4
    ");
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
    insta::assert_snapshot!(story.sees(&format!("runs show {run}")).await, @"
    run RUN of job: queued
    asked by ann (uid 0) at TIME
      N s  asked for by ann
    ? N s  plan HEX waits for approval until TIME
    ✓ N s  plan HEX approved by bo
    now: `job` waits: shop is locked by bo until TIME: the disk
    exit code 0
    ");
    let unlock = ["unlock", "shop"];
    assert_eq!(story.home.person_types(Person::Bo, &unlock).await.code, 0);
    let ended = story.home.ends(&run).await;
    assert_eq!(ended["run"]["ended"]["state"], "succeeded");
    assert!(story.home.log().contains("shop is locked by bo"));
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
    insta::assert_snapshot!(seen.join("\n"), @"
    HOME/purser.toml:19:1: [freezes.x]: unknown environment `produktion`; did you mean `production`?
    exit code 2
    HOME/purser.toml:19:1: [freezes.x]: unknown system `shpo`; did you mean `shop`?
    exit code 2
    HOME/purser.toml:17:10: [freezes.x]: it freezes nothing: write `environments` or `systems`, or both
    exit code 2
    HOME/purser.toml:20:1: [freezes.x]: `begins`: column 3: the hour 25 is not in 0 to 23
    exit code 2
    HOME/purser.toml:20:1: [freezes.x]: it would never end: each time it begins again before `lasts` is over
    exit code 2
    HOME/purser.toml:20:1: [freezes.x]: it needs `begins` and `lasts`, for one that comes again and again, or `from` and `until`, for once
    exit code 2
    HOME/purser.toml:20:1: [freezes.x]: `from`: `tomorrow` is no time on a clock: write it as 2026-12-20T00:00, without an offset
    exit code 2
    HOME/purser.toml:22:1: [freezes.x] except: unknown workflow `jop`; did you mean `job`?
    exit code 2
    ");
}

#[tokio::test]
async fn who_may_break_the_glass_must_be_there() {
    let story = Story::of_docker();
    story.home.workflow("job", JOB);
    story.home.configure("[break_glass]\nroles = ['operetor']");
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/purser.toml:18:1: [break_glass] roles: unknown role `operetor`; did you mean `operator`? (nobody has it)
    exit code 2
    ");
}

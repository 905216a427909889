//! What people see in Discord, as text that a person has read.

use serde_json::json;
use uuid::Uuid;

use super::{Shown, brief, run};
use crate::chat::card;
use crate::chat::card::samples::{NOON, Sample, ann, digest_of, plan, waits_for_approval};
use crate::domain::hold::Lock;
use crate::domain::names::{RunId, StepId};
use crate::domain::time::Timestamp;
use crate::service::{HoldsView, RunRow};

fn seen(sample: Sample) -> String {
    told(&run(&card::of(&sample.view())))
}

/// A message as lines: what a person sees of it from the top, with its markdown as it is written, and
/// `{}` for what has no width.
fn told(shown: &Shown) -> String {
    let mut lines = Vec::new();
    lines.extend((!shown.content.is_empty()).then(|| shown.content.clone()));
    for embed in &shown.embeds {
        lines.push(format!("[#{:06X}] {}", embed.colour, embed.title));
        lines.push(embed.description.clone());
        for field in &embed.fields {
            lines.push(format!("== {}\n{}", field.name, field.value));
        }
        lines.push(format!("-- {}", embed.footer));
    }
    for row in &shown.rows {
        let labels: Vec<_> = row
            .iter()
            .map(|button| format!("({:?}: {})", button.look, button.label))
            .collect();
        lines.push(labels.join(" "));
    }
    for file in &shown.files {
        lines.push(format!("file {}: {} bytes", file.name, file.text.len()));
    }
    lines.join("\n").replace('\u{200B}', "{}")
}

#[test]
fn a_deploy_that_waits_for_approval() {
    insta::assert_snapshot!(seen(waits_for_approval()), @r#"
    [#F1C40F] deploy · shop/web v2
    **waits for approval** · asked by ann <t:1774699200:R>
    service `shop/web` · version `v2` · dry\_run `false`
    ```
    deploy: docker.deploy_service on shop
        replace shop/web: image v1 → v2, beside the old one
          ~ image of shop/web: v1 → v2
          · 2 containers run now
    check: http.check on shop-web: only reads
    ```
    == Waits for approval
    Needs a yes from 1 × operator, not who asked, until <t:1774701000:t> (<t:1774701000:R>)
    plan `f0bf3f512013`
    -- run 01900000-0000-7000-8000-00001234abcd
    (Yes: Approve) (No: Reject)
    (Plain: Cancel)
    "#);
    insta::assert_snapshot!(told(&brief(&card::of(&waits_for_approval().view()))), @"
    [#F1C40F] deploy · shop/web v2
    **waits for approval** · asked by ann
    Needs a yes from 1 × operator, not who asked, until <t:1774701000:t> (<t:1774701000:R>)
    -- run 01900000-0000-7000-8000-00001234abcd
    ");
}

#[test]
fn one_at_work_in_its_second_step_of_four() {
    let sample = Sample::of(
        "release",
        &json!({ "service": "shop/web", "version": "v2" }),
    )
    .then(20, json!({ "type": "started" }))
    .begins("backup", "postgres.backup", "orders-db")
    .done(
        1_400,
        "backup",
        &json!({ "backup": "s3://minio/backups/orders/1" }),
    )
    .begins("deploy", "docker.deploy_service", "shop")
    .followed_by(&["check", "prune"])
    .says("replacing 1 of 2 containers");
    insta::assert_snapshot!(seen(sample), @r#"
    [#3498DB] release · shop/web v2
    **running** · asked by ann <t:1774699200:R>

    ✓ **backup** done in 1.4 s
    … **deploy** docker.deploy\_service on shop · <t:1774699201:R>

    ▰▰▰▱▱▱▱▱▱▱ 1 of 4 steps done
    now: replacing 1 of 2 containers
    -- run 01900000-0000-7000-8000-00001234abcd
    (Plain: Cancel) (Plain: Log: deploy)
    "#);
}

#[test]
fn one_that_ended_well() {
    let sample = Sample::of("backup-postgres", &json!({ "database": "orders" }))
        .then(20, json!({ "type": "started" }))
        .begins("dump", "postgres.backup", "orders-db")
        .then(
            60_000,
            json!({ "type": "artifact_kept", "step": "dump", "artifact": {
                "name": "dump.log", "media_type": "text/plain", "bytes": 2_100,
                "digest": format!("sha256:{:064}", 1),
            } }),
        )
        .done(
            64_000,
            "dump",
            &json!({ "backup": "s3://minio/backups/orders/1", "bytes": 73_400_320, "proof": "restored" }),
        )
        .then(
            10,
            json!({ "type": "finished", "state": "succeeded", "summary": {
                "now": "1 step done; proven: the backup has been restored once",
            } }),
        );
    insta::assert_snapshot!(seen(sample), @"
    [#2ECC71] backup-postgres · orders
    ✓ **succeeded** after 2 min 4 s · asked by ann <t:1774699200:R>

    ✓ **dump** done in 2 min 4 s

    1 step done; proven: the backup has been restored once
    == Result
    ```
    backup: s3://minio/backups/orders/1
    bytes: 73400320
    proof: restored
    ```
    == Kept
    dump.log (text/plain, 3 KiB)
    -- run 01900000-0000-7000-8000-00001234abcd
    ");
}

#[test]
fn one_that_failed_and_was_taken_back() {
    insta::assert_snapshot!(seen(rolled_back()), @"
    [#E74C3C] deploy · shop/web v2
    ✗ **rolled back** after 31.5 s · asked by ann <t:1774699200:R>

    ✗ **deploy** shop/web v2 was not healthy within 30s: it answered 503

    Everything that it had done was taken back.
    -- run 01900000-0000-7000-8000-00001234abcd
    (Next: Rerun) (Plain: Log: deploy)
    ");
    insta::assert_snapshot!(told(&brief(&card::of(&rolled_back().view()))), @"
    [#E74C3C] deploy · shop/web v2
    ✗ **rolled back** after 31.5 s · asked by ann
    step `deploy` failed: shop/web v2 was not healthy within 30s: it answered 503. Everything that it had done was taken back.
    -- run 01900000-0000-7000-8000-00001234abcd
    ");
}

fn rolled_back() -> Sample {
    let effect = |kind: &str| {
        json!({
            "type": kind, "step": "deploy", "effect": { "name": "create_container" },
            "generation": 0, "result": null,
        })
    };
    Sample::of("deploy", &json!({ "service": "shop/web", "version": "v2" }))
        .then(20, json!({ "type": "started" }))
        .begins("deploy", "docker.deploy_service", "shop")
        .then(10, effect("effect_started"))
        .then(900, effect("effect_done"))
        .fails(30_000, "deploy", "shop/web v2 was not healthy within 30s: it answered 503")
        .then(500, effect("effect_undone"))
        .then(1, json!({ "type": "step_undone", "step": "deploy", "left": null }))
        .then(
            10,
            json!({ "type": "finished", "state": "rolled_back", "summary": {
                "cause": "step `deploy` failed: shop/web v2 was not healthy within 30s: it answered 503",
                "now": "Everything that it had done was taken back.",
            } }),
        )
}

#[test]
fn one_that_asks_whether_an_effect_happened() {
    let sample = Sample::of("tell", &json!({ "text": "_hello_ @everyone" }))
        .then(20, json!({ "type": "started" }))
        .begins("send", "http.send", "api")
        .then(
            10,
            json!({
                "type": "effect_started", "step": "send", "effect": { "name": "send_once" },
                "generation": 0,
            }),
        )
        .then(
            30_000,
            json!({ "type": "parked", "step": "send", "question": {
                "effect": "send_once", "known": "the connection broke off before the answer came",
            } }),
        );
    insta::assert_snapshot!(seen(sample), @r#"
    [#F1C40F] tell · \_hello\_ @{}everyone
    **waits for a decision** · asked by ann <t:1774699200:R>

    ? **send** did `send_once` happen? the connection broke off before the answer came
    == What to do
    send: look on api whether send\_once happened, then say so here.
    -- run 01900000-0000-7000-8000-00001234abcd
    (Next: It happened) (Next: It did not)
    (Plain: Cancel) (Plain: Log: send)
    "#);
}

#[test]
fn one_whose_approval_is_void() {
    let policy =
        json!([{ "by": ["operator"], "count": 1, "not_requester": false, "expires": "30m" }]);
    let asks = |plan: &serde_json::Value| {
        json!({
            "type": "approval_requested", "digest": digest_of(plan),
            "expires_at": (NOON + 1_800) * 1_000_000, "remind_at": null,
        })
    };
    let (old, new) = (plan("v2"), plan("v2 (built anew)"));
    let approved = json!({ "type": "approved", "by": ann(), "digest": digest_of(&old) });
    let void = json!({
        "type": "approval_voided", "step": "deploy",
        "why": "image shop/web:v2 is sha256:aa now, and was sha256:bb",
    });
    let inputs = json!({ "service": "shop/web", "version": "v2" });
    let sample = Sample::asked("deploy", &inputs, &policy)
        .then(400, json!({ "type": "planned", "plan": old }))
        .then(1, asks(&old))
        .then(60_000, approved)
        .then(5, json!({ "type": "started" }))
        .then(200, void)
        .then(300, json!({ "type": "planned", "plan": new }))
        .then(1, asks(&new))
        .followed_by(&["check"]);
    insta::assert_snapshot!(seen(sample), @"
    [#F1C40F] deploy · shop/web v2
    **waits for approval** · asked by ann <t:1774699200:R>
    ! the approval is void: image shop/web:v2 is sha256:aa now, and was sha256:bb
    ```
    deploy: docker.deploy_service on shop
        replace shop/web: image v1 → v2 (built anew), beside the old one
          ~ image of shop/web: v1 → v2 (built anew)
          · 2 containers run now
    check: http.check on shop-web: only reads
    ```
    == Waits for approval
    Needs a yes from 1 × operator, until <t:1774701000:t> (<t:1774701000:R>)
    plan `3360dc863bd3`
    -- run 01900000-0000-7000-8000-00001234abcd
    (Yes: Approve) (No: Reject)
    (Plain: Cancel)
    ");
}

#[test]
fn one_that_was_cancelled() {
    let sample = Sample::of(
        "release",
        &json!({ "service": "shop/web", "version": "v2" }),
    )
    .then(20, json!({ "type": "started" }))
    .begins("backup", "postgres.backup", "orders-db")
    .then(
        2_000,
        json!({ "type": "cancel_requested", "by": ann(), "reason": "wrong version" }),
    )
    .then(300, json!({ "type": "step_cancelled", "step": "backup" }))
    .then(
        10,
        json!({ "type": "finished", "state": "cancelled", "summary": {
                "cause": "cancelled by ann (wrong version)", "now": "Nothing was changed.",
            } }),
    );
    insta::assert_snapshot!(seen(sample), @"
    [#95A5A6] release · shop/web v2
    ✗ **cancelled** after 2.3 s · asked by ann <t:1774699200:R>

    – **backup** not gone on with

    cancelled by ann (wrong version). Nothing was changed.
    -- run 01900000-0000-7000-8000-00001234abcd
    (Next: Rerun)
    ");
}

#[test]
fn of_many_steps_the_interesting_ones_stay() {
    let mut sample = Sample::of("migrate-all", &json!({})).then(20, json!({ "type": "started" }));
    sample = sample.then(
        1,
        json!({
            "type": "step_fanned_out", "step": "migrate", "items": (0..41).collect::<Vec<_>>(),
        }),
    );
    for at in 0..40 {
        let step = format!("migrate[{at}]");
        sample = sample.begins(&step, "postgres.query", "orders-db");
        sample = match at {
            3 => sample.fails(
                200,
                &step,
                "relation \"orders\" is locked by another session",
            ),
            39 => sample,
            _ => sample.done(200, &step, &json!(null)),
        };
    }
    insta::assert_snapshot!(seen(sample), @r#"
    [#3498DB] migrate-all
    **running** · asked by ann <t:1774699200:R>

    28 steps not shown: 28 done
    ✗ **migrate\[3\]** relation "orders" is locked by another session
    ✓ **migrate\[29\]** done in 0.2 s
    ✓ **migrate\[30\]** done in 0.2 s
    ✓ **migrate\[31\]** done in 0.2 s
    ✓ **migrate\[32\]** done in 0.2 s
    ✓ **migrate\[33\]** done in 0.2 s
    ✓ **migrate\[34\]** done in 0.2 s
    ✓ **migrate\[35\]** done in 0.2 s
    ✓ **migrate\[36\]** done in 0.2 s
    ✓ **migrate\[37\]** done in 0.2 s
    ✓ **migrate\[38\]** done in 0.2 s
    … **migrate\[39\]** postgres.query on orders-db · <t:1774699208:R>

    ▰▰▰▰▰▰▰▰▰▱ migrate: 38 of 41
    -- run 01900000-0000-7000-8000-00001234abcd
    (Plain: Cancel) (Plain: Log: migrate[3]) (Plain: Log: migrate[39])
    "#);
}

#[test]
fn the_runs_there_are() {
    let row = |id: u128, workflow: &str, status: serde_json::Value, summary: Option<&str>| RunRow {
        id: RunId::new(Uuid::from_u128(id)),
        workflow: workflow.into(),
        status: serde_json::from_value(status).unwrap(),
        requested_by: "ann".into(),
        requested_at: Timestamp::from_micros(NOON * 1_000_000),
        updated_at: Timestamp::from_micros(NOON * 1_000_000),
        summary: summary.map(str::to_owned),
    };
    let rows = [
        row(4, "deploy", json!({ "waiting": "approval" }), None),
        row(3, "deploy", json!("running"), None),
        row(
            2,
            "backup-postgres",
            json!("succeeded"),
            Some("3 steps done; proven: restored"),
        ),
        row(
            1,
            "tell",
            json!("cancelled"),
            Some("cancelled by ann. Nothing was changed."),
        ),
    ];
    insta::assert_snapshot!(told(&super::runs(&rows)), @"
    [#95A5A6] Runs
    ? **deploy** waits for approval · ann <t:1774699200:R> · `00000004`
    … **deploy** running · ann <t:1774699200:R> · `00000003`
    ✓ **backup-postgres** succeeded · ann <t:1774699200:R> · `00000002`
    3 steps done; proven: restored
    – **tell** cancelled · ann <t:1774699200:R> · `00000001`
    cancelled by ann. Nothing was changed.
    --
    ");
    insta::assert_snapshot!(told(&super::runs(&[])), @"
    [#95A5A6] Runs
    No runs yet.
    --
    ");
    let many = told(&super::runs(&vec![rows[2].clone(); 60]));
    insta::assert_snapshot!(many.lines().rev().nth(1).unwrap(), @"and 27 runs before these");
}

#[test]
fn what_is_held_and_what_can_be_said() {
    let lock = |target: &str, owner: &str, reason: &str| Lock {
        target: target.parse().unwrap(),
        owner: owner.into(),
        reason: reason.to_owned(),
        since: Timestamp::from_micros(NOON * 1_000_000),
        until: Timestamp::from_micros((NOON + 3_600) * 1_000_000),
    };
    let held = HoldsView {
        locks: vec![
            lock("shop", "ann", "*stock* is counted"),
            lock("shop/web", "bo", "@everyone waits"),
        ],
        freezes: vec![],
    };
    insta::assert_snapshot!(told(&super::held(&held)), @r"
    [#95A5A6] Held
    `shop` is ann's until <t:1774702800:t> (<t:1774702800:R>): \*stock\* is counted
    `shop/web` is bo's until <t:1774702800:t> (<t:1774702800:R>): @{}everyone waits
    --
    ");
    let none = HoldsView {
        locks: vec![],
        freezes: vec![],
    };
    insta::assert_snapshot!(told(&super::held(&none)), @"
    [#95A5A6] Held
    Nothing is locked or frozen.
    --
    ");
    insta::assert_snapshot!(told(&super::locked(&held.locks[0])), @r"`shop` is ann's until <t:1774702800:t> (<t:1774702800:R>): \*stock\* is counted");
    insta::assert_snapshot!(told(&super::free(&held.locks[0])), @"`shop` is free again.");
    let entries = [
        ("db backup", "Dump a database"),
        ("purser runs", "The latest runs"),
    ];
    let entries = entries.map(|(name, summary)| (name.to_owned(), summary.to_owned()));
    insta::assert_snapshot!(told(&super::help(&entries)), @"
    [#95A5A6] What you can say here
    `/db backup` Dump a database
    `/purser runs` The latest runs
    --
    ");
    let many = told(&super::help(&vec![entries[0].clone(); 400]));
    insta::assert_snapshot!(many.lines().rev().nth(1).unwrap(), @"… and 288 more");
}

#[test]
fn a_log_is_shown_from_its_end() {
    let step = StepId::from("migrate");
    let log = |lines: &[String]| super::log(&step, lines);
    let lines: Vec<_> = (0..400).map(|at| format!("line {at}")).collect();
    let shown = log(&lines);
    assert!(
        shown.content.ends_with("line 399\n```"),
        "{}",
        shown.content
    );
    assert!(shown.files[0].text.starts_with("line 0\nline 1\n"));
    assert_eq!(told(&log(&lines[398..])), "```\nline 398\nline 399\n```");
    assert_eq!(
        told(&log(&[])),
        "The step `migrate` has said nothing so far."
    );
    let long = log(&["x".repeat(5_000)]);
    assert!(long.content.ends_with("x…\n```"), "{}", long.content);
    assert_eq!(long.files[0].text.len(), 5_000);
}

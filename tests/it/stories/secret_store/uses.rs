//! Who reads a secret: jobs, systems, hooks; and nobody else.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{CANARY, JOB, LEAK, all_of};
use crate::docker::stage::inspect;
use crate::stories::{Story, containers_of, words};
use crate::support::database::Database;
use crate::support::s3::Bucket;
use crate::support::systems::of_kind;

#[tokio::test]
async fn a_job_gets_the_value_and_nothing_else_shows_it() {
    let mut story = Story::of_docker();
    story.home.workflow("leak", LEAK);
    story
        .sets("JOB_PASSWORD", "an-old-password-of-the-job")
        .await;
    story.home.up_with(&[("PURSER__LOG__LEVEL", "trace")]).await;
    story.sets("JOB_PASSWORD", CANARY).await;
    let mut heard = String::new();
    let mut hear = async |line: &str| {
        let said = story.home.types(&words(line)).await;
        heard += &said.out;
        heard += &said.err;
        (said.code, said.out)
    };
    let (_, plan) = hear("plan leak").await;
    insta::assert_snapshot!(story.plain(&plan), @"
    leak: docker.run_job on shop
        run purser-test/web:v1 once on shop
          + a container that is removed when it has ended: purser-test/web:v1
          · it is given the secret JOB_PASSWORD as VERSION
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    ");
    let run = story.starts("leak").await;
    let show = format!("runs lines {run} leak");
    let begun = Instant::now();
    while !hear(&show).await.1.contains("web [secret] listens") {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it prints nothing"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let env = inspect(&containers_of(&run)[0], "{{json .Config.Env}}");
    assert!(env.contains(&format!("VERSION={CANARY}")), "{env}");
    assert_eq!(hear(&format!("cancel {run}")).await.0, 0);
    assert_eq!(hear(&format!("runs watch {run}")).await.0, 1);
    let (_, view) = hear(&format!("runs show {run} --json")).await;
    let view: Value = serde_json::from_str(&view).unwrap();
    assert_eq!(
        view["run"]["steps"]["leak"]["input"]["env"],
        json!({ "VERSION": { "$secret": "JOB_PASSWORD" } })
    );
    for line in [
        "receipts list",
        "receipts export",
        "secret list --json",
        "runs list --json",
    ] {
        assert_eq!(hear(line).await.0, 0, "{line}");
    }
    let now = all_of(&story.home.path(""));
    story.home.stop().await;
    let kept = now + &all_of(&story.home.path(""));
    assert!(kept.contains("JOB_PASSWORD") && kept.contains("[secret]"));
    assert!(!heard.contains(CANARY), "on a terminal");
    assert!(!kept.contains(CANARY), "in the store, its WAL or the log");
}

#[tokio::test]
async fn one_that_is_missing_when_it_is_used_fails_the_step_before_any_effect() {
    let mut story = Story::of_docker();
    story.home.workflow("migrate", JOB);
    story.sets("JOB_PASSWORD", "a-long-password").await;
    story.home.up().await;
    insta::assert_snapshot!(story.sees("secret rm JOB_PASSWORD").await, @"
    purser: the secret JOB_PASSWORD was not removed: the workflow migrate would be without it. Take it out there, or remove it all the same with --force
    exit code 1
    ");
    insta::assert_snapshot!(story.sees("secret rm JOB_PASSWORD --force").await, @"
    the secret JOB_PASSWORD is removed
    still named by the workflow migrate, which will fail without it
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("run migrate").await, @"
    run RUN of migrate, asked by ann
    ✗ migrate: the secret `JOB_PASSWORD` is not set: set it with `purser secret set JOB_PASSWORD`
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    let view = story
        .home
        .asks(&["runs", "show", &story.last_run().await])
        .await;
    assert_eq!(view["run"]["steps"]["migrate"]["effects"], json!([]));
    insta::assert_snapshot!(story.sees("reload").await, @"
    purser: the old catalog stays in force:
    HOME/workflows/migrate.yaml:11:24: the secret `JOB_PASSWORD` is not set: set it with `purser secret set JOB_PASSWORD`
    exit code 2
    ");
    story.sets("JOB_PASSWORD", "another-password").await;
    let migrated = story.sees("run migrate").await;
    assert!(migrated.contains("exit code 0"), "{migrated}");
}

#[tokio::test]
async fn what_another_program_says_is_never_taken_for_a_reference() {
    let mut story = Story::of_docker();
    let forged = r#"
inputs:
  name: { type: string, default: JOB_PASSWORD }
steps:
  - id: forged
    uses: docker.run_job
    with:
      image: purser-test/web:v1
      command: [job]
      env: "{{ {'PASSWORD': {'$secret': inputs.name} } }}"
"#;
    story.home.workflow("forged", forged);
    story.sets("JOB_PASSWORD", "a-long-password").await;
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run forged").await, @"
    run RUN of forged, asked by ann
    ✗ forged: the secret `JOB_PASSWORD` was not opened: step `forged` does not name it in the workflow's file; it came by way of an expression
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    assert_eq!(containers_of(&story.last_run().await), Vec::<String>::new());
}

#[tokio::test]
async fn systems_and_hooks_take_their_secrets_from_the_store() {
    let (database, bucket) = (Database::create("").await, Bucket::create().await);
    let mut story = Story::of_backups(&database, &bucket);
    let stored = "kind = 'postgres'\nurl_secret = 'ORDERS_URL'"
        .parse()
        .unwrap();
    story.set_system("orders-db", &stored);
    let mut minio = of_kind("s3", bucket.settings());
    for key in ["access_key", "secret_key"] {
        let file = minio.remove(&format!("{key}_file")).unwrap();
        let value = fs::read_to_string(file.as_str().unwrap()).unwrap();
        minio.insert(format!("{key}_secret"), format!("minio-{key}").into());
        story.sets(&format!("minio-{key}"), &value).await;
    }
    story.set_system("minio", &minio);
    story
        .home
        .configure("[hooks.backup]\nroles = ['operator']\ntoken_secret = 'HOOK_TOKEN'");
    story
        .sets("ORDER_URL", "postgres://app:not-this-one@db/orders")
        .await;
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/purser.toml:28:1: [systems.orders-db]: the secret `ORDERS_URL` is not set; did you mean `ORDER_URL`? Else set it with `purser secret set ORDERS_URL`
    HOME/purser.toml:32:1: [hooks.backup]: the secret `HOOK_TOKEN` is not set: set it with `purser secret set HOOK_TOKEN`
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: HOME/purser.toml:28:1: [systems.orders-db]: the secret `ORDERS_URL` is not set; did you mean `ORDER_URL`? Else set it with `purser secret set ORDERS_URL`
    HOME/purser.toml:32:1: [hooks.backup]: the secret `HOOK_TOKEN` is not set: set it with `purser secret set HOOK_TOKEN`
    exit code 2
    ");
    insta::assert_snapshot!(story.gives("secret set ORDERS_URL", &database.url()).await, @"
    the secret ORDERS_URL is set
    [systems.orders-db] will read it when `purser up` starts next
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/purser.toml:32:1: [hooks.backup]: the secret `HOOK_TOKEN` is not set: set it with `purser secret set HOOK_TOKEN`
    exit code 2
    ");
    story.sets("HOOK_TOKEN", "a-token-of-some-length").await;
    insta::assert_snapshot!(story.sees("secret list").await, @"
    SECRET            SET                   BY   USED BY
    HOOK_TOKEN        TIME  ann  [hooks.backup]
    ORDERS_URL        TIME  ann  [systems.orders-db]
    ORDER_URL         TIME  ann  -
    minio-access_key  TIME  ann  [systems.minio]
    minio-secret_key  TIME  ann  [systems.minio]
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("secret rm minio-access_key").await, @"
    purser: the secret minio-access_key was not removed: [systems.minio] would be without it. Take it out there, or remove it all the same with --force
    exit code 1
    ");

    story.home.up_in_public().await;
    let backed_up = story.sees("run backup").await;
    assert!(backed_up.contains("exit code 0"), "{backed_up}");
    story.home.stop().await;
    let kept = all_of(&story.home.path("store")) + &story.home.logs();
    assert!(!kept.contains(&database.url()) && !kept.contains("a-token-of-some-length"));
    bucket.remove().await;
    database.remove().await;
}

#[tokio::test]
async fn a_setting_has_one_source_of_its_secret() {
    let story = Story::of_docker();
    let lint = async |table: &str| {
        let file = story.home.path("purser.toml");
        let before = fs::read_to_string(&file).unwrap();
        story.home.configure(table);
        let said = story.sees("lint").await;
        story.home.write("purser.toml", &before);
        said
    };
    let tables = [
        "[systems.db]\nkind = 'postgres'\nurl_file = 'url'\nurl_secret = 'URL'",
        "[systems.db]\nkind = 'postgres'",
        "[systems.db]\nkind = 'postgres'\nurl_secret = 'no name'",
        "[systems.m]\nkind = 's3'\nendpoint = 'http://m'\naccess_key_secret = 'A'",
        "[systems.p]\nkind = 'prometheus'\nurl = 'http://p'\nbearer_secret = 'T'",
        "[systems.p]\nkind = 'prometheus'\nurl = 'http://p'\nbasic_auth = { username = 'u' }",
        "[systems.p]\nkind = 'prometheus'\nurl = 'http://p'\nbearer_secret = 'T'\nbasic_auth = { \
         username = 'u', password_secret = 'P' }",
        "[hooks.h]\nroles = ['operator']\nsecret_secret = 'S'",
        "[hooks.h]\nroles = ['operator']\nsecret_secret = 'S'\nsecret_file = 's'",
        "[hooks.h]\nroles = ['operator']",
    ];
    let mut said = String::new();
    for table in tables {
        said += &lint(table).await;
        said += "\n";
    }
    insta::assert_snapshot!(said, @"
    HOME/purser.toml:20:1: [systems.db]: there is `url_secret` and `url_file`: keep one of them
    exit code 2
    HOME/purser.toml:17:10: [systems.db]: one of `url_file`, a path, and `url_secret`, a secret's name, is needed
    exit code 2
    HOME/purser.toml:19:1: [systems.db]: in `url_secret`: this cannot name a secret: a name has 1 to 64 letters, digits, `-` and `_`
    exit code 2
    HOME/purser.toml:17:10: [systems.m]: one of `secret_key_file`, a path, and `secret_key_secret`, a secret's name, is needed
    exit code 2
    HOME/purser.toml:17:10: [systems.p]: the secret `T` is not set: set it with `purser secret set T`
    exit code 2
    HOME/purser.toml:20:1: [systems.p]: in `basic_auth`: one of `password_file`, a path, and `password_secret`, a secret's name, is needed
    exit code 2
    HOME/purser.toml:20:1: [systems.p]: there is `bearer_secret` and `basic_auth`: keep one of them
    exit code 2
    HOME/purser.toml:19:1: [hooks.h]: the secret `S` is not set: set it with `purser secret set S`
    exit code 2
    HOME/purser.toml:17:8: [hooks.h]: there is `secret_secret` and `secret_file`: keep one of them
    exit code 2
    HOME/purser.toml:17:8: [hooks.h]: it needs one of `secret_file`, for senders that sign, and `token_file`, for those that cannot; `secret_secret` and `token_secret` name a secret of the store instead
    exit code 2
    ");
}

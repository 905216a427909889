//! Names that nobody knows, given at the terminal: the nearest one is told, and nothing is done.

use super::{Story, containers_of};
use crate::docker::shop::Shop;
use crate::docker::stage::V1;
use crate::support::database::Database;
use crate::support::s3::Bucket;

/// A workflow whose parts are all given by hand.
const JOB: &str = r#"
inputs:
  image: { type: string, default: "purser-test/web:v1" }
  network: { type: string, default: bridge }
steps:
  - id: job
    uses: docker.run_job
    with: { image: "{{ inputs.image }}", network: "{{ inputs.network }}", command: [job] }
"#;

const DEPLOY: &str = r#"
inputs:
  service: { type: string, required: true, summary: which service }
  version: { type: string, default: v2 }
steps:
  - id: deploy
    uses: docker.deploy_service
    with: { service: "{{ inputs.service }}", version: "{{ inputs.version }}" }
"#;

/// The second step needs what the first one would have said.
const HALF: &str = r#"
inputs:
  dump: { type: boolean, default: false }
steps:
  - id: first
    uses: docker.run_job
    if: inputs.dump
    with: { image: "purser-test/web:v1", command: [job] }
  - id: second
    uses: docker.run_job
    with: { image: "purser-test/web:v1", command: [job, "{{ steps.first.output.container }}"] }
"#;

#[tokio::test]
async fn a_workflow_or_an_input_that_is_not_there_starts_nothing() {
    let mut story = Story::of_docker();
    story.home.workflow("deploy", DEPLOY);
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run deplyo").await, @"
    purser: unknown workflow `deplyo`; did you mean `deploy`?
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("run deploy -i servcie=web").await, @"
    purser: deploy: unknown input `servcie`; did you mean `service`?
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("run deploy").await, @"
    purser: deploy: the input `service` (which service) is missing
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("run deploy -i web").await, @"
    purser: `web` is no input: write NAME=VALUE
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("runs show 12345678").await, @"
    purser: there is no run `RUN`: see `purser runs list`
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("runs show a/b?c").await, @"
    purser: there is no run `a/b?c`: see `purser runs list`
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("schedules pause deploy/nightly").await, @"
    purser: unknown schedule `deploy/nightly`: there is none yet
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("runs list").await, @"
    no runs yet
    exit code 0
    ");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_answered_with_the_nearest() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &[]).await;
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    story.home.workflow("deploy", DEPLOY);
    let approval = "approval: { production: { by: [operator] } }";
    story
        .home
        .workflow("release", &format!("{approval}{DEPLOY}"));
    story.home.up().await;
    let asked = format!("deploy -i service={}/wep", shop.project);
    insta::assert_snapshot!(story.sees(&format!("run {asked}")).await, @"
    run RUN of deploy, asked by ann
    ✗ deploy: on `shop`: unknown service `bookshop/wep`; did you mean `bookshop/web`?
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    insta::assert_snapshot!(story.sees(&format!("plan {asked}")).await, @"
    purser: on `shop`: unknown service `bookshop/wep`; did you mean `bookshop/web`?
    exit code 1
    ");
    let released = format!("run release -i service={}/wep", shop.project);
    insta::assert_snapshot!(story.sees(&released).await, @"
    run RUN of release, asked by ann
    ✗ failed after N s: no plan could be made: on `shop`: unknown service `bookshop/wep`; did you mean `bookshop/web`? Nothing was changed.
    exit code 1
    ");
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.id(1), old);
}

#[tokio::test]
async fn an_image_or_a_network_that_is_not_there_runs_no_job() {
    let mut story = Story::of_docker();
    story.home.workflow("job", JOB);
    story.home.up().await;
    let image = "run job -i image=localhost:1/purser-test/web:v1";
    insta::assert_snapshot!(story.sees(image).await, @r#"
    run RUN of job, asked by ann
    ✗ job: the image localhost:1/purser-test/web:v1 is not on `shop` and cannot be fetched: the registry localhost:1 cannot be reached (Get "http://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused); did you mean `purser-test/web:v1`, which it has? Else see that the registry runs and that its name is right, and try again
    ✗ failed after N s: Nothing was changed.
    exit code 1
    "#);
    insta::assert_snapshot!(story.sees("run job -i network=brigde").await, @"
    run RUN of job, asked by ann
    ✗ job: on `shop`: unknown network `brigde`; did you mean `bridge`?
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    assert_eq!(containers_of(&story.last_run().await), Vec::<String>::new());
}

#[tokio::test]
async fn a_value_that_is_missing_at_run_time_is_named_with_its_step() {
    let mut story = Story::of_docker();
    story.home.workflow("half", HALF);
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run half").await, @"
    run RUN of half, asked by ann
    - first: skipped
    ✗ second: step `second` was not begun: in `{{ steps.first.output.container }}`: `steps.first.output` is empty and has no `container`
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    assert_eq!(containers_of(&story.last_run().await), Vec::<String>::new());
}

#[tokio::test]
async fn a_database_or_a_bucket_that_is_not_there_is_answered_with_the_nearest() {
    let (database, bucket) = (Database::create("").await, Bucket::create().await);
    let mut story = Story::of_backups(&database, &bucket);
    let elsewhere = super::BACKUP.replace("FOLDER", &format!("s3://minio/{}x/orders", bucket.name));
    story.home.workflow("elsewhere", &elsewhere);
    story.home.up().await;
    let asked = format!("run backup -i database={}s", database.name);
    insta::assert_snapshot!(story.sees(&asked).await, @"
    run RUN of backup, asked by ann
    ✗ dump: orders-db: unknown database `DATABASEs`; did you mean `DATABASE`?
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    insta::assert_snapshot!(story.sees("run elsewhere").await, @"
    run RUN of elsewhere, asked by ann
    ✗ dump: could not list s3://minio/BUCKETx/orders on minio: unknown bucket `BUCKETx`; did you mean `BUCKET`?
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    assert_eq!(bucket.keys().await, Vec::<String>::new());
    bucket.remove().await;
    database.remove().await;
}

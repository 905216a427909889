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
    insta::assert_snapshot!(story.sees("run deplyo").await, @"");
    insta::assert_snapshot!(story.sees("run deploy -i servcie=web").await, @"");
    insta::assert_snapshot!(story.sees("run deploy").await, @"");
    insta::assert_snapshot!(story.sees("run deploy -i web").await, @"");
    insta::assert_snapshot!(story.sees("runs show 12345678").await, @"");
    insta::assert_snapshot!(story.sees("runs list").await, @"");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_answered_with_the_nearest() {
    let shop = Shop::new();
    let old = shop.start(1, V1, &[]).await;
    let mut story = Story::of_docker();
    story.call(&shop.project, "bookshop");
    story.home.workflow("deploy", DEPLOY);
    story.home.up().await;
    let asked = format!("deploy -i service={}/wep", shop.project);
    insta::assert_snapshot!(story.sees(&format!("run {asked}")).await, @"");
    insta::assert_snapshot!(story.sees(&format!("plan {asked}")).await, @"");
    assert_eq!(shop.containers(), [shop.name(1)]);
    assert_eq!(shop.id(1), old);
}

#[tokio::test]
async fn an_image_or_a_network_that_is_not_there_runs_no_job() {
    let mut story = Story::of_docker();
    story.home.workflow("job", JOB);
    story.home.up().await;
    let image = "run job -i image=localhost:1/purser-test/web:v1";
    insta::assert_snapshot!(story.sees(image).await, @"");
    insta::assert_snapshot!(story.sees("run job -i network=brigde").await, @"");
    assert_eq!(containers_of(&story.last_run().await), Vec::<String>::new());
}

#[tokio::test]
async fn a_value_that_is_missing_at_run_time_is_named_with_its_step() {
    let mut story = Story::of_docker();
    story.home.workflow("half", HALF);
    story.home.up().await;
    insta::assert_snapshot!(story.sees("run half").await, @"");
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
    insta::assert_snapshot!(story.sees(&asked).await, @"");
    insta::assert_snapshot!(story.sees("run elsewhere").await, @"");
    assert_eq!(bucket.keys().await, Vec::<String>::new());
    bucket.remove().await;
    database.remove().await;
}

//! Images: from a registry that wants a login, whose password stands nowhere; and old ones, which go.

use std::fs;
use std::path::Path;

use super::Story;
use crate::docker::pruning::Repository;
use crate::docker::registry::{Guarded, PASSWORD, Pushed};
use crate::docker::stage::{V1, inspect, plain};
use crate::support::systems::docker;

const JOB: &str = r#"
inputs:
  image: { type: string, required: true }
steps:
  - id: job
    uses: docker.run_job
    with: { image: "{{ inputs.image }}", command: [job] }
"#;

const PRUNE: &str = r#"
inputs:
  repository: { type: string, required: true }
steps:
  - id: prune
    uses: docker.prune_images
    with: { keep: 2, repositories: ["{{ inputs.repository }}"] }
"#;

/// An engine with a login for this registry, and a log that keeps nothing back.
async fn open(guarded: &Guarded, password: &str) -> Story {
    let login: toml::Table = guarded.login(password).parse().unwrap();
    let mut shop = docker();
    shop.extend(login);
    let mut story = Story::with(&[("shop", shop)]);
    story.home.workflow("job", JOB);
    story.home.up_with(&[("PURSER__LOG__LEVEL", "trace")]).await;
    story.call(&guarded.address, "REGISTRY");
    story
}

/// What people see, without what differs in each run.
async fn sees(story: &Story, pushed: &Pushed, line: &str) -> String {
    let image = pushed.reference().replace(&pushed.repository, "REPOSITORY");
    let said = story
        .sees(&line.replace("IMAGE", &pushed.reference()))
        .await;
    let (_, path) = pushed.repository.split_once('/').unwrap();
    let said = said.replace(&format!("REGISTRY/{path}"), "REGISTRY/shop/web");
    let lines = said.lines().map(|line| match line.split_once("; ") {
        Some((before, _)) if line.contains(" on the disk of ") => before,
        _ => line,
    });
    plain(
        &lines
            .collect::<Vec<_>>()
            .join("\n")
            .replace(&image, "IMAGE"),
    )
}

/// All that lies in a folder, in one text.
fn all_of(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &all_of(&path);
        } else if path.is_file() {
            text += &String::from_utf8_lossy(&fs::read(path).unwrap());
        }
    }
    text
}

#[tokio::test]
async fn a_registrys_password_opens_it_and_stands_nowhere() {
    let guarded = Guarded::start().await;
    let pushed = guarded.push(V1);
    let mut story = open(&guarded, PASSWORD).await;
    insta::assert_snapshot!(sees(&story, &pushed, "plan job -i image=IMAGE").await, @"
    job: docker.run_job on shop
        run REGISTRY/shop/web:live with job once on shop
          + a container that is removed when it has ended: REGISTRY/shop/web:live with job
          + image REGISTRY/shop/web:live on shop: fetched from REGISTRY, sha256:HEX
          · the size of the image REGISTRY/shop/web:live is known only while it is fetched
          · what the job itself does is not known to Purser and cannot be undone by it
    plan HEX
    exit code 0
    ");
    insta::assert_snapshot!(sees(&story, &pushed, "run job -i image=IMAGE").await, @"
    run RUN of job, asked by ann
    ✓ job: done in N s
    exit_code: 0
    seconds: N
    container: purser-job-HEX
    last_lines:
        line 1
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    let run = story.last_run().await;
    let mut heard = String::new();
    for line in [
        &format!("runs show {run} --json"),
        &format!("receipts show {run}"),
        "receipts export",
        "doctor",
        "lint",
    ] {
        let said = story.sees(line).await;
        assert!(said.ends_with("exit code 0"), "{line}: {said}");
        heard += &said;
    }
    assert!(
        heard.contains("the registry REGISTRY does not refuse the login for it"),
        "{heard}"
    );
    story.home.stop().await;
    let kept = all_of(&story.home.path(""));
    assert!(kept.contains(&guarded.address));
    // As it is, in the header to the engine, and in that to the registry.
    let header = "eyJ1c2VybmFtZSI6InB1cnNlciIsInBhc3N3b3JkIjoi";
    for secret in [PASSWORD, header, "cHVyc2VyOkthcGl0YWVu"] {
        assert!(!heard.contains(secret), "{secret} on a terminal");
        assert!(!kept.contains(secret), "{secret} in the store or the log");
    }
}

#[tokio::test]
async fn a_wrong_password_is_noticed_by_doctor_and_step() {
    let guarded = Guarded::start().await;
    let pushed = guarded.push(V1);
    let mut story = open(&guarded, "not-the-password").await;
    let folder = guarded.password_file("other", "");
    story.call(folder.trim_end_matches("other"), "FOLDER/");
    insta::assert_snapshot!(sees(&story, &pushed, "run job -i image=IMAGE").await, @r#"
    run RUN of job, asked by ann
    ✗ job: the image REGISTRY/shop/web:live is not on `shop` and cannot be fetched: the registry REGISTRY refuses the login of purser; put the right password into FOLDER/password, for [systems.shop.registries."REGISTRY"], and restart Purser
    ✗ failed after N s: Nothing was changed.
    exit code 1
    "#);
    let said = sees(&story, &pushed, "doctor").await;
    let said: Vec<_> = said
        .lines()
        .take_while(|line| !line.starts_with('✓'))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    ✗ system shop: the registry REGISTRY refuses the login of purser
        next: put the right password into FOLDER/password, for [systems.shop.registries."REGISTRY"], and restart Purser
    ! secret FOLDER/password: others may read it (mode 644)
        next: chmod 600 FOLDER/password
    "#);
}

#[tokio::test]
async fn a_prune_names_each_image_before_and_after() {
    let shop = Repository::with(4);
    let mut story = Story::of_docker();
    story.home.workflow("prune", PRUNE);
    story.home.up().await;
    story.call(&shop.name, "shop/web");
    let asked = format!("prune -i repository={}", shop.name);
    let date = inspect(&shop.at(1), "{{.Created}}")[..10].to_owned();
    // What the program in it is built by is another matter.
    let size: u64 = inspect(&shop.at(1), "{{.Size}}").parse().unwrap();
    let [one, both] = [size, 2 * size].map(|size| size.to_string());
    let said = async |line: &str| {
        let seen = story.sees(line).await.replace(&date, "TODAY");
        plain(&seen.replace(&one, "SIZE").replace(&both, "TWICE"))
    };
    insta::assert_snapshot!(said(&format!("plan {asked}")).await, @"
    prune: docker.prune_images on shop
        remove 2 images from shop, of 3 MiB together
          - image shop/web:v1 (HEX): 2 MiB, made TODAY
          - image shop/web:v2 (HEX): 2 MiB, made TODAY
          · layers that images share with others stay, so less may become free than their sum
          · cannot be undone: what came from no registry can only be built again
          · of each repository the 2 newest stay
    plan HEX
    exit code 0
    ");
    insta::assert_snapshot!(said(&format!("run {asked}")).await, @"
    run RUN of prune, asked by ann
    ✓ prune: done in N s
    removed:
        name                     id                                                                       digests  bytes
        shop/web:v1  sha256:HEX           SIZE
        shop/web:v2  sha256:HEX           SIZE
    left: none
    kept: none
    bytes: TWICE
    message: 2 images are gone from shop, of 3 MiB together
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    assert_eq!(shop.tags(), ["v3", "v4"]);
    insta::assert_snapshot!(said(&format!("undo {}", story.last_run().await)).await, @"
    purser: nothing that run RUN did can be taken back (`prune`: 2 images are gone, and can be fetched again where a digest stands: shop/web:v1, shop/web:v2): what is not to stay has to be set right by hand
    exit code 1
    ");
}

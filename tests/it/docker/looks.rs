//! What can be looked at: logs that are searched and followed, figures, events, images, networks.

use serde_json::{Value, json};

use super::shop::Shop;
use super::stage::{Cleanup, Step, V1, docker, eventually, inspect, unique};

/// A service of the project that prints numbered lines.
fn talks(shop: &Shop, number: u32, lines: &str, seconds: &str) -> String {
    let service = format!("{}/talk", shop.project);
    docker(&[
        "run",
        "--detach",
        "--no-healthcheck",
        "--name",
        &format!("{}-talk-{number}", shop.project),
        "--label",
        &format!("com.docker.compose.project={}", shop.project),
        "--label",
        "com.docker.compose.service=talk",
        V1,
        "job",
        "--lines",
        lines,
        "--seconds",
        seconds,
    ]);
    service
}

fn logs(service: &str, more: &Value) -> Step {
    let mut input = json!({ "service": service });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    Step::of("docker.show_logs", input)
}

#[tokio::test]
async fn lines_are_searched_by_text_whatever_its_case() {
    let shop = Shop::new();
    let talk = talks(&shop, 1, "120", "0");
    docker(&["wait", &format!("{}-talk-1", shop.project)]);
    let found = async |more| logs(&talk, &more).run().await.unwrap();
    let one = found(json!({ "grep": "LINE 7" })).await;
    assert_eq!(one["lines"], 11, "line 7, and 70 to 79");
    let last = found(json!({ "grep": "line 1", "lines": 2 })).await;
    assert_eq!(last["text"], "line 119\nline 120");
    let none = found(json!({ "grep": "line .", "lines": 2 })).await;
    assert_eq!(none["text"], "", "it is text and no pattern");
}

#[tokio::test]
async fn lines_are_followed_until_the_container_ends() {
    let shop = Shop::new();
    let talk = talks(&shop, 1, "4", "2");
    let step = logs(&talk, &json!({ "follow": "1m", "grep": "line" }));
    let output = step.run().await.unwrap();
    assert_eq!(output["text"], "line 1\nline 2\nline 3\nline 4");
    assert_eq!(
        output["ended"],
        "its containers have ended, or were removed"
    );
    assert!(!step.journal.told().is_empty());
}

#[tokio::test]
async fn following_ends_with_its_time() {
    let shop = Shop::new();
    let talk = talks(&shop, 1, "600", "600");
    talks(&shop, 2, "600", "600");
    let step = logs(&talk, &json!({ "follow": "3s" }));
    let output = step.run().await.unwrap();
    assert_eq!(output["ended"], "after 3s, as asked for");
    let text = output["text"].as_str().unwrap();
    for number in [1, 2] {
        let line = format!("{}-talk-{number} | line 1", shop.project);
        assert!(text.contains(&line), "{text}");
    }
}

#[tokio::test]
async fn following_that_is_cancelled_has_what_it_has_seen() {
    let shop = Shop::new();
    let talk = talks(&shop, 1, "600", "600");
    let step = logs(&talk, &json!({ "follow": "10m" }));
    let cancel = step.cancel.clone();
    let journal = std::sync::Arc::clone(&step.journal);
    let (output, ()) = tokio::join!(step.run(), async {
        eventually("a line is told", || !journal.told().is_empty()).await;
        cancel.cancel();
    });
    let output = output.unwrap();
    assert_eq!(output["ended"], "it was stopped before its time was over");
    assert!(output["text"].as_str().unwrap().starts_with("line 1"));
}

#[tokio::test]
async fn following_has_bounds() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let error = logs(&shop.web(), &json!({ "follow": "1h" })).run().await;
    insta::assert_snapshot!(error.unwrap_err(), @"`follow` is 1h: it must be 1s to 15m");
}

#[tokio::test]
async fn figures_are_those_of_the_engine() {
    let shop = Shop::new();
    shop.start(1, V1, &["--memory", "64m"]).await;
    shop.start(2, V1, &[]).await;
    docker(&["stop", &shop.name(2)]);
    let now = Step::of("docker.show_stats", json!({ "service": shop.web() }));
    let output = now.run().await.unwrap();
    let rows = output["containers"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "only what runs: {output}");
    assert_eq!(rows[0]["container"], shop.name(1));
    assert_eq!(rows[0]["memory_limit"], 64 << 20);
    assert!(rows[0]["memory"].as_u64().unwrap() > 0);
    assert!(rows[0]["cpu"].is_number(), "{output}");
    let head = output["text"].as_str().unwrap().lines().next().unwrap();
    let words: Vec<_> = head.split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "CONTAINER CPU MEMORY LIMIT RECEIVED SENT READ WRITTEN"
    );

    let over = json!({ "service": shop.web(), "for": "4s" });
    let step = Step::of("docker.show_stats", over);
    let output = step.run().await.unwrap();
    assert_eq!(output["charts"], json!(["cpu.png", "memory.png"]));
    let png = step.journal.artifact("cpu.png").unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    assert!(output["containers"][0]["samples"].as_u64().unwrap() >= 2);
    assert!(output["containers"][0]["cpu_max"].is_number(), "{output}");
    let error = Step::of("docker.show_stats", json!({ "for": "1h" }))
        .run()
        .await;
    insta::assert_snapshot!(error.unwrap_err(), @"`for` is 1h: it must be 2s to 10m");
}

#[tokio::test]
async fn what_has_happened_is_told_by_service_and_jobs_as_such() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    let job = Step::of(
        "docker.run_job",
        json!({ "image": V1, "command": ["job", "--lines", "1"] }),
    );
    let all = async || {
        let all = Step::of("docker.list_events", json!({ "since": "5m" }));
        let output = all.run().await.unwrap();
        output["services"].as_array().unwrap().clone()
    };
    // Others' health checks push events out: each is looked at as soon as it has happened.
    job.run().await.unwrap();
    let groups = all().await;
    let run = json!(job.run.to_string());
    let jobs = groups.iter().find(|one| one["run"] == run);
    assert_eq!(jobs.expect("the job is there")["job"], true);

    docker(&["stop", &shop.name(1)]);
    let groups = all().await;
    let web = groups.iter().find(|one| one["name"] == shop.web()).unwrap();
    let told = web["events"].as_array().unwrap().iter();
    let told: Vec<_> = told.map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(told.last(), Some(&"stopped"), "{told:?}");
    assert!(told.contains(&"ended with exit code 137"), "{told:?}");

    let one = json!({ "since": "5m", "service": shop.web() });
    let output = Step::of("docker.list_events", one).run().await.unwrap();
    assert_eq!(output["services"].as_array().unwrap().len(), 1);
    let note = output["text"].as_str().unwrap().lines().last();
    assert!(note.unwrap().contains("last 256 events"));
    let nobody = json!({ "service": "no-such-service" });
    Step::of("docker.list_events", nobody)
        .run()
        .await
        .unwrap_err();
}

#[tokio::test]
async fn images_are_listed_with_who_uses_them() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    docker(&["stop", &shop.name(1)]);
    let tag = format!("purser-test/{}:v9", unique("web"));
    docker(&["tag", V1, &tag]);
    let output = Step::of("docker.list_images", json!({})).run().await;
    docker(&["rmi", &tag]);
    let output = output.unwrap();
    let id = inspect(V1, "{{.Id}}")["sha256:".len()..][..12].to_owned();
    let images = output["images"].as_array().unwrap();
    let row = images.iter().find(|one| one["id"] == json!(id)).unwrap();
    let names = row["names"].as_array().unwrap();
    assert!(names.contains(&json!(V1)) && names.contains(&json!(tag)));
    assert_eq!(
        row["size"].to_string(),
        inspect(V1, "{{.Size}}"),
        "in bytes"
    );
    assert!(row["age"].is_string());
    let users = row["used_by"].as_array().unwrap();
    assert!(users.contains(&json!(shop.web())), "{users:?}");
}

#[tokio::test]
async fn networks_are_listed_with_who_is_in_them() {
    let shop = Shop::new();
    shop.start(1, V1, &[]).await;
    docker(&["stop", &shop.name(1)]);
    let other = unique("gateway");
    let _gone = Cleanup(format!("name={other}"));
    docker(&["create", "--name", &other, "--network", &shop.network(), V1]);
    let output = Step::of("docker.list_networks", json!({})).run().await;
    let output = output.unwrap();
    let networks = output["networks"].as_array().unwrap();
    let row = networks
        .iter()
        .find(|one| one["name"] == json!(shop.network()))
        .unwrap();
    let format = "{{(index .IPAM.Config 0).Subnet}}";
    let subnet = docker(&["network", "inspect", "--format", format, &shop.network()]);
    assert_eq!(row["driver"], "bridge");
    assert_eq!(row["subnets"], json!([subnet]));
    assert_eq!(row["services"], json!([other, shop.web()]));
    assert!(output["text"].as_str().unwrap().contains(&subnet));
}

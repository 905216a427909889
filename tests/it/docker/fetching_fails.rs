//! What an engine cannot fetch, and what it says then.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::fake_engine::{DIGEST, FakeEngine};
use super::registry::PASSWORD;
use super::stage::{Step, V1, shown, systems};

const IMAGE: &str = "r.example:5000/shop/web:v2";

fn job(engine: &FakeEngine, settings: &str, image: &str) -> Step {
    let input = json!({ "image": image });
    Step::on(&engine.host(), "docker.run_job", settings, input)
}

fn layer(id: &str, status: &str, current: i64, total: i64) -> Value {
    json!({ "id": id, "status": status, "progressDetail": { "current": current, "total": total } })
}

async fn failed(engine: &FakeEngine) -> String {
    job(engine, "", IMAGE).run().await.unwrap_err().message
}

#[tokio::test]
async fn what_is_larger_than_the_disk_is_not_fetched_to_its_end() {
    let lines = [
        json!({ "id": "v2", "status": "Pulling from shop/web" }),
        layer("a", "Downloading", 1, 1 << 20),
        layer("b", "Downloading", 1, 1 << 60),
        layer("b", "Downloading", 1 << 60, 1 << 60),
    ];
    let engine = FakeEngine::here(Path::new("/var/tmp"), &lines);
    let said = failed(&engine).await;
    let parts: Vec<_> = said.split(", and ").collect();
    let [before, after, _] = parts[..] else {
        panic!("{said}");
    };
    assert!(after.contains(" are free on the disk of `shop`"), "{said}");
    insta::assert_snapshot!(before, @"the image r.example:5000/shop/web:v2 is not on `shop` and was not fetched, because there is no room for it: it is at least 1099511627777 MiB");

    let unseen = FakeEngine::here(Path::new("/nowhere/at/all"), &lines);
    let plan = job(&unseen, "", IMAGE).plan().await.unwrap();
    insta::assert_snapshot!(shown(&plan), @"
    run r.example:5000/shop/web:v2 once on shop
    relies on image r.example:5000/shop/web:v2: sha256:HEX
    a container that is removed when it has ended: nothing → r.example:5000/shop/web:v2
    image r.example:5000/shop/web:v2 on shop: nothing → fetched from r.example:5000, sha256:HEX
    note: the size of the image r.example:5000/shop/web:v2 is known only while it is fetched; whether there is room on the disk of `shop` is not known: its folder cannot be seen from here
    note: what the job itself does is not known to Purser and cannot be undone by it
    ");
}

#[tokio::test]
async fn an_engine_whose_disk_is_full_has_its_words_read() {
    let full = "failed to register layer: Error processing tar file(exit status 1): write /a: no space left on device";
    let lines = [
        layer("a", "Downloading", 1, 100),
        json!({ "errorDetail": { "message": full }, "error": full }),
    ];
    let elsewhere = FakeEngine::telling(&json!({ "Name": "elsewhere" }), &lines);
    insta::assert_snapshot!(failed(&elsewhere).await, @"the image r.example:5000/shop/web:v2 is not on `shop` and cannot be fetched: the engine's disk is full (failed to register layer: Error processing tar file(exit status 1): write /a: no space left on device); make room there, as with docker.prune_images, and try again");
}

#[tokio::test]
async fn an_engine_that_tells_without_end_is_not_listened_to_for_ever() {
    let lines: Vec<_> = (0..20_000)
        .map(|at| layer(&at.to_string(), "Downloading", -1, -1))
        .collect();
    let engine = FakeEngine::telling(&json!({}), &lines);
    // It says that it is done, and has nothing.
    insta::assert_snapshot!(failed(&engine).await.replace(DIGEST, "DIGEST"), @"`shop` has fetched the image r.example:5000/shop/web:v2 and does not have it as r.example:5000/shop/web@DIGEST: somebody else has removed it at once; try again");
}

#[tokio::test]
async fn a_login_is_sent_for_images_of_its_registry_and_for_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let table = |registry: &str| {
        format!(
            "[registries.\"{registry}\"]\nusername = 'ann'\npassword_file = '{}'\n",
            file.display()
        )
    };
    let settings = table("r.example:5000") + &table("docker.io");
    let engine = FakeEngine::telling(&json!({}), &[]);
    for image in [
        IMAGE,
        "shop/web:v3",
        "r.example/shop/web:v4",
        "r.example:5001/web:v5",
    ] {
        job(&engine, &settings, image).run().await.unwrap_err();
    }
    let logins = |path: &str| -> Vec<String> {
        let heads = engine.asked(path);
        assert!(!heads.is_empty(), "{path}");
        let sent = heads.iter().filter_map(|head| {
            let (_, rest) = head.split_once("x-registry-auth: ")?;
            let login = URL_SAFE.decode(rest.lines().next()?).unwrap();
            let login: Value = serde_json::from_slice(&login).unwrap();
            assert_eq!(login["password"], PASSWORD);
            Some(format!("{} {}", login["username"], login["serveraddress"]))
        });
        sent.collect()
    };
    for of_mine in [
        "/distribution/r.example:5000/shop/web:v2/json",
        "fromImage=r.example%3A5000%2Fshop%2Fweb&",
    ] {
        let sent = logins(of_mine);
        assert!(
            sent.iter().all(|one| one == r#""ann" "r.example:5000""#),
            "{sent:?}"
        );
        assert!(!sent.is_empty());
    }
    assert_eq!(
        logins("/distribution/shop/web:v3/json")[0],
        r#""ann" "https://index.docker.io/v1/""#
    );
    for of_others in [
        "/distribution/r.example/shop/web:v4/json",
        "/distribution/r.example:5001/web:v5/json",
    ] {
        assert_eq!(logins(of_others), [""; 0]);
    }
    assert!(
        engine
            .asked("x-registry-auth")
            .iter()
            .all(|head| { head.contains("/distribution/") || head.contains("/images/create") })
    );
}

#[tokio::test]
async fn a_table_that_does_not_do_says_what_would() {
    let said = |table: &str| systems(table).err().unwrap();
    insta::assert_snapshot!(said("[registries.\"https://r.example/shop\"]\nusername = 'ann'\npassword_file = 'x'"), @r#"[systems.shop]: registries."https://r.example/shop": write the registry as images name it: `r.example`"#);
    insta::assert_snapshot!(said("[registries.\"r.example\"]\nusername = 'ann'"), @r#"[systems.shop]: registries."r.example": one of `password_file`, a path, and `password_secret`, a secret's name, is needed"#);
    insta::assert_snapshot!(said("[registries.\"r.example\"]\nusername = ''\npassword_secret = 'X'"), @r#"[systems.shop]: registries."r.example": `username` is who logs in: not empty, and without a colon"#);
    insta::assert_snapshot!(said("[registries.\"r.example\"]\nusername = 'ann'\npassword_file = '/nowhere/password'"), @"[systems.shop]: the file /nowhere/password cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(said("[registries.\"r.example\"]\nusername = 'ann'\npassword_secret = 'R_PASSWORD'"), @"[systems.shop]: the secret `R_PASSWORD` is not set: set it with `purser secret set R_PASSWORD`");
    insta::assert_snapshot!(said("[registries.\"r.example\"]\nuser = 'ann'\npassword_file = 'x'"), @"[systems.shop]: unknown field `user`; did you mean `username`?");
}

#[tokio::test]
async fn registries_that_do_not_answer_are_told_from_images_that_are_not_there() {
    let said = async |image: String| {
        let step = Step::of("docker.run_job", json!({ "image": image }));
        step.plan().await.unwrap_err().message
    };
    let unreachable = said("127.0.0.1:1/web:v9".to_owned()).await;
    assert!(
        unreachable
            .ends_with("see that the registry runs and that its name is right, and try again"),
        "{unreachable}"
    );
    // What else there is by a near name is a matter of what other tests have fetched.
    let (why, _) = unreachable.split_once("; ").unwrap();
    insta::assert_snapshot!(why, @r#"the image 127.0.0.1:1/web:v9 is not on `shop` and cannot be fetched: the registry 127.0.0.1:1 cannot be reached (Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused)"#);
    let registry = crate::support::stack::variable("PURSER_TEST_REGISTRY");
    let missing = said(format!("{registry}/nobody/has/this:v9")).await;
    let (why, _) = missing.split_once("; ").unwrap();
    insta::assert_snapshot!(why.replace(&registry, "REGISTRY"), @"the image REGISTRY/nobody/has/this:v9 is not on `shop` and cannot be fetched: the registry REGISTRY has no such image");
    let near = said(V1.replace("purser-test", "localhost:1/purser-test")).await;
    assert!(
        near.contains("did you mean `purser-test/web:v1`, which it has?"),
        "{near}"
    );
}

//! Old images: of each repository the newest stay, and whatever is needed.

use std::time::Duration;

use purser::action::{Clock as _, Undone};
use serde_json::{Value, json};

use super::stage::{Cleanup, Step, V1, V2, docker, inspect, plain, shown, try_docker, unique};
use crate::support::journal::{MOMENTS, Moment, WallClock};
use crate::support::stack::variable;

/// A repository with images of its own, each a second or more older than the next; they go when the
/// story ends.
pub(crate) struct Repository {
    pub(crate) name: String,
    ids: Vec<String>,
}

impl Repository {
    /// `v1` is the oldest.
    pub(crate) fn with(count: usize) -> Self {
        Self::named(format!("{}/web", unique("prune")), count)
    }

    fn named(name: String, count: usize) -> Self {
        let ids = (1..=count).map(|version| {
            let container = unique("made");
            docker(&["create", "--name", &container, V1]);
            let reference = format!("{name}:v{version}");
            let change = format!("LABEL mark={container}");
            docker(&["commit", "--change", &change, &container, &reference]);
            docker(&["rm", &container]);
            // The engine tells the times of its images by whole seconds.
            let made = WallClock.now().micros() / 1_000_000;
            while WallClock.now().micros() / 1_000_000 == made {
                std::thread::sleep(Duration::from_millis(20));
            }
            inspect(&reference, "{{.Id}}")
        });
        Self {
            ids: ids.collect(),
            name,
        }
    }

    pub(crate) fn at(&self, version: usize) -> String {
        format!("{}:v{version}", self.name)
    }

    fn prune(&self, keep: u32, except: &[&str]) -> Step {
        let input = json!({ "keep": keep, "except": except, "repositories": [self.name] });
        Step::of("docker.prune_images", input)
    }

    /// The tags that are there.
    pub(crate) fn tags(&self) -> Vec<String> {
        let listed = docker(&["images", "--format", "{{.Tag}}", &self.name]);
        let mut tags: Vec<_> = listed.lines().map(str::to_owned).collect();
        tags.sort();
        tags
    }

    fn has(&self, version: usize) -> bool {
        let id = &self.ids[version - 1];
        try_docker(&["image", "inspect", id]).status.success()
    }

    fn said(&self, text: &str) -> String {
        plain(&text.replace(&self.name, "shop/web"))
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        for id in &self.ids {
            try_docker(&["rmi", "--force", id]);
        }
    }
}

fn names(list: &Value) -> Vec<String> {
    let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn old_images_go_and_what_is_needed_stays() {
    let shop = Repository::with(6);
    let used = unique("used");
    let _gone = Cleanup(format!("name={used}"));
    docker(&["create", "--name", &used, &shop.at(2)]);
    docker(&["tag", &shop.at(1), &format!("{}:first", shop.name)]);
    let excepted = shop.at(3);
    let step = shop.prune(2, &[&excepted, "shop/nothing"]);
    let plan = step.plan().await.unwrap();
    let today = inspect(&shop.at(1), "{{.Created}}")[..10].to_owned();
    let said = shown(&plan).replace("prune-HEX/web", "shop/web");
    insta::assert_snapshot!(said.replace(&today, "TODAY"), @"
    remove 2 images from shop, of 3 MiB together
    relies on image shop/web:first, shop/web:v1: sha256:HEX
    relies on image shop/web:v4: sha256:HEX
    image shop/web:first, shop/web:v1 (HEX): 2 MiB, made TODAY → nothing
    image shop/web:v4 (HEX): 2 MiB, made TODAY → nothing
    note: layers that images share with others stay, so less may become free than their sum
    note: cannot be undone: what came from no registry can only be built again
    note: of each repository the 2 newest stay
    note: shop/web:v2 stays: the container used-HEX was made of it
    note: shop/web:v3 stays: `except` names it
    note: `shop/nothing` is no image and no repository that is there
    ");

    let output = step.run().await.unwrap();
    assert_eq!(shop.tags(), ["v2", "v3", "v5", "v6"]);
    assert!(!shop.has(1) && !shop.has(4));
    insta::assert_snapshot!(shop.said(output["message"].as_str().unwrap()), @"2 images are gone from shop, of 3 MiB together");
    assert_eq!(names(&output["removed"]).len(), 2);
    assert_eq!(output["left"], json!([]));
    assert_eq!(names(&output["kept"]), [shop.at(2), shop.at(3)]);
    let Undone::ExceptFor(left) = step.undo().await.unwrap() else {
        panic!("what is removed does not come back");
    };
    insta::assert_snapshot!(shop.said(&left), @"2 images are gone, and can be fetched again where a digest stands: shop/web:first, shop/web:v1, shop/web:v4");
    let again = shop.prune(2, &[&excepted]);
    assert_eq!(again.run().await.unwrap()["removed"], json!([]));
}

#[tokio::test]
async fn what_comes_to_be_needed_after_the_plan_is_left() {
    let shop = Repository::with(4);
    let step = shop.prune(1, &[]).dying_at("remove_image", Moment::Started);
    step.run().await.unwrap_err();
    let used = unique("used");
    let _gone = Cleanup(format!("name={used}"));
    docker(&["create", "--name", &used, &shop.at(1)]);
    docker(&["tag", &shop.at(2), &format!("{}:rescued", shop.name)]);
    docker(&["rmi", &shop.at(3)]);
    let output = step.run().await.unwrap();
    assert_eq!(names(&output["removed"]), [shop.at(3)]);
    let left = output["left"].to_string().replace(&used, "USED");
    insta::assert_snapshot!(shop.said(&left), @r#"[{"name":"shop/web:v1","why":"the container USED was made of it meanwhile"},{"name":"shop/web:v2","why":"somebody has named it shop/web:rescued meanwhile"}]"#);
    assert_eq!(shop.tags(), ["rescued", "v1", "v2", "v4"]);
}

#[tokio::test]
async fn killed_while_it_removes_it_goes_on_and_removes_no_more_than_was_planned() {
    for moment in MOMENTS {
        let shop = Repository::with(3);
        docker(&["tag", &shop.at(1), &format!("{}:also", shop.name)]);
        let step = shop.prune(1, &[]).dying_at("remove_image", moment);
        step.run().await.unwrap_err();
        // What is newer now is nothing that was decided on.
        docker(&["tag", V2, &format!("{}:newest", shop.name)]);
        let output = step.run().await.unwrap();
        assert_eq!(names(&output["removed"]).len(), 2, "{moment:?}");
        assert_eq!(shop.tags(), ["newest", "v3"], "{moment:?}");
        docker(&["rmi", &format!("{}:newest", shop.name)]);
        let again = step.run().await.unwrap();
        assert_eq!(again, output, "{moment:?}: done once");
    }
}

#[tokio::test]
async fn stopped_halfway_it_says_what_is_gone() {
    let shop = Repository::with(3);
    let step = shop.prune(1, &[]).dying_at("remove_image", Moment::Done);
    step.run().await.unwrap_err();
    step.cancel.cancel();
    step.run().await.unwrap_err();
    let Undone::ExceptFor(left) = step.undo().await.unwrap() else {
        panic!("one is gone");
    };
    insta::assert_snapshot!(shop.said(&left), @"1 image is gone, and can be fetched again where a digest stands: shop/web:v1");
    assert_eq!(shop.tags(), ["v2", "v3"]);
}

#[tokio::test]
async fn an_image_of_a_registry_can_be_fetched_again_by_what_is_kept_of_it() {
    let registry = variable("PURSER_TEST_REGISTRY");
    let shop = Repository::named(format!("{registry}/{}/web", unique("prune")), 2);
    docker(&["push", "--quiet", &shop.at(1)]);
    let output = shop.prune(1, &[]).run().await.unwrap();
    assert_eq!(names(&output["removed"]), [shop.at(1)]);
    assert!(!shop.has(1));
    let digest = output["removed"][0]["digests"][0].as_str().unwrap();
    docker(&["pull", "--quiet", digest]);
    assert!(shop.has(1), "{digest}");
}

#[tokio::test]
async fn to_keep_none_is_refused() {
    let step = Step::of("docker.prune_images", json!({ "keep": 0 }));
    insta::assert_snapshot!(step.plan().await.unwrap_err().message, @"`keep` is 0, and must be from 1 to 1000: the last image of a repository is for people to remove");
}

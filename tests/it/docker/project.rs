//! `docker.deploy_project`: the services of a Compose project in the order in which they need each other,
//! all of them or none.

use std::fs;

use purser::action::Undone;
use purser::domain::undo::WayBack;
use serde_json::{Value, json};

use super::compose::{Composed, Folder};
use super::stage::{Step, inspect, shown};
use crate::support::journal::Moment;

const ACTION: &str = "docker.deploy_project";

const SHOP: &str = "
services:
  web:
    image: purser-test/web:${WEB_TAG:-v1}
    depends_on: [api]
  api:
    image: purser-test/web:${API_TAG:-v1}
    depends_on: { db: { condition: service_healthy } }
  db:
    image: purser-test/web:${DB_TAG:-v1}
  job:
    image: purser-test/web:v2
    profiles: [jobs]
";

const SERVICES: [&str; 3] = ["db", "api", "web"];

impl Composed {
    fn step(&self, input: &Value) -> Step {
        let mut all = json!({ "project": self.project });
        for (name, value) in input.as_object().unwrap() {
            all[name] = value.clone();
        }
        Step::with(ACTION, &self.folder.setting(&self.project), all)
    }

    /// One value of each service's container, of which there is one.
    fn each(&self, format: &str) -> [String; 3] {
        SERVICES.map(|service| inspect(&self.container(service), format))
    }

    fn images(&self) -> [String; 3] {
        self.each("{{.Config.Image}} {{.State.Health.Status}}")
            .map(|text| text.replace("purser-test/web:", ""))
    }
}

#[tokio::test]
async fn what_the_files_name_is_put_live_in_the_order_in_which_it_is_needed() {
    let shop = Composed::up(SHOP, None);
    shop.folder.write("WEB_TAG=v2\nAPI_TAG=v2\nDB_TAG=v2\n");
    let step = shop.step(&json!({}));
    insta::assert_snapshot!(shop.plain(&shown(&step.plan().await.unwrap())), @"
    deploy composed-HEX, in this order: db, api, web
    relies on image purser-test/web:v2: sha256:HEX
    relies on image of composed-HEX-db-1: sha256:HEX
    relies on container composed-HEX-db-1: HEX, in composed-HEX_default, restart 
    relies on image of composed-HEX-api-1: sha256:HEX
    relies on container composed-HEX-api-1: HEX, in composed-HEX_default, restart 
    relies on image of composed-HEX-web-1: sha256:HEX
    relies on container composed-HEX-web-1: HEX, in composed-HEX_default, restart 
    db: image of composed-HEX-db-1: purser-test/web:v1 → purser-test/web:v2
    db: how it is replaced: nothing → beside
    db: variable VERSION: the old image's value → the new image's value
    db: label purser-test.recipe: HEX → HEX
    api: image of composed-HEX-api-1: purser-test/web:v1 → purser-test/web:v2
    api: how it is replaced: nothing → beside
    api: variable VERSION: the old image's value → the new image's value
    api: label purser-test.recipe: HEX → HEX
    web: image of composed-HEX-web-1: purser-test/web:v1 → purser-test/web:v2
    web: how it is replaced: nothing → beside
    web: variable VERSION: the old image's value → the new image's value
    web: label purser-test.recipe: HEX → HEX
    note: db, api, web: each old container goes on until its new one has proven itself beside it
    note: db, api, web: a new container has 1m to prove itself by its HEALTHCHECK; without one it only has to run for 5 s
    note: db, api, web: can be undone until the old containers are removed, which comes last
    note: db, api, web: in front is Docker's DNS alone: a new container gets the service's name in its networks once it has proven itself; requests under way are dropped where a container does not finish them
    note: db, api, web: the next `docker compose up` makes the containers anew, of purser-test/web:v2 too: the project's files name it already
    note: all of them are proven before any old container goes: when one fails, all go back
    note: left to `docker compose up`: job has no container
    note: of the files only the images are brought about; `docker compose up` brings whatever else they say
    ");
    let output = step.run().await.unwrap();
    insta::assert_snapshot!(shop.plain(output["message"].as_str().unwrap()), @"shop/db runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap; shop/api runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap; shop/web runs purser-test/web:v2 instead of purser-test/web:v1: healthy (its own HEALTHCHECK), without a gap");
    insta::assert_snapshot!(shop.plain(&output["left"].to_string()), @r#"["job has no container"]"#);
    assert_eq!(shop.images(), ["v2 healthy"; 3]);
    let [db, api, web] = shop.each("{{.Created}}");
    assert!(db < api && api < web, "{db} {api} {web}");
    assert_eq!(shop.folder.env(), "WEB_TAG=v2\nAPI_TAG=v2\nDB_TAG=v2\n");

    let again = shop.step(&json!({}));
    assert!(again.plan().await.unwrap().changes.is_empty());
    assert_eq!(again.run().await.unwrap()["changed"], false);
    shop.up_again();
    assert_eq!(shop.images(), ["v2 healthy"; 3]);

    // Back to what ran before, as `purser undo` does it; the files go with it.
    let WayBack::By(back) = step.way_back() else {
        panic!("{:?}", step.way_back());
    };
    let input = Value::Object(back.with().unwrap().clone());
    let services = input["images"].as_array().unwrap().iter();
    let services: Vec<_> = services
        .map(|one| one["service"].as_str().unwrap())
        .collect();
    assert_eq!(services, ["web", "api", "db"]);
    shop.step(&input).run().await.unwrap();
    assert_eq!(shop.images(), ["v1 healthy"; 3]);
    assert_eq!(shop.folder.env(), "WEB_TAG=v1\nAPI_TAG=v1\nDB_TAG=v1\n");
    assert_eq!(again.way_back(), WayBack::Nothing);
}

#[tokio::test]
async fn when_one_of_them_is_sick_all_are_as_they_were() {
    let shop = Composed::up(SHOP, None);
    let old = shop.each("{{.Id}}");
    shop.folder.write("WEB_TAG=v2\nAPI_TAG=v3\nDB_TAG=v2\n");
    let step = shop.step(&json!({}));
    let error = step.run().await.unwrap_err();
    let said = shop.plain(&error.message);
    insta::assert_snapshot!(said.lines().next().unwrap(), @"shop-api-1-purser-HEX (purser-test/web:v3) on `shop`: its own HEALTHCHECK calls it unhealthy (`HTTP/1.1 503 Service Unavailable`); its last lines:");
    for _ in 0..2 {
        assert_eq!(step.undo().await.unwrap(), Undone::Fully);
        assert_eq!(shop.each("{{.Id}}"), old);
        assert_eq!(shop.images(), ["v1 healthy"; 3]);
    }
    assert_eq!(step.containers(), [""; 0]);

    // Killed on its way, it goes on, or back.
    shop.folder.write("WEB_TAG=v2\nDB_TAG=v2\n");
    let step = shop.step(&json!({})).dying_at("stop_old", Moment::Acted);
    step.run().await.unwrap_err();
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(shop.each("{{.Id}}"), old);
    let step = shop.step(&json!({})).dying_at("remove_old", Moment::Acted);
    step.run().await.unwrap_err();
    step.run().await.unwrap();
    assert_eq!(shop.images(), ["v2 healthy", "v1 healthy", "v2 healthy"]);
    assert_eq!(
        step.containers(),
        [shop.container("db"), shop.container("web")]
    );
}

#[tokio::test]
async fn what_is_no_project_is_refused_with_the_reason() {
    let folder = Folder::new("", Some(""));
    let refused = async |project: &str, compose: &str| {
        fs::write(folder.path().join("compose.yaml"), compose).unwrap();
        let input = json!({ "project": project });
        let step = Step::with(ACTION, &folder.setting("blog"), input);
        let error = step.plan().await.unwrap_err();
        let place = folder.path().display().to_string();
        error.message.replace(&place, "/srv/blog")
    };
    let circle = "services:
  a: { image: a, depends_on: [b] }
  b: { image: b, depends_on: [a] }
";
    let said = [
        refused("blg", "").await,
        refused("blog", "").await,
        refused("blog", circle).await,
        refused("blog", "services:\n  a: [\n").await,
        refused("blog", "services: { a: { image: \"a:${TAG}\" } }").await,
        refused(
            "blog",
            "services: { a: { image: \"a:1\" }, b: { build: . } }",
        )
        .await,
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    unknown project `blg`; did you mean `blog`? (the folders of projects stand in [systems.shop.projects])
    no service of `blog` can be deployed on `shop`: its files name none; `docker compose up` starts a project
    what the project `blog` wants cannot be told: its services need each other in a circle: a → b → a
    what the project `blog` wants cannot be told: /srv/blog/compose.yaml, line 2, column 6: unclosed bracket '['
    what the project `blog` wants cannot be told: TAG, of which line 1 of /srv/blog/compose.yaml makes the image of a, has no default and is not in `.env`: set it there
    no service of `blog` can be deployed on `shop`: a has no container, b names no image; `docker compose up` starts a project
    "#);
}

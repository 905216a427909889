//! `docker.deploy_service` of what Docker Compose has started: the version is pinned in the project's
//! `.env`, and the next `docker compose up` brings it again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use purser::action::Undone;
use serde_json::{Value, json};

use super::front::visit;
use super::shop::Shop;
use super::stage::{
    Step, V1, V2, docker, eventually, host, inspect, names, plain, shown, systems, unique,
};
use crate::support::journal::{MOMENTS, Moment};
use crate::support::stack::variable;

/// What a project's `.env` may look like: the version is a line among others, and one is a secret.
pub(crate) const DOTENV: &str = "\
# versions
export WEB_TAG='v1'   # the shop
PASSWORD=\"correct horse
WEB_TAG=v0
battery staple\"
";

/// A folder with a project in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new(compose: &str, dotenv: Option<&str>) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path().join("compose.yaml"), compose).unwrap();
        if let Some(text) = dotenv {
            fs::write(folder.dotenv(), text).unwrap();
            fs::set_permissions(folder.dotenv(), fs::Permissions::from_mode(0o640)).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn dotenv(&self) -> PathBuf {
        self.path().join(".env")
    }

    /// The text of its `.env`, beside which nothing was left.
    pub(crate) fn env(&self) -> String {
        let files = fs::read_dir(self.path()).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, [".env", "compose.yaml"]);
        fs::read_to_string(self.dotenv()).unwrap()
    }

    pub(crate) fn write(&self, dotenv: &str) {
        fs::write(self.dotenv(), dotenv).unwrap();
    }

    /// The line of the engine's table that lets Purser into it.
    pub(crate) fn setting(&self, project: &str) -> String {
        format!("projects = {{ {project} = '{}' }}", self.path().display())
    }

    /// What Docker Compose itself says.
    fn compose(&self, project: &str, arguments: &[&str]) -> String {
        let output = Command::new(variable("PURSER_TEST_COMPOSE"))
            .args(["--project-name", project, "--project-directory"])
            .arg(self.path())
            .args(arguments)
            .env("DOCKER_HOST", host())
            .output()
            .expect("Compose can be run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "compose {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A project that Docker Compose has started.
pub(crate) struct Composed {
    pub(crate) project: String,
    pub(crate) folder: Folder,
}

impl Composed {
    pub(crate) fn up(compose: &str, dotenv: Option<&str>) -> Self {
        let project = unique("composed");
        let compose = compose.replace("PROJECT", &project);
        let composed = Self {
            folder: Folder::new(&compose, dotenv),
            project,
        };
        composed.up_again();
        composed
    }

    pub(crate) fn up_again(&self) {
        let up = ["up", "--detach", "--wait"];
        self.folder.compose(&self.project, &up);
    }

    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.project)
    }

    pub(crate) fn image(&self, service: &str) -> String {
        inspect(&self.container(service), "{{.Config.Image}}")
    }

    pub(crate) fn plain(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        plain(
            &text
                .replace(&folder, "/srv/shop")
                .replace(&self.project, "shop"),
        )
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        for switch in names(&format!("label=purser.switch={}/web", self.project)) {
            docker(&["rm", "--force", &switch]);
        }
        let down = ["down", "--volumes", "--timeout", "1", "--remove-orphans"];
        self.folder.compose(&self.project, &down);
    }
}

const BEHIND: &str = "
services:
  web:
    image: purser-test/web:${WEB_TAG:-v1}
    labels:
      traefik.enable: \"true\"
      traefik.http.routers.PROJECT.rule: Host(`PROJECT.example`)
      traefik.http.services.PROJECT.loadbalancer.server.port: \"8080\"
";

#[tokio::test]
async fn the_next_up_brings_what_was_deployed_and_the_site_answers() {
    let composed = Composed::up(BEHIND, Some(DOTENV));
    let site = format!("{}.example", composed.project);
    let answers = async |version: &str| {
        let wanted = Ok(format!("web {version}"));
        eventually("the site answers", || visit(&site) == wanted).await;
    };
    answers("v1").await;
    let deploy = |version: &str| {
        let api = variable("PURSER_TEST_TRAEFIK_API");
        let setting = composed.folder.setting(&composed.project);
        let probe = json!({ "path": "/", "contains": format!("web {version}") });
        let input = json!({
            "service": format!("{}/web", composed.project),
            "version": version, "drain": "0s", "proxy_probe": probe,
        });
        Step::behind_with("docker.deploy_service", &setting, input, &api)
    };

    let step = deploy("v2");
    let plan = step.plan().await.unwrap();
    let told = composed.plain(&shown(&plan));
    let about: Vec<_> = told
        .lines()
        .filter(|line| line.contains("WEB_TAG"))
        .collect();
    insta::assert_snapshot!(about.join("\n"), @"
    relies on image in /srv/shop/compose.yaml: purser-test/web:${WEB_TAG:-v1}
    WEB_TAG in /srv/shop/.env: v1 → v2
    note: the next `docker compose up` makes the containers anew, of purser-test/web:v2 too, unless WEB_TAG is set in the environment of whoever calls it: that cannot be seen
    ");
    assert_eq!(composed.folder.env(), DOTENV);

    let output = step.run().await.unwrap();
    assert_eq!(output["proof"], "versioned");
    let pinned = DOTENV.replace("'v1'", "'v2'");
    assert_eq!(composed.folder.env(), pinned);
    let rights = fs::metadata(composed.folder.dotenv())
        .unwrap()
        .permissions();
    assert_eq!(rights.mode() & 0o7777, 0o640);
    let kept = format!("{:?} {output}", step.journal.all());
    assert!(
        kept.contains("WEB_TAG") && !kept.contains("horse"),
        "{kept}"
    );

    composed.up_again();
    assert_eq!(composed.image("web"), V2);
    answers("v2").await;
    assert_eq!(composed.folder.env(), pinned);

    deploy("v1").run().await.unwrap();
    assert_eq!(composed.folder.env(), DOTENV);
    composed.up_again();
    assert_eq!(composed.image("web"), V1);
}

/// A shop whose folder Purser may look into.
struct Pinned {
    shop: Shop,
    folder: Folder,
}

const BOTH: &str = "\
services:
  web:
    image: purser-test/web:${WEB_TAG:-v1}
  worker:
    image: purser-test/web:${WEB_TAG:-v1}
    command: [work]
";

impl Pinned {
    async fn new(compose: &str, dotenv: Option<&str>) -> Self {
        let shop = Shop::new();
        shop.start(1, V1, &[]).await;
        let folder = Folder::new(compose, dotenv);
        Self { shop, folder }
    }

    fn deploy(&self, image: &str) -> Step {
        let input = json!({ "service": self.shop.web(), "image": image });
        let setting = self.folder.setting(&self.shop.project);
        Step::with("docker.deploy_service", &setting, input)
    }

    fn plain(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let text = text.replace(&folder, "/srv/shop");
        plain(&text.replace(&self.shop.project, "shop"))
    }

    /// What a plan says of `docker compose up`.
    async fn told(&self, image: &str) -> String {
        let plan = self.deploy(image).plan().await.unwrap();
        let about = |line: &&str| line.contains("docker compose up") || line.contains("WEB_");
        let told = self.plain(&shown(&plan));
        told.lines().filter(about).collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test]
async fn the_version_is_taken_back_with_the_deploy_wherever_it_was_killed() {
    let pinned = Pinned::new(BOTH, Some(DOTENV)).await;
    let set = DOTENV.replace("'v1'", "'v2'");
    for moment in MOMENTS {
        let step = pinned.deploy(V2).dying_at("pin_version", moment);
        step.run().await.unwrap_err();
        for _ in 0..2 {
            assert_eq!(step.undo().await.unwrap(), Undone::Fully, "{moment:?}");
            assert_eq!(pinned.folder.env(), DOTENV, "{moment:?}");
        }
        assert_eq!(pinned.shop.state(1), "purser-test/web:v1 running healthy");
        step.run().await.unwrap();
        assert_eq!(pinned.folder.env(), set, "{moment:?}");
        pinned.deploy(V1).run().await.unwrap();
        assert_eq!(pinned.folder.env(), DOTENV);
    }

    // A person has changed it since: that is theirs.
    let step = pinned.deploy(V2).dying_at("pin_version", Moment::Done);
    step.run().await.unwrap_err();
    let theirs = DOTENV.replace("'v1'", "v9");
    pinned.folder.write(&theirs);
    let Undone::ExceptFor(why) = step.undo().await.unwrap() else {
        panic!("it is not what it was");
    };
    insta::assert_snapshot!(pinned.plain(&why), @"WEB_TAG in /srv/shop/.env was changed by somebody since it was set to v2, and is left as it is");
    assert_eq!(pinned.folder.env(), theirs);
    assert_eq!(pinned.shop.state(1), "purser-test/web:v1 running healthy");
}

#[tokio::test]
async fn a_file_that_somebody_changes_before_the_end_stops_the_deploy() {
    let pinned = Pinned::new(BOTH, Some("WEB_TAG=v1\n")).await;
    let step = pinned.deploy(V2);
    let approved = step.plan().await.unwrap();
    insta::assert_snapshot!(pinned.told(V2).await, @"
    relies on image in /srv/shop/compose.yaml: purser-test/web:${WEB_TAG:-v1}
    WEB_TAG in /srv/shop/.env: v1 → v2
    note: the next `docker compose up` makes the containers anew, of purser-test/web:v2 too, unless WEB_TAG is set in the environment of whoever calls it: that cannot be seen
    note: WEB_TAG is taken by others too, which the next `docker compose up` changes: worker
    ");
    pinned.folder.write("WEB_TAG=v0\n");
    let now = step.plan().await.unwrap();
    assert_ne!(now.digest(), approved.digest(), "an approval is void");
    pinned.folder.write("OTHER=1\nWEB_TAG=v1\n");
    let now = step.plan().await.unwrap();
    assert_eq!(now.digest(), approved.digest(), "other lines do not matter");

    let step = step.dying_at("start_new", Moment::Done);
    step.run().await.unwrap_err();
    pinned.folder.write("WEB_TAG=v0\n");
    let error = step.run().await.unwrap_err();
    insta::assert_snapshot!(pinned.plain(&error.message), @"WEB_TAG in /srv/shop/.env was changed by somebody meanwhile: look at it, and deploy again");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(pinned.folder.env(), "WEB_TAG=v0\n");
    assert_eq!(pinned.shop.state(1), "purser-test/web:v1 running healthy");
}

#[tokio::test]
async fn what_runs_already_is_pinned_all_the_same_and_no_container_is_touched() {
    let pinned = Pinned::new(BOTH, Some("WEB_TAG=v0")).await;
    let mut events = pinned.shop.events();
    let step = pinned.deploy(V1);
    insta::assert_snapshot!(pinned.plain(&shown(&step.plan().await.unwrap())), @"
    nothing: shop-HEX/web runs purser-test/web:v1 already
    relies on image purser-test/web:v1: sha256:HEX
    relies on image in /srv/shop/compose.yaml: purser-test/web:${WEB_TAG:-v1}
    WEB_TAG in /srv/shop/.env: v0 → v1
    note: the next `docker compose up` goes by that, unless WEB_TAG is set in the environment of whoever calls it: that cannot be seen
    note: WEB_TAG is taken by others too, which the next `docker compose up` changes: worker
    ");
    let output = step.run().await.unwrap();
    insta::assert_snapshot!(pinned.plain(output["message"].as_str().unwrap()), @"shop/web runs purser-test/web:v1 already; WEB_TAG in /srv/shop/.env is v1 now, and was v0");
    assert_eq!(
        (&output["changed"], &output["strategy"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(pinned.folder.env(), "WEB_TAG=v1");
    assert_eq!(step.undo().await.unwrap(), Undone::Fully);
    assert_eq!(pinned.folder.env(), "WEB_TAG=v0");
    pinned.shop.expect_silence(&mut events);
    pinned.folder.write("");
    let plan = pinned.deploy(V1).plan().await.unwrap();
    assert_eq!((plan.changes.len(), plan.notes.len()), (0, 0));
}

#[tokio::test]
async fn what_cannot_be_pinned_is_told_and_deployed_all_the_same() {
    let compose = "services:\n  web: { image: \"purser-test/web:v1\" }\n";
    let pinned = Pinned::new(compose, Some("WEB_TAG=v1\n")).await;
    let mut told = vec![pinned.told(V2).await];
    let write = |text: &str| fs::write(pinned.folder.path().join("compose.yaml"), text).unwrap();
    write("services:\n  web: {\n");
    told.push(pinned.told(V2).await);
    write(BOTH);
    pinned.folder.write("WEB_TAG=\"v1\n");
    told.push(pinned.told(V2).await);
    fs::remove_file(pinned.folder.dotenv()).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", pinned.folder.dotenv()).unwrap();
    told.push(pinned.told(V2).await);
    insta::assert_snapshot!(told.join("\n"), @"
    note: the next `docker compose up` goes back to the image that its file names: line 2 of /srv/shop/compose.yaml says `purser-test/web:v1`, without a variable: write `purser-test/web:v2` there, or `purser-test/web:${WEB_TAG:-v2}`, and Purser sets that
    note: the next `docker compose up` goes back to the image that its file names: /srv/shop/compose.yaml, line 2, column 8: unclosed bracket '{'
    note: the next `docker compose up` goes back to the image that its file names: /srv/shop/.env, line 1: its quotes are not closed
    note: the next `docker compose up` goes back to the image that its file names: /srv/shop/.env leads out of its folder
    ");
    pinned.deploy(V2).run().await.unwrap();
    assert_eq!(pinned.shop.state(1), "purser-test/web:v2 running healthy");
    assert!(pinned.folder.dotenv().is_symlink());
}

#[tokio::test]
async fn a_file_is_read_as_compose_itself_reads_it() {
    let pinned = Pinned::new(BOTH, None).await;
    let step = pinned.deploy(V2);
    for text in [
        "WEB_TAG=a\nWEB_TAG=b # c\n",
        "export WEB_TAG=a\r\nexportWEB_TAG=b\r\n",
        "WEB_TAG : a\n",
        "WEB_TAG: \"a\" # c\n",
        "A=\"two\nWEB_TAG=no\nlines\"\nWEB_TAG=a",
        "A='it\\'s\nWEB_TAG=no'\nWEB_TAG=a",
        "\u{feff}  WEB_TAG =  a-b.c  ",
        "#WEB_TAG=a\nA=1\n",
        "WEB_TAG=\n",
        "WEB_TAG=a#b\n",
        "WEB_TAG='a'\nA=$WEB_TAG\nWEB_TAG=b\n",
        "WEB_TAG.B=a\nWEB_TAG[0]=b\nWEB_TAG-C=c\n",
    ] {
        pinned.folder.write(text);
        let images = pinned
            .folder
            .compose(&pinned.shop.project, &["config", "--images"]);
        let image = images.lines().next().unwrap();
        let theirs = image.strip_prefix("purser-test/web:").unwrap();
        let plan = step.plan().await.unwrap();
        let change = plan
            .changes
            .iter()
            .find(|change| change.subject.contains(".env"));
        let ours = change.unwrap().from.clone().filter(|text| !text.is_empty());
        assert_eq!(ours.as_deref().unwrap_or("v1"), theirs, "{text:?}");
    }
}

#[test]
fn a_table_of_projects_is_checked_where_the_configuration_is() {
    let why = |projects: &str| {
        let settings = format!("projects = {{ {projects} }}");
        systems(&settings).err().unwrap()
    };
    insta::assert_snapshot!(why("Shop = '/srv'"), @r#"[systems.shop]: projects."Shop": that is no name of a Compose project: `docker compose ls` shows the names, of small letters, digits, `-` and `_`"#);
    insta::assert_snapshot!(why("shop = ''"), @r#"[systems.shop]: projects.shop: write the folder in which its Compose file lies, such as "/srv/shop""#);
    assert!(systems("projects = { shop-2 = '/nowhere' }").is_ok());
}

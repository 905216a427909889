//! A first configuration: what `purser init` finds on a real engine, and that it works as it is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use purser::domain::digest::Digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Duration, timeout};

use super::Story;
use crate::docker::stage::{Cleanup, V1, docker, host, try_docker, unique};
use crate::support::database::Database;
use crate::support::program::{Person, Said};
use crate::support::s3::Bucket;
use crate::support::stack::variable;

/// Containers of a Compose project of their own, whose images are called as well-known ones are.
pub(super) struct Project {
    name: String,
    images: Vec<String>,
    _containers: Cleanup,
}

impl Project {
    pub(super) fn new() -> Self {
        let name = unique("init");
        Self {
            _containers: Cleanup(format!("label=com.docker.compose.project={name}")),
            images: vec![],
            name,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A service that seems to run this image.
    pub(super) fn runs(&mut self, service: &str, image: &str, environment: &[&str]) {
        let image = format!("{}/{image}", self.name);
        docker(&["tag", V1, &image]);
        let name = format!("{}-{service}-1", self.name);
        let project = format!("com.docker.compose.project={}", self.name);
        let service = format!("com.docker.compose.service={service}");
        let mut run = vec![
            "run", "--detach", "--name", &name, "--label", &project, "--label", &service,
        ];
        run.extend(environment.iter().flat_map(|variable| ["--env", variable]));
        run.push(&image);
        docker(&run);
        self.images.push(image);
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        for image in &self.images {
            // The containers go with the field behind this one.
            try_docker(&["rmi", "--force", image]);
        }
    }
}

impl Story {
    /// A folder in which there is nothing.
    pub(super) fn of_nothing() -> Self {
        let story = Self::with(&[]);
        fs::remove_file(story.home.path("purser.toml")).unwrap();
        for folder in ["workflows", "commands"] {
            fs::remove_dir(story.home.path(folder)).unwrap();
        }
        story
    }

    /// Ann types `purser init` about the stack's engine.
    pub(super) async fn inits(&self, project: &Project, more: &[&str]) -> Said {
        let host = host();
        let begin = [
            "init",
            "--docker",
            &host,
            "--project",
            &project.name,
            "--person",
            "ann",
            "--listen",
            "127.0.0.1:0",
        ];
        self.home.types(&[&begin, more].concat()).await
    }

    /// What was found and what became of it, without the part that is for typing.
    fn init_shown(&self, said: &Said) -> String {
        let text = format!("{}{}exit code {}", said.out, said.err, said.code);
        let text = text.replace(&self.home.path("").display().to_string(), "HOME/");
        let text = text.replace(
            self.home.path("").to_str().unwrap().trim_end_matches('/'),
            "HOME",
        );
        self.words
            .iter()
            .fold(text, |text, (name, word)| text.replace(name, word))
    }
}

/// Every file below a folder with the digest of its bytes and its mode.
pub(super) fn inventory(folder: &Path) -> BTreeMap<String, (Digest, u32)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let name = path.display().to_string();
            if path.is_dir() {
                found.insert(name, (Digest::of_bytes(b""), mode));
                folders.push(path);
            } else {
                found.insert(name, (Digest::of_bytes(&fs::read(path).unwrap()), mode));
            }
        }
    }
    found
}

/// The stack's servers as they are added by hand, and the password of one of them. Passwords are in
/// files of the home.
fn additions(story: &Story, database: &Database, bucket: &Bucket) -> (Vec<String>, String) {
    let url = variable("PURSER_TEST_POSTGRES_URL");
    let (login, at) = url["postgres://".len()..].split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let at = at.split('/').next().unwrap();
    let key = variable("PURSER_TEST_S3_SECRET_KEY");
    story.home.write("pg-password", password);
    story.home.write("s3-secret", &key);
    let endpoint = variable("PURSER_TEST_S3_ENDPOINT");
    let (scheme, s3_at) = endpoint.split_once("://").unwrap();
    let access_key = variable("PURSER_TEST_S3_ACCESS_KEY");
    let prometheus = variable("PURSER_TEST_PROMETHEUS_URL");
    let additions = vec![
        format!("--add=orders-db=postgres://{user}@{at}/{}", database.name),
        "--password-file=orders-db=pg-password".to_owned(),
        format!(
            "--add=minio=s3+{scheme}://{access_key}@{s3_at}/{}",
            bucket.name
        ),
        "--password-file=minio=s3-secret".to_owned(),
        format!("--add=prom=prometheus+{prometheus}"),
    ];
    (additions, password.to_owned())
}

#[tokio::test]
async fn what_is_proposed_for_a_stack_lints_is_well_and_works() {
    let database = Database::create("CREATE TABLE orders (id int PRIMARY KEY)").await;
    let bucket = Bucket::create().await;
    let mut project = Project::new();
    project.runs("proxy", "traefik:v3.1", &[]);
    project.runs("auth", "keycloak/keycloak:26", &[]);
    project.runs("cache", "valkey/valkey", &[]);
    project.runs(
        "legacy-db",
        "postgres:15",
        &["POSTGRES_PASSWORD_FILE=/run/secrets/x"],
    );
    let mut story = Story::of_nothing();
    story.call(&project.name, "PROJECT");
    story.call(&database.name, "DATABASE");
    story.call(&bucket.name, "BUCKET");
    let host = host();
    story.call(&host, "DOCKER");

    let (adds, password) = additions(&story, &database, &bucket);
    let adds: Vec<_> = adds.iter().map(String::as_str).collect();
    let said = story.inits(&project, &adds).await;
    assert!(!said.out.contains(&password), "{said:?}");
    let ip = docker(&[
        "inspect",
        "--format",
        "{{.NetworkSettings.IPAddress}}",
        &format!("{}-legacy-db-1", project.name),
    ]);
    story.call(&ip, "IP");
    insta::assert_snapshot!(story.init_shown(&said), @"
    system docker: docker, the engine that was looked at
    system orders-db: postgres, as it was added
    system minio: s3, as it was added
    system prom: prometheus, as it was added
    no table for keycloak, PROJECT/auth (PROJECT/keycloak/keycloak:26): Purser has no integration for it yet
    no table for valkey, PROJECT/cache (PROJECT/valkey/valkey): Purser has no integration for it yet
    no table for postgres, PROJECT/legacy-db (PROJECT/postgres:15): its password does not stand in its environment: --add NAME=postgres://USER@IP:5432/DATABASE --password-file NAME=FILE
    no table for traefik, PROJECT/proxy (PROJECT/traefik:v3.1): Purser has no integration for it yet
    taken without asking: where the systems stand: production

    written to HOME:
      purser.toml                     new
      workflows/status.yaml           new
      commands/status.yaml            new
      workflows/logs.yaml             new
      commands/logs.yaml              new
      workflows/stats.yaml            new
      commands/stats.yaml             new
      workflows/events.yaml           new
      commands/events.yaml            new
      workflows/images.yaml           new
      commands/images.yaml            new
      workflows/networks.yaml         new
      commands/networks.yaml          new
      workflows/restart.yaml          new
      commands/restart.yaml           new
      workflows/stop.yaml             new
      commands/stop.yaml              new
      workflows/start.yaml            new
      commands/start.yaml             new
      workflows/scale.yaml            new
      commands/scale.yaml             new
      workflows/deploy.yaml           new
      commands/deploy.yaml            new
      workflows/rollback.yaml         new
      commands/rollback.yaml          new
      workflows/query.yaml            new
      commands/query.yaml             new
      workflows/graph.yaml            new
      commands/graph.yaml             new
      workflows/backup-purser.yaml    new
      workflows/backup-postgres.yaml  new
      commands/backup.yaml            new
      secrets/orders-db_url           new
      secrets/minio_access_key        new
      secrets/minio_secret_key        new
      secrets/hook                    new
      secrets/purser_backup.agekey    new
    next:
      export PURSER_CONFIG=HOME/purser.toml
      purser doctor          # is all that it names there, with the rights that are needed?
      purser up              # the server, in the foreground
      purser run status      # in another terminal
      move HOME/secrets/purser_backup.agekey to another machine: it opens backups of Purser itself
    exit code 0
    ");

    insta::assert_snapshot!(story.sees("lint").await, @"
    4 systems, 16 workflows, 15 commands: no errors
    exit code 0
    ");
    let doctor = story.home.types(&["doctor"]).await;
    assert_eq!(doctor.code, 0, "{doctor:?}");
    assert_eq!(doctor.out.lines().last(), Some("all is well"), "{doctor:?}");
    works(&mut story, &bucket).await;
    database.remove().await;
    bucket.remove().await;
}

/// What was written runs, and its backups are there.
async fn works(story: &mut Story, bucket: &Bucket) {
    story.home.up().await;
    for run in [
        "status",
        "images",
        "backup-postgres",
        "backup-purser",
        "query --input query=up",
    ] {
        let line = format!("run {run}");
        let said = story.home.types(&super::words(&line)).await;
        assert_eq!(said.code, 0, "{said:?}");
    }
    let keys = bucket.keys().await;
    for folder in ["orders-db/", "purser/"] {
        let is_backup = |key: &String| key.starts_with(folder);
        assert!(keys.iter().any(is_backup), "{keys:?}");
    }
    story.home.stop().await;
}

#[tokio::test]
async fn passwords_of_containers_go_into_closed_files_and_nowhere_else() {
    let password = "p\"w{{ x }}'1 é";
    let mut project = Project::new();
    project.runs(
        "db",
        "postgres:15",
        &[
            "POSTGRES_USER=shop",
            &format!("POSTGRES_PASSWORD={password}"),
        ],
    );
    project.runs(
        "objects",
        "minio",
        &[
            "MINIO_ROOT_USER=root-user",
            "MINIO_ROOT_PASSWORD=root-password",
        ],
    );
    let mut story = Story::of_nothing();
    story.call(&project.name, "PROJECT");
    let said = story.inits(&project, &["--bucket", "nightly"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    for text in [&said.out, &said.err] {
        assert!(
            !text.contains(password) && !text.contains("root-password"),
            "{text}"
        );
    }
    let mut holders = vec![];
    for (path, (_, mode)) in inventory(&story.home.path("")) {
        let is_secret = path.contains("/secrets");
        let wanted = if Path::new(&path).is_dir() {
            0o700
        } else {
            0o600
        };
        assert!(!is_secret || mode == wanted, "{path} has mode {mode:o}");
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.contains("%7B%7B") || text.contains("root-password") {
            holders.push(path.rsplit_once('/').unwrap().1.to_owned());
        }
        assert!(!text.contains(password), "{path}");
    }
    assert_eq!(holders, ["db_url", "objects_secret_key"]);
    let url = fs::read_to_string(story.home.path("secrets/db_url")).unwrap();
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    assert_eq!(options.get_username(), "shop");
    assert!(
        url.starts_with("postgres://shop:p%22w%7B%7B%20x%20%7D%7D%271%20%C3%A9@"),
        "{url}"
    );
}

#[tokio::test]
async fn over_what_is_there_it_shows_the_difference_and_touches_nothing() {
    let mut project = Project::new();
    project.runs("cache", "redis:7", &[]);
    let mut story = Story::of_nothing();
    story.call(&project.name, "PROJECT");
    story.call("unix://", "");
    assert_eq!(story.inits(&project, &[]).await.code, 0);
    let text = fs::read_to_string(story.home.path("purser.toml")).unwrap();
    let edited = text.replace("\nuid = ", "\n# that is me\nuid = ");
    story.home.write("purser.toml", &edited);
    fs::remove_file(story.home.path("commands/logs.yaml")).unwrap();
    let before = inventory(&story.home.path(""));

    let said = story.inits(&project, &[]).await;
    insta::assert_snapshot!(story.init_shown(&said), @r#"
    system docker: docker, the engine that was looked at
    no table for redis, PROJECT/cache (PROJECT/redis:7): Purser has no integration for it yet
    taken without asking: where the systems stand: production

    --- purser.toml
    +++ purser.toml, as it is proposed
    @@ -15,7 +15,6 @@
     # workflows name in `who`.
     [people.ann]
     roles = ["operator"]
    -# that is me
     uid = 0
     
     # Other programs start a workflow by a signed POST to /hooks/status; they know the secret in this file.

    nothing was written to HOME:
      purser.toml                   there already, and differs
      workflows/status.yaml         there already, the same
      commands/status.yaml          there already, the same
      workflows/logs.yaml           there already, the same
      commands/logs.yaml            new
      workflows/stats.yaml          there already, the same
      commands/stats.yaml           there already, the same
      workflows/events.yaml         there already, the same
      commands/events.yaml          there already, the same
      workflows/images.yaml         there already, the same
      commands/images.yaml          there already, the same
      workflows/networks.yaml       there already, the same
      commands/networks.yaml        there already, the same
      workflows/restart.yaml        there already, the same
      commands/restart.yaml         there already, the same
      workflows/stop.yaml           there already, the same
      commands/stop.yaml            there already, the same
      workflows/start.yaml          there already, the same
      commands/start.yaml           there already, the same
      workflows/scale.yaml          there already, the same
      commands/scale.yaml           there already, the same
      workflows/deploy.yaml         there already, the same
      commands/deploy.yaml          there already, the same
      workflows/rollback.yaml       there already, the same
      commands/rollback.yaml        there already, the same
      secrets/hook                  there already, the same
      secrets/purser_backup.agekey  there already, the same
    next:
      take over by hand what you want of the differences, or have files replaced: --force FILE
    exit code 1
    "#);
    assert_eq!(inventory(&story.home.path("")), before);

    let hook = fs::read(story.home.path("secrets/hook")).unwrap();
    let said = story.inits(&project, &["--force", "purser.toml"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        fs::read_to_string(story.home.path("purser.toml")).unwrap(),
        text
    );
    assert!(story.home.path("commands/logs.yaml").exists());
    assert_eq!(
        fs::read(story.home.path("secrets/hook")).unwrap(),
        hook,
        "a secret is kept"
    );

    let before = inventory(&story.home.path(""));
    let said = story.inits(&project, &[]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        inventory(&story.home.path("")),
        before,
        "nothing is left to do"
    );
}

#[tokio::test]
async fn a_dry_run_says_all_and_writes_nothing() {
    let mut project = Project::new();
    project.runs("cache", "redis:7", &[]);
    let story = Story::of_nothing();
    let said = story.inits(&project, &["--dry-run", "--json"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let told = said.json();
    assert_eq!(told["written"], false);
    assert_eq!(told["systems"][0]["kind"], "docker");
    assert_eq!(told["without_table"][0]["product"], "redis");
    assert_eq!(told["files"][0]["path"], "purser.toml");
    assert_eq!(told["files"][0]["state"], "new");
    assert_eq!(inventory(&story.home.path("")).len(), 0);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let mut project = Project::new();
    project.runs("cache", "redis:7", &[]);
    let mut story = Story::of_nothing();
    story.call(&project.name, "PROJECT");
    let host = host();
    story.call(&host, "DOCKER");
    let mut told = String::new();
    for more in [
        &["--add", "db=postgres://u:hunter2@h/d"][..],
        &["--add", "minio=s3+http://key@127.0.0.1:1/bucket"],
        &["--add", "db=postgres://u@h/d", "--password-file", "other=x"],
        &[
            "--add",
            "db=postgres://u@h/d",
            "--password-file",
            "db=nowhere",
        ],
        &["--person", "Ann B"],
        &["--environment", "on"],
        &["--force", "purser.tom"],
        &[
            "--bucket",
            "B",
            "--add",
            "minio=s3+http://key@h:1",
            "--password-file",
            "minio=/proc/sys/kernel/hostname",
        ],
    ] {
        let begin = ["init", "--docker", &host, "--project", &project.name];
        let said = story.home.types(&[&begin, more].concat()).await;
        assert_eq!(said.code, 2, "{said:?}");
        told += &said.err;
    }
    let said = story
        .home
        .types(&["init", "--docker", &host, "--project", "nobody-s"])
        .await;
    told += &said.err;
    let said = story
        .home
        .types(&["init", "--docker", "unix:///nowhere"])
        .await;
    told += &said.err;
    for (name, word) in &story.words {
        told = told.replace(name, word);
    }
    insta::assert_snapshot!(told, @"
    purser: `db=…` is nothing that can be added (a password does not belong on a command line: use --password-file): write NAME=postgres://USER@HOST:PORT/DATABASE, NAME=s3+http://ACCESS_KEY@HOST:PORT/BUCKET or NAME=prometheus+http://HOST:PORT
    purser: minio needs its secret key: write it into a file and add --password-file minio=FILE
    purser: --password-file other=x: there is no --add other=…
    purser: the file nowhere cannot be read: No such file or directory (os error 2)
    purser: `Ann B` cannot be the name of a person: use up to 20 of a-z, 0-9, - and _, with a letter first
    purser: `on` cannot be the name of an environment: use up to 20 of a-z, 0-9, - and _, with a letter first
    purser: --force purser.tom: that is none of the files that are proposed
    purser: `B` cannot be a bucket: the names have 3 to 63 lower-case letters, digits, `-` and `.`
    purser: no container of the Compose project `nobody-s` runs on DOCKER; nothing was written
    purser: the Docker engine of `docker` cannot be reached at unix:///nowhere (Socket not found: /nowhere): check that it runs and that Purser may open its address; nothing was written
    ");
    assert_eq!(inventory(&story.home.path("")).len(), 0);
}

#[tokio::test]
async fn at_a_terminal_it_asks_and_a_password_is_not_shown() {
    let mut project = Project::new();
    project.runs(
        "orders",
        "postgres:15",
        &["POSTGRES_PASSWORD=only-in-there"],
    );
    let story = Story::of_nothing();
    let (mut terminal, inside) = pty_process::open().unwrap();
    let command = story.home.command(Person::Ann, &[]);
    let purser = pty_process::Command::new(command.as_std().get_program())
        .args(["init", "--docker", &host(), "--project", &project.name])
        .args(["--add", "db=postgres://shop@127.0.0.1:1/shop"])
        .env("PURSER_CONFIG", story.home.path("purser.toml"))
        .env("PURSER_SOCKET", story.home.path("purser.sock"))
        .kill_on_drop(true);
    let mut purser = purser.spawn(inside).unwrap();
    let mut seen = String::new();
    for (question, answer) in [
        ("password of db", "only-typed"),
        ("your name", "ann"),
        ("where the systems stand", "staging"),
        ("which database of orders", "shop_orders"),
        ("write these to", "yes"),
    ] {
        while !seen.contains(question) {
            let mut bytes = [0; 1024];
            let read = timeout(Duration::from_secs(30), terminal.read(&mut bytes));
            let count = read
                .await
                .unwrap_or_else(|_| panic!("no {question}: {seen}"))
                .unwrap();
            seen += &String::from_utf8_lossy(&bytes[..count]);
        }
        if question == "write these to" {
            for what in ["system orders: postgres", "secrets/db_url", "purser.toml"] {
                assert!(seen.contains(what), "{what} is not shown before: {seen}");
            }
        }
        terminal
            .write_all(format!("{answer}\n").as_bytes())
            .await
            .unwrap();
    }
    let status = timeout(Duration::from_secs(30), async {
        loop {
            let mut bytes = [0; 4096];
            match terminal.read(&mut bytes).await {
                Ok(count) if count > 0 => seen += &String::from_utf8_lossy(&bytes[..count]),
                _ => return purser.wait().await.unwrap(),
            }
        }
    });
    assert!(status.await.unwrap().success(), "{seen}");
    assert!(
        !seen.contains("only-typed") && !seen.contains("only-in-there"),
        "{seen}"
    );
    let read = |name: &str| fs::read_to_string(story.home.path(name)).unwrap();
    assert_eq!(
        read("secrets/db_url"),
        "postgres://shop:only%2Dtyped@127.0.0.1:1/shop"
    );
    assert!(read("secrets/orders_url").ends_with(":5432/shop%5Forders"));
    assert!(read("purser.toml").contains("environment = \"staging\""));
    assert!(read("purser.toml").contains("[people.ann]"));
}

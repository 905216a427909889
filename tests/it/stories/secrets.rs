//! Passwords and keys stand nowhere: not in the store, the log, the receipts or on a terminal,
//! even when another program prints them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{BACKUP, Story, words};
use crate::docker::stage::{Cleanup, V1, docker, unique};
use crate::support::database::Database;
use crate::support::s3::Bucket;
use crate::support::stack::variable;
use crate::support::systems::{self, of_kind};

const PASSWORD: &str = "canary-of-the-database";
const KEY: &str = "canary-of-the-object-store";

const VAULT: &str = "
steps:
  - id: look
    uses: s3.list_objects
    with: { system: vault, bucket: backups }
";

const JOB: &str = r#"
inputs:
  image: { type: string, required: true }
steps:
  - id: job
    uses: docker.run_job
    with: { image: "{{ inputs.image }}" }
"#;

const LOGS: &str = r#"
inputs:
  service: { type: string, required: true }
steps:
  - id: logs
    uses: docker.show_logs
    with: { service: "{{ inputs.service }}" }
"#;

/// What is said while it is said is not kept, and is masked all the same.
const FOLLOW: &str = r#"
inputs:
  service: { type: string, required: true }
steps:
  - id: logs
    uses: docker.show_logs
    with: { service: "{{ inputs.service }}", follow: 2s }
"#;

/// A container that prints the password, and an image whose job does.
struct Leaks {
    name: String,
    _container: Cleanup,
}

impl Leaks {
    fn new() -> Self {
        let name = unique("leak");
        let version = format!("VERSION={PASSWORD}");
        docker(&["run", "--detach", "--name", &name, "--env", &version, V1]);
        let command = format!(r#"CMD ["{PASSWORD}"]"#);
        docker(&["commit", "--change", &command, &name, &name]);
        Self {
            _container: Cleanup(format!("name={name}")),
            name,
        }
    }
}

impl Drop for Leaks {
    fn drop(&mut self) {
        docker(&["image", "rm", "--force", &self.name]);
    }
}

/// The systems, with a user of the database whose password is the canary, and a log that keeps
/// nothing back.
fn open(keys: &Path, user: &str, database: &Database, bucket: &Bucket) -> Story {
    let file = |name: &str, text: &str| {
        fs::write(keys.join(name), text).unwrap();
        toml::Value::from(keys.join(name).display().to_string())
    };
    let mut url = reqwest::Url::parse(&database.url()).unwrap();
    url.set_username(user).unwrap();
    url.set_password(Some(PASSWORD)).unwrap();
    let mut orders = of_kind("postgres", database.settings());
    orders.insert("url_file".to_owned(), file("url", url.as_str()));
    let minio = of_kind("s3", bucket.settings());
    let mut vault = minio.clone();
    vault.insert("secret_key_file".to_owned(), file("key", KEY));

    let systems = [
        ("shop", systems::docker()),
        ("orders-db", orders),
        ("minio", minio),
        ("vault", vault),
    ];
    let story = Story::with(&systems);
    let to = format!("s3://minio/{}/orders", bucket.name);
    story
        .home
        .workflow("backup", &BACKUP.replace("FOLDER", &to));
    story.home.workflow("vault", VAULT);
    story.home.workflow("job", JOB);
    story.home.workflow("logs", LOGS);
    story.home.workflow("follow", FOLLOW);
    story
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
async fn a_secret_stands_nowhere_even_when_others_print_it() {
    let (database, bucket) = (Database::create("").await, Bucket::create().await);
    let user = format!("{}_user", database.name);
    let role = format!("CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{PASSWORD}'");
    database.on_server(&role).await;
    let (leaks, keys) = (Leaks::new(), TempDir::new().unwrap());
    let mut story = open(keys.path(), &user, &database, &bucket);
    story.home.up_with(&[("PURSER__LOG__LEVEL", "trace")]).await;

    let mut heard = String::new();
    let mut hear = async |line: &str| {
        let said = story.home.types(&words(line)).await;
        heard += &said.out;
        heard += &said.err;
        (said.code, said.out + &said.err)
    };
    assert_eq!(hear("run backup").await.0, 0);
    let masked = [
        format!("run backup -i database={PASSWORD}"),
        format!("plan backup -i database={PASSWORD}"),
        format!("run logs -i service={}", leaks.name),
        format!("run follow -i service={}", leaks.name),
        format!("run job -i image={}", leaks.name),
        "runs show JOB".to_owned(),
        "runs lines JOB job".to_owned(),
        "receipts show JOB".to_owned(),
        "runs list".to_owned(),
    ];
    for line in &masked {
        let job = story.last_run().await;
        let (_, told) = hear(&line.replace("JOB", &job)).await;
        assert!(told.contains("[secret]"), "{line}: {told}");
    }
    assert_eq!(hear("run vault").await.0, 1);
    for line in ["receipts list", "receipts export", "reload", "plan backup"] {
        assert_eq!(hear(line).await.0, 0, "{line}");
    }
    story.home.stop().await;

    let kept = all_of(&story.home.path(""));
    assert!(kept.contains("[secret]") && kept.contains(&bucket.name));
    for secret in [PASSWORD, KEY, &variable("PURSER_TEST_S3_SECRET_KEY")] {
        let around = |text: &str| {
            let at = text.find(secret)?;
            let from = text.floor_char_boundary(at.saturating_sub(200));
            Some(text[from..at].to_owned())
        };
        assert_eq!(around(&heard), None, "on a terminal");
        assert_eq!(around(&kept), None, "in the store or the log");
    }
    database.on_server(&format!("DROP ROLE {user}")).await;
    bucket.remove().await;
    database.remove().await;
}

//! Services that hold a client's secret and log in with it at Keycloak, again and again.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::keycloak::Realm;
use super::patience;
use super::stack::variable;
use crate::docker::stage::{docker, inspect, names, try_docker, unique};

/// Where the containers see the project's folder.
const FOLDER: &str = "/secrets";
/// The port of the service.
const PORT: u16 = 8080;
/// How a container is started that nobody asks for its health.
const UNCHECKED: [&str; 1] = ["--no-healthcheck"];

/// A Compose project with services that log in as one client; it goes when the story ends.
pub struct Project {
    /// Its name, which no other test uses.
    pub name: String,
    token_url: String,
    client: String,
    folder: TempDir,
    http: reqwest::Client,
}

impl Drop for Project {
    fn drop(&mut self) {
        let left = names(&format!("label=com.docker.compose.project={}", self.name));
        let left = left.iter().map(String::as_str);
        try_docker(
            &["rm", "--force"]
                .into_iter()
                .chain(left)
                .collect::<Vec<_>>(),
        );
    }
}

/// A container that logs in.
pub struct Consumer {
    /// The container's name.
    pub name: String,
    /// Its own address, from which it logs in.
    pub address: Ipv4Addr,
    http: reqwest::Client,
}

/// What a container says about its logins.
#[derive(Debug, Deserialize)]
pub struct Logins {
    /// How many gave a token.
    pub ok: u64,
    /// How many were answered with something else.
    pub failed: u64,
    /// How many were not answered.
    pub unreachable: u64,
    /// Status and body of the last one that failed.
    pub last_failure: Option<String>,
    /// The digest of the secret that it says it uses.
    pub secret_sha256: Option<String>,
    /// When it read that, in milliseconds of the epoch.
    pub loaded_at_ms: u64,
}

impl Project {
    /// One without services yet.
    pub fn new(realm: &Realm, client: &str) -> Self {
        let name = unique("consumers");
        Self {
            token_url: realm.token_url(),
            client: client.to_owned(),
            folder: TempDir::with_prefix_in("purser-consumers-", "/var/tmp").unwrap(),
            http: reqwest::Client::new(),
            name,
        }
    }

    /// A file of the project's folder, as the machine sees it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the project's folder, whole at once; returns how the containers call it.
    pub fn write(&self, name: &str, text: &str) -> String {
        let half = self.file(&format!(".{name}"));
        fs::write(&half, text).unwrap();
        fs::rename(half, self.file(name)).unwrap();
        format!("{FOLDER}/{name}")
    }

    /// Starts the container of a service that logs in. `environment` says where its secret is, and
    /// what else is to be different.
    pub fn consumer(&self, service: &str, environment: &[(&str, &str)]) -> Consumer {
        let environment = [&self.client()[..], environment].concat();
        self.start(service, &environment, &[])
    }

    /// The same without a health check, each of which costs the engine as much as a small program does.
    pub fn unchecked_consumer(&self, service: &str, environment: &[(&str, &str)]) -> Consumer {
        let environment = [&self.client()[..], environment].concat();
        self.start(service, &environment, &UNCHECKED)
    }

    fn client(&self) -> [(&str, &str); 2] {
        [
            ("LOGIN_URL", &self.token_url),
            ("LOGIN_CLIENT", &self.client),
        ]
    }

    /// Starts several at once.
    pub fn consumers<const N: usize>(
        &self,
        services: [(&str, &[(&str, &str)]); N],
    ) -> [Consumer; N] {
        thread::scope(|scope| {
            services
                .map(|(service, given)| scope.spawn(move || self.consumer(service, given)))
                .map(|started| started.join().unwrap())
        })
    }

    /// Starts the container of a service that keeps a secret for whoever brings this token.
    pub fn store(&self, service: &str, token: &str) -> Consumer {
        let environment = [("STORE", "1"), ("STORE_TOKEN", token)];
        self.start(service, &environment, &UNCHECKED)
    }

    /// Starts a container as Compose would.
    fn start(&self, service: &str, environment: &[(&str, &str)], options: &[&str]) -> Consumer {
        let name = format!("{}-{service}-1", self.name);
        let image = variable("PURSER_TEST_IMAGE_V1");
        let labels = [
            format!("com.docker.compose.project={}", self.name),
            format!("com.docker.compose.service={service}"),
            "com.docker.compose.container-number=1".to_owned(),
            format!("com.docker.compose.image={}", image_id(&image)),
        ];
        let mount = format!(
            "type=bind,src={},dst={FOLDER}",
            self.folder.path().display()
        );
        let mut arguments = vec!["run", "--detach", "--name", &name, "--mount", &mount];
        for label in &labels {
            arguments.extend(["--label", label]);
        }
        // Of two values of one variable the last is meant, and a program would find the first.
        let environment: BTreeMap<_, _> = environment.iter().copied().collect();
        let environment: Vec<_> = environment
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        // Not as arguments: those are in the list of processes.
        let variables = tempfile::NamedTempFile::new().unwrap();
        fs::write(variables.path(), environment.join("\n")).unwrap();
        let variables_path = variables.path().display().to_string();
        arguments.extend(["--env-file", &variables_path]);
        arguments.extend(options);
        arguments.push(&image);
        docker(&arguments);
        self.found(name)
    }

    /// The container of this name, whoever started it.
    pub fn found(&self, name: String) -> Consumer {
        let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = inspect(&name, address).parse().unwrap();
        Consumer {
            name,
            address,
            http: self.http.clone(),
        }
    }
}

/// The id of an image, which stays the same.
fn image_id(image: &str) -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| inspect(image, "{{.Id}}"))
}

impl Consumer {
    /// Tells it to read its secret again.
    pub fn hang_up(&self) {
        docker(&["kill", "--signal", "HUP", &self.name]);
    }

    /// Where it answers.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}:{PORT}{path}", self.address)
    }

    /// A store: it is given this secret to keep.
    pub async fn keeps(&self, token: &str, secret: &str) {
        let what = format!("{} takes the secret", self.name);
        patience::until(&what, async || {
            let put = self.http.put(self.url("/secret"));
            let put = put.bearer_auth(token).body(secret.to_owned()).send();
            put.await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// What it says about its logins; waits until it says something.
    pub async fn logins(&self) -> Logins {
        let what = format!("{} tells of its logins", self.name);
        patience::found(&what, async || {
            let asked = self.http.get(self.url("/logins")).send();
            asked.await.ok()?.json().await.ok()
        })
        .await
    }

    /// What it says once that is so.
    pub async fn logins_when(&self, what: &str, is_so: impl Fn(&Logins) -> bool) -> Logins {
        let what = format!("{}: {what}", self.name);
        let look = async || Some(self.logins().await).filter(|logins| is_so(logins));
        patience::found(&what, look).await
    }

    /// It has logged in so many times more.
    pub async fn logs_in(&self, times: u64) -> Logins {
        let before = self.logins().await.ok;
        self.logins_when("it logs in", |logins| logins.ok >= before + times)
            .await
    }

    /// It says that it uses this secret.
    pub async fn uses(&self, secret: &str) -> Logins {
        let digest = digest(secret);
        let is_so = |logins: &Logins| logins.secret_sha256.as_ref() == Some(&digest);
        self.logins_when("it uses the secret", is_so).await
    }
}

/// The digest by which a container tells which secret it uses.
pub fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

//! A client that three services log in as, each of which has its secret from somewhere else, and a Purser
//! that knows them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::docker::stage::{docker, inspect};
use crate::stories::plain::shapes_replaced;
use crate::support::consumer::{Consumer, Logins, Project};
use crate::support::detour::Detour;
use crate::support::gateway::Gateway;
use crate::support::keycloak::{Realm, url};
use crate::support::patience;
use crate::support::program::Home;
use crate::support::systems;

pub(crate) const CLIENT: &str = "orders";
const TOKEN: &str = "key of the store";
/// What Purser's own client may.
pub(crate) const ROLES: [&str; 4] = [
    "view-clients",
    "manage-clients",
    "view-events",
    "view-realm",
];

/// How a rotation is asked for in the stories: one at a time, and watched no longer than it takes.
pub(crate) const ROTATE: &str = "inputs: { gap: { type: boolean, default: false } }
steps:
  - id: rotate
    uses: keycloak.rotate_client_secret
    with: { client: orders, watch: 1s, allow_gap: \"{{ inputs.gap }}\" }
";

/// Keycloak is one for all, and has no more than a test machine.
static TURNS: Semaphore = Semaphore::const_new(3);

/// The client, its services, and Purser.
pub(crate) struct Orders {
    pub(crate) realm: Realm,
    pub(crate) home: Home,
    pub(crate) project: Project,
    store: Option<Consumer>,
    /// The secret of before.
    pub(crate) old: String,
    services: Vec<&'static str>,
    _way: Option<Gateway>,
    detour: Option<Detour>,
    _turn: SemaphorePermit<'static>,
}

/// What is different in a story.
#[derive(Default)]
pub(crate) struct Different {
    /// The way by which Purser goes to Keycloak.
    pub(crate) way: Option<Gateway>,
    /// There is just this service.
    pub(crate) only: Option<&'static str>,
    /// There are all but this one.
    pub(crate) without: Option<&'static str>,
    /// Keycloak keeps one secret.
    pub(crate) one: bool,
    /// What is more in the environment of `invoices`.
    pub(crate) invoices: Vec<(&'static str, &'static str)>,
    /// How `invoices` takes up another secret, in the configuration, and what else is said of it there.
    pub(crate) reload: Option<Value>,
    /// The realm records no logins; `/healthz` of each service logs in, and is what Purser asks.
    pub(crate) unrecorded: bool,
    /// What is more in the environment of `reports`.
    pub(crate) reports: Vec<(&'static str, &'static str)>,
    /// The client has no service account: `invoices` only has tokens looked at.
    pub(crate) takes_tokens: bool,
    /// The way by which `invoices` goes to Keycloak.
    pub(crate) detour: Option<Detour>,
}

impl Different {
    pub(crate) fn only(service: &'static str) -> Self {
        Self {
            only: Some(service),
            ..Self::default()
        }
    }

    fn services(&self) -> Vec<&'static str> {
        let all = ["orders", "invoices", "reports"];
        all.into_iter()
            .filter(|name| self.only.is_none_or(|only| only == *name))
            .filter(|name| self.without != Some(*name))
            .collect()
    }

    /// Somebody waits for its health: it is made anew or restarted, or shows so that it can log in.
    fn is_checked(&self, service: &str) -> bool {
        service == "orders" || self.unrecorded || self.reload.is_some()
    }

    fn environment<'a>(&'a self, service: &str, places: &'a Places) -> Vec<(&'a str, &'a str)> {
        let mut environment = match service {
            "orders" => vec![("LOGIN_SECRET", places.value.as_str())],
            "invoices" => {
                let detour = places.detour.iter();
                let detour = detour.map(|url| ("LOGIN_URL", url.as_str()));
                let more = self.invoices.iter().copied();
                let file = [("LOGIN_SECRET_FILE", places.file.as_str())];
                file.into_iter().chain(more).chain(detour).collect()
            }
            _ => {
                let url = [
                    ("LOGIN_SECRET_POLL_URL", places.url.as_str()),
                    ("STORE_TOKEN", TOKEN),
                ];
                url.into_iter()
                    .chain(self.reports.iter().copied())
                    .collect()
            }
        };
        if self.unrecorded || self.takes_tokens {
            environment.push(("CHECK_LOGIN", "1"));
        }
        // Many such stories are told at the same time.
        let every = if self.one { "100" } else { "500" };
        environment.push(("LOGIN_EVERY_MS", every));
        environment
    }

    /// What the configuration says of each beside where its secret is.
    fn said(&self, project: &Project) -> BTreeMap<&'static str, Value> {
        let by_signal = || json!({ "signal": "SIGHUP" });
        let mut reports = json!({ "reads_again": "1s" });
        if self.unrecorded {
            let service = project.found(format!("{}-reports-1", project.name));
            reports["probe"] = service.url("/healthz").into();
            reports["within"] = "15s".into();
        }
        BTreeMap::from([
            ("invoices", self.reload.clone().unwrap_or_else(by_signal)),
            ("reports", reports),
        ])
    }
}

/// Where the services have the secret from.
struct Places {
    value: String,
    file: String,
    url: String,
    /// Where `invoices` logs in.
    detour: Option<String>,
}

impl Orders {
    pub(crate) async fn new() -> Self {
        Self::with(Different::default()).await
    }

    pub(crate) async fn with(different: Different) -> Self {
        let turn = TURNS.acquire().await.unwrap();
        let realm = Realm::create().await;
        let old = if different.takes_tokens {
            let client = json!({ "clientId": CLIENT, "serviceAccountsEnabled": false });
            realm.client_with(client).await;
            realm.secret(CLIENT).await
        } else {
            realm.client(CLIENT).await
        };
        if !different.one {
            realm.keeps_two_secrets().await;
            realm.mark(CLIENT).await;
        }
        if different.unrecorded {
            realm.records_no_logins().await;
        }
        let key = realm.administrator("purser", &ROLES).await;
        let project = Project::new(&realm, CLIENT);
        let services = different.services();
        let file = project.write("invoices", &old);
        project.write(
            "orders.env",
            &format!("# made by hand\nLOGIN_SECRET={old}\n"),
        );
        let store = services
            .contains(&"reports")
            .then(|| project.store("store", TOKEN));
        if let Some(store) = &store {
            store.keeps(TOKEN, &old).await;
        }
        let secret = store.as_ref().map(|store| store.url("/secret"));
        let detour = different.detour.as_ref();
        let places = Places {
            value: old.clone(),
            file,
            url: secret.unwrap_or_default(),
            detour: if different.takes_tokens {
                Some(format!("{}/introspect", realm.token_url()))
            } else {
                detour.map(|way| realm.token_url().replace(&url(), &way.address()))
            },
        };
        for service in &services {
            let environment = different.environment(service, &places);
            if different.is_checked(service) {
                project.consumer(service, &environment);
            } else {
                project.unchecked_consumer(service, &environment);
            }
        }
        let said = different.said(&project);
        let keycloak = different
            .way
            .as_ref()
            .map_or_else(url, |way| way.address().to_owned());
        let home = home(
            &project,
            &places.url,
            (&realm, &key, &keycloak),
            (&services, &said),
        );
        home.workflow("go", ROTATE);
        Self {
            realm,
            home,
            project,
            store,
            old,
            services,
            _way: different.way,
            detour: different.detour,
            _turn: turn,
        }
    }

    /// The container of a service, as it is now.
    pub(crate) fn service(&self, name: &str) -> Consumer {
        self.project
            .found(format!("{}-{name}-1", self.project.name))
    }

    pub(crate) fn services(&self) -> Vec<Consumer> {
        self.services
            .iter()
            .map(|name| self.service(name))
            .collect()
    }

    /// Runs it to its end.
    pub(crate) async fn rotate(&self, inputs: &[&str]) -> Value {
        let run = self.home.starts(&[&["go"], inputs].concat()).await;
        self.home.ends(&run).await
    }

    /// Every service uses this secret, logs in by it, and Keycloak takes no other one.
    pub(crate) async fn all_use(&self, secret: &str) {
        assert!(self.realm.logs_in(CLIENT, secret).await, "it counts");
        assert_eq!(
            self.realm.rotated(CLIENT).await,
            None,
            "no other one counts"
        );
        for service in self.services() {
            service.uses(secret).await;
            service.logs_in(2).await;
        }
        if self.services.contains(&"orders") {
            assert_eq!(
                self.held("orders.env"),
                format!("# made by hand\nLOGIN_SECRET={secret}\n")
            );
        }
        if self.services.contains(&"invoices") {
            assert_eq!(self.held("invoices"), secret);
        }
    }

    /// How often each was turned away; a container that was made anew counts from then on.
    pub(crate) async fn turned_away(&self) -> Vec<u64> {
        let mut counts = Vec::new();
        for service in self.services() {
            let Logins { failed, .. } = service.logins().await;
            counts.push(failed);
        }
        counts
    }

    /// All containers of the project that there are.
    pub(crate) fn containers(&self) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={}", self.project.name);
        let listed = docker(&["ps", "--all", "--filter", &label, "--format", "{{.Names}}"]);
        let mut names: Vec<_> = listed
            .lines()
            .map(|name| name.replace(&self.project.name, "x"))
            .collect();
        names.sort();
        names
    }

    /// What a command prints, without what differs from run to run.
    pub(crate) async fn says(&self, arguments: &[&str]) -> String {
        let said = self.home.types(arguments).await;
        self.without_names(&format!("{}{}", said.out, said.err))
    }

    /// The run has ended so; else what each service and Keycloak say of the logins.
    pub(crate) async fn expect(&self, run: &Value, state: &str) {
        let ended = &run["run"]["ended"]["state"];
        if ended != state {
            let (summary, told) = (self.summary(run), self.logins_told().await);
            panic!("{ended} instead of {state}: {summary}\n{told}{run:#}");
        }
    }

    /// The same of why it has ended so.
    pub(crate) async fn expect_reason(&self, run: &Value, reason: &str) {
        let summary = self.summary(run);
        if summary.contains(reason) {
            return;
        }
        panic!("{summary}\n{}", self.logins_told().await);
    }

    async fn logins_told(&self) -> String {
        let mut told = String::new();
        for service in self.services() {
            let logins = service.logins().await;
            writeln!(told, "{} at {}: {logins:?}", service.name, service.address).unwrap();
        }
        for kind in ["CLIENT_LOGIN", "CLIENT_LOGIN_ERROR"] {
            for event in self.realm.events(CLIENT, kind).await.iter().take(60) {
                let (at, from) = (&event["time"], &event["ipAddress"]);
                writeln!(told, "{at} {kind} {from}").unwrap();
            }
        }
        told
    }

    /// How a run has ended, in words.
    pub(crate) fn summary(&self, run: &Value) -> String {
        let ended = &run["run"]["ended"];
        let text = |part: &str| {
            ended["summary"][part]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let state = ended["state"].as_str().unwrap_or_default();
        self.without_names(&format!("{state}: {} {}", text("cause"), text("now")))
    }

    /// As text, without what differs from run to run.
    pub(crate) fn plain(&self, value: &Value) -> String {
        let text = serde_json::to_string_pretty(value).unwrap();
        self.without_names(&text)
    }

    /// A text without what differs from run to run.
    pub(crate) fn without_names(&self, text: &str) -> String {
        let folder = self.project.file("");
        let folder = folder.to_string_lossy().trim_end_matches('/').to_owned();
        let mut text = text
            .replace(&self.project.name, "x")
            .replace(&folder, "/srv/x")
            .replace(&self.realm.name, "shop")
            .replace(&url(), "http://keycloak");
        if let Some(store) = &self.store {
            text = text.replace(&format!("{}:8080", store.address), "store");
        }
        for service in self.services() {
            text = text.replace(&service.address.to_string(), "(an address)");
        }
        shapes_replaced(&text)
    }

    /// The server is killed there, and has begun this run.
    pub(crate) async fn dies_at(&mut self, point: &str) -> String {
        let point = format!("keycloak.rotate_client_secret/{point}");
        self.home.up_with(&[("PURSER_FAILPOINT", &point)]).await;
        let asked = self
            .home
            .types(&["run", "go", "--key", "once", "--detach", "--json"])
            .await;
        self.home.has_ended().await;
        asked.json()["run"].as_str().unwrap().to_owned()
    }

    /// Waits until the rotation of a run is about to be taken back.
    pub(crate) async fn has_failed(&self, run: &str) {
        patience::until("it is taken back", async || {
            let shown = self.home.asks(&["runs", "show", run]).await;
            !shown["run"]["steps"]["rotate"]["failure"].is_null()
        })
        .await;
    }

    /// The run as it waits for a person.
    pub(crate) async fn waits(&self, run: &str) -> Value {
        patience::found("it asks", async || {
            let shown = self.home.asks(&["runs", "show", run]).await;
            let is_over = !shown["run"]["ended"].is_null();
            assert!(!is_over, "{shown:#}");
            (!shown["run"]["steps"]["rotate"]["question"].is_null()).then_some(shown)
        })
        .await
    }

    /// What lies in a file of the project.
    pub(crate) fn held(&self, file: &str) -> String {
        std::fs::read_to_string(self.project.file(file)).unwrap()
    }

    /// Nobody gets to Keycloak by the detour any more.
    pub(crate) fn the_detour_ends(&mut self) {
        self.detour = None;
    }

    /// How often a service was turned away.
    pub(crate) async fn turned_away_of(&self, service: &str) -> u64 {
        self.service(service).logins().await.failed
    }

    /// None of these secrets is in what Purser keeps, says or shows.
    pub(crate) async fn nothing_is_kept_of(&self, secrets: &[&String]) {
        let mut told = self.home.logs();
        for arguments in [&["runs", "list"][..], &["receipts", "export"]] {
            let said = self.home.types(arguments).await;
            told.push_str(&said.out);
            told.push_str(&said.err);
        }
        for secret in secrets {
            assert!(!told.contains(secret.as_str()), "it is told");
            for file in files_below(&self.home.path("store")) {
                let bytes = std::fs::read(&file).unwrap_or_default();
                let found = bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes());
                assert!(!found, "it is in {}", file.display());
            }
        }
    }

    /// Nothing of it stays.
    pub(crate) async fn close(mut self) {
        self.home.stop().await;
        self.realm.remove().await;
    }

    /// When a container was made.
    pub(crate) fn made_at(&self, service: &str) -> String {
        inspect(
            &format!("{}-{service}-1", self.project.name),
            "{{.Created}}",
        )
    }
}

fn home(
    project: &Project,
    secret: &str,
    (realm, key, url): (&Realm, &str, &str),
    (services, said): (&[&str], &BTreeMap<&str, Value>),
) -> Home {
    let service = |name: &str| format!("{}/{name}", project.name);
    let orders = json!({
        "name": "orders", "service": service("orders"),
        "env_file": project.file("orders.env"), "variable": "LOGIN_SECRET",
    });
    let invoices = json!({
        "name": "invoices", "service": service("invoices"),
        "file": project.file("invoices"), "within": "20s",
    });
    let reports = json!({
        "name": "reports", "service": service("reports"),
        "http": {
            "url": secret, "digest_url": format!("{secret}/digest"),
            "bearer_file": "key-of-the-store",
        },
    });
    let mut consumers = vec![orders, invoices, reports];
    for one in &mut consumers {
        if let Some(more) = said.get(one["name"].as_str().unwrap()) {
            let more = more.as_object().unwrap().clone();
            one.as_object_mut().unwrap().extend(more);
        }
    }
    consumers.retain(|one| services.contains(&one["name"].as_str().unwrap()));
    let table = json!({
        "kind": "keycloak", "url": url, "realm": realm.name,
        "client_id": "purser", "client_secret_file": "keycloak",
        "clients": { CLIENT: { "consumers": consumers } },
    });
    let table: toml::Table = serde_json::from_value(table).unwrap();
    let home = Home::new(&[("shop", systems::docker()), ("sso", table)]);
    home.write("keycloak", key);
    home.write("key-of-the-store", TOKEN);
    home
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

//! Who asks for a rotation: another program by a hook, somebody at the console, and a schedule for each client
//! that is due.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::orders::{CLIENT, Different, Orders, ROLES};
use crate::stories::console::typed_into;
use crate::stories::plain::plain;
use crate::support::consumer::{Consumer, Project};
use crate::support::keycloak::{Realm, seen_from_here, url};
use crate::support::program::{Home, Person};
use crate::support::systems;

const TOKEN: &str = "a-token-of-some-length";
const ROTATE: &str = include_str!("../../../workflows/rotate.yaml");
const ROTATE_DUE: &str = include_str!("../../../workflows/rotate-due.yaml");
const COMMAND: &str = include_str!("../../../commands/rotate.yaml");

/// The shipped workflow, with what it says of hooks switched on, watched for a second.
fn with_hook() -> String {
    let hooked = ROTATE.replace(
        "# on:\n#   - webhook: rotate\n",
        "on:\n  - webhook: rotate\n",
    );
    assert_ne!(hooked, ROTATE);
    briefly(&hooked)
}

/// A shipped workflow that watches for a second.
pub(crate) fn briefly(workflow: &str) -> String {
    let brief = workflow.replace(
        "    uses: keycloak.rotate_client_secret\n    with:\n",
        "    uses: keycloak.rotate_client_secret\n    with:\n      watch: 1s\n",
    );
    let brief = brief.replace("with: { client:", "with: { watch: 1s, client:");
    assert_ne!(brief, workflow);
    brief
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_and_somebody_at_the_console_have_a_secret_rotated() {
    let mut orders = Orders::with(Different::only("invoices")).await;
    let home = &mut orders.home;
    home.write("token", TOKEN);
    home.write("workflows/rotate.yaml", &with_hook());
    home.write("commands/rotate.yaml", COMMAND);
    home.configure("[hooks.rotate]\nroles = ['operator']\ntoken_file = 'token'\n");
    home.up_in_public().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let hook = format!("http://{}/hooks/rotate", home.address());
    let asked = reqwest::Client::new().post(hook).bearer_auth(TOKEN);
    let answer = asked
        .json(&json!({ "client": CLIENT }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let run = answer.json::<Value>().await.unwrap()["run"].clone();
    let run = orders.home.ends(run.as_str().unwrap()).await;
    orders.expect(&run, "succeeded").await;
    assert_eq!(run["run"]["request"]["by"]["person"], "webhook rotate");
    let first = orders.realm.secret(CLIENT).await;
    assert_ne!(first, orders.old);
    orders.all_use(&first).await;

    // Purser itself has logged in as the client by now.
    let plan = orders
        .says(&["plan", "rotate", "--input", "client=orders"])
        .await;
    let note = plan.lines().find(|line| line.contains("somebody at"));
    insta::assert_snapshot!(note.unwrap().trim().replace(&seen_from_here(), "(here)"), @"· somebody at (here) logs in by it, and is no consumer that is declared (Purser is there too, and logs in by it itself while it rotates): if that is one, the rotation will be taken back when it is turned away");

    let said = typed_into(&orders.home, Person::Ann, &["rotate client=orders"]).await;
    let said = plain(&orders.without_names(&said.out));
    insta::assert_snapshot!(said, @"
    Type a command, `help`, or `quit`.
    purser> rotate client=orders
    run RUN of rotate, asked by ann
    ✓ rotate: done in N s
    client: orders
    consumers:
        consumer  place                                      proof
        invoices  /srv/x/invoices  logged_in
    gap_seconds: N
    old_refused: true
    locked_out_at: TIME
    message: orders has a new secret, proven by invoices (logged in): the old one is refused, nobody was seen to be turned away
    ✓ succeeded after N s: 1 step done
    purser> (end of input)
    ");
    let second = orders.realm.secret(CLIENT).await;
    assert_ne!(second, first);
    orders.all_use(&second).await;
    assert_eq!(orders.turned_away_of("invoices").await, 0);
    orders.close().await;
}

/// A client, and the one service that logs in as it.
struct Client {
    name: &'static str,
    old: String,
    project: Project,
    service: Consumer,
}

impl Client {
    async fn new(realm: &Realm, name: &'static str, more: &[(&str, &str)]) -> Self {
        let old = realm.client(name).await;
        realm.mark(name).await;
        let project = Project::new(realm, name);
        let file = project.write("secret", &old);
        let environment = [
            &[
                ("LOGIN_SECRET_FILE", file.as_str()),
                ("LOGIN_EVERY_MS", "500"),
            ],
            more,
        ]
        .concat();
        let service = project.unchecked_consumer("web", &environment);
        Self {
            name,
            old,
            project,
            service,
        }
    }

    fn settings(&self) -> Value {
        json!({ "maximum_age": "1ms", "consumers": [{
            "name": "web", "service": format!("{}/web", self.project.name), "within": "20s",
            "file": self.project.file("secret"), "signal": "SIGHUP",
        }] })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_has_what_is_due_rotated_one_after_another_until_one_fails() {
    let realm = Realm::create().await;
    realm.keeps_two_secrets().await;
    let clients = [
        Client::new(&realm, "billing", &[]).await,
        Client::new(&realm, "orders", &[("LIE", "1")]).await,
        Client::new(&realm, "web", &[]).await,
    ];
    let key = realm.administrator("purser", &ROLES).await;
    let known = clients
        .iter()
        .map(|one| (one.name.to_owned(), one.settings()));
    let table = json!({
        "kind": "keycloak", "url": url(), "realm": realm.name,
        "client_id": "purser", "client_secret_file": "keycloak",
        "clients": known.collect::<serde_json::Map<_, _>>(),
    });
    let table: toml::Table = serde_json::from_value(table).unwrap();
    let mut home = Home::new(&[("shop", systems::docker()), ("sso", table)]);
    home.write("keycloak", &key);
    home.write("workflows/rotate-due.yaml", &briefly(ROTATE_DUE));
    home.up().await;
    let said = home
        .types(&["schedules", "run", "rotate-due.weekdays"])
        .await;
    let said = plain(&format!("{}{}", said.out, said.err));
    let told: Vec<_> = said.lines().filter(|line| !line.starts_with(' ')).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    run RUN of rotate-due, asked by ann
    ✓ secrets: done in N s
    ✓ rotate[0]: done in N s
    ✗ rotate[1]: web was turned away by the client orders of `sso` after it had been given its secret: invalid_client_credentials
    ✗ rotate: `rotate[1]` failed
    secrets:
    rotate[0]:
    ✗ failed after N s: Left as it is: `rotate[0]`: the client billing of `sso` keeps its new secret, by which everybody has logged in.
    ");
    let [billing, orders, web] = &clients;
    let new = realm.secret(billing.name).await;
    assert_ne!(new, billing.old);
    billing.service.uses(&new).await;
    for one in [orders, web] {
        assert_eq!(realm.secret(one.name).await, one.old);
        one.service.uses(&one.old).await;
    }
    for one in &clients {
        one.service.logs_in(2).await;
        assert_eq!(realm.rotated(one.name).await, None);
    }
    assert_eq!(web.service.logins().await.failed, 0);
    let events = realm.admin_events().await;
    let id = realm.uuid(web.name).await;
    let touched = |path: &str| path.contains(&id);
    let last = events
        .iter()
        .filter(|event| event["resourcePath"].as_str().is_some_and(touched));
    // It was made, and marked.
    assert_eq!(last.count(), 2);
    home.stop().await;
    realm.remove().await;
}

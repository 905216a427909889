//! What comes of a rotation by the admin API alone: what the other stories stand on.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::consumer::{Consumer, Project, digest};
use crate::support::keycloak::{Realm, seen_from_here};

const TOKEN: &str = "key of the store";

/// One service of each kind, and where their secrets are.
struct Consumers {
    project: Project,
    store: Consumer,
    /// It has its secret in its environment.
    fixed: Consumer,
    /// It reads a file when it is told to.
    told: Consumer,
    /// It is told, and does not.
    stuck: Consumer,
    /// It does, says so, and goes on with the first one.
    liar: Consumer,
    /// It looks at a file again and again.
    looking: Consumer,
    /// It asks the store again and again.
    asking: Consumer,
}

impl Consumers {
    async fn start(realm: &Realm, secret: &str) -> Self {
        let project = Project::new(realm, "orders");
        let store = project.store("store", TOKEN);
        store.keeps(TOKEN, secret).await;
        let (file, url) = (project.write("orders", secret), store.url("/secret"));
        let in_file = ("LOGIN_SECRET_FILE", file.as_str());
        // Six log in here, and Keycloak has no more than a test machine.
        let seldom = ("LOGIN_EVERY_MS", "200");
        let asks = ("LOGIN_SECRET_POLL_URL", url.as_str());
        let [fixed, told, stuck, liar, looking, asking] = project.consumers([
            ("fixed", &[seldom, ("LOGIN_SECRET", secret)]),
            ("told", &[seldom, in_file]),
            ("stuck", &[seldom, in_file, ("STUCK", "1")]),
            ("liar", &[seldom, in_file, ("LIE", "1")]),
            ("looking", &[seldom, ("LOGIN_SECRET_POLL_FILE", &file)]),
            ("asking", &[seldom, asks, ("STORE_TOKEN", TOKEN)]),
        ]);
        Self {
            project,
            store,
            fixed,
            told,
            stuck,
            liar,
            looking,
            asking,
        }
    }

    fn all(&self) -> Vec<&Consumer> {
        [self.willing(), self.unwilling()].concat()
    }

    fn willing(&self) -> [&Consumer; 3] {
        [&self.told, &self.looking, &self.asking]
    }

    fn unwilling(&self) -> [&Consumer; 3] {
        [&self.fixed, &self.stuck, &self.liar]
    }

    /// Writes a secret to where they find theirs, and tells those that want to be told.
    async fn are_given(&self, secret: &str) {
        self.project.write("orders", secret);
        self.store.keeps(TOKEN, secret).await;
        for told in [&self.told, &self.stuck, &self.liar] {
            told.hang_up();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_consumer_comes_by_a_new_secret_in_its_own_way() {
    let realm = Realm::create().await;
    realm.keeps_two_secrets().await;
    let old = realm.client("orders").await;
    realm.mark("orders").await;
    let consumers = Consumers::start(&realm, &old).await;

    let new = realm.rotate("orders").await;
    assert_eq!(realm.rotated("orders").await.as_ref(), Some(&old));
    assert!(realm.logs_in("orders", &old).await && realm.logs_in("orders", &new).await);
    consumers.are_given(&new).await;
    for consumer in consumers.willing().into_iter().chain([&consumers.liar]) {
        consumer.uses(&new).await;
    }
    for consumer in consumers.all() {
        let logins = consumer.logs_in(1).await;
        assert_eq!((logins.failed, logins.unreachable), (0, 0), "{logins:?}");
    }

    realm.revoke_rotated("orders").await;
    assert!(!realm.logs_in("orders", &old).await && realm.logs_in("orders", &new).await);
    for consumer in consumers.unwilling() {
        let fails = consumer.logins_when("it fails", |logins| logins.failed > 0);
        let why = fails.await.last_failure.unwrap();
        assert!(why.starts_with("401 error:unauthorized_client,"), "{why}");
    }
    let stuck = consumers.stuck.logins().await;
    assert_eq!(stuck.secret_sha256, Some(digest(&old)));
    let told = consumers.told.logins().await;
    assert!(told.loaded_at_ms > stuck.loaded_at_ms, "{told:?} {stuck:?}");
    for consumer in consumers.willing() {
        assert_eq!(consumer.logs_in(1).await.failed, 0);
    }
    keycloak_tells_who_it_was(&realm, &consumers).await;
    realm.remove().await;
}

#[tokio::test]
async fn a_secret_that_a_person_sets_ends_the_one_before_and_admin_events_hide_it() {
    let realm = Realm::create().await;
    let old = realm.administrator("purser", &["manage-clients"]).await;
    realm.public_client("shop-front").await;
    realm.bearer_only_client("shop-api").await;
    assert_eq!(
        realm.representation("shop-front").await["secret"],
        Value::Null
    );
    assert_eq!(realm.representation("shop-api").await["bearerOnly"], true);
    assert!(realm.logs_in("purser", &old).await);

    let chosen = "chosen by a person & odd: %2B";
    realm.set_secret("purser", chosen).await;
    assert!(realm.logs_in("purser", chosen).await && !realm.logs_in("purser", &old).await);
    assert_eq!(realm.rotated("purser").await, None);
    let told = Value::from(realm.admin_events().await).to_string();
    assert!(told.contains(r#""resourceType":"CLIENT""#), "{told}");
    assert!(!told.contains(chosen) && !told.contains(&old), "{told}");
    realm.remove().await;
}

/// Its events carry the address of the container, or of the machine: some of our own logins failed too.
async fn keycloak_tells_who_it_was(realm: &Realm, consumers: &Consumers) {
    let of = async |kind| addresses(&realm.events("orders", kind).await);
    let expected = |those: &[&Consumer]| {
        let containers = those.iter().map(|one| one.address.to_string());
        let machine = seen_from_here();
        containers.chain([machine]).collect::<BTreeSet<_>>()
    };
    assert_eq!(of("CLIENT_LOGIN").await, expected(&consumers.all()));
    assert_eq!(
        of("CLIENT_LOGIN_ERROR").await,
        expected(&consumers.unwilling())
    );
}

fn addresses(events: &[Value]) -> BTreeSet<String> {
    let address = |event: &Value| event["ipAddress"].as_str().unwrap().to_owned();
    events.iter().map(address).collect()
}

//! Logins, realms and settings that do not do, each with what to do about it.

use super::hands::{PURSER, Sso, complaint};
use crate::support::keycloak::{Realm, url};

#[tokio::test]
async fn whoever_cannot_be_let_in_is_told_why() {
    let realm = Realm::create().await;
    let secret = realm.administrator(PURSER, &["query-clients"]).await;
    realm.public_client("shop-app").await;
    realm.bearer_only_client("shop-api").await;
    let said = async |name: &str, client: &str, secret: &str, more: &str| {
        let sso = Sso::at(&url(), name, client, secret, more);
        let said = sso
            .checked()
            .await
            .replace(&realm.name, "REALM")
            .replace(&url(), "URL");
        let file = sso.settings["client_secret_file"].as_str().unwrap();
        said.replace(file, "FILE")
    };
    let here = realm.name.as_str();
    let login = format!("login_realm = '{here}'");
    let all = [
        said(here, PURSER, &secret, "").await,
        said(here, PURSER, "wrong", "").await,
        said(here, "nobody", &secret, "").await,
        said("nowhere", PURSER, &secret, "").await,
        said("nowhere", PURSER, &secret, &login).await,
        said(here, PURSER, &secret, "login_realm = 'nowhere'").await,
        said("master", PURSER, &secret, &login).await,
        said(here, "shop-app", "any", "").await,
        said(here, "shop-api", "any", "").await,
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    sso: cannot read its clients: the service account of `purser` lacks the role `view-clients` of the client `realm-management`; give it that in the admin console, under `Service account roles` of `purser`
    sso: cannot read its clients: the secret of `purser` is refused; put the right one into FILE
    sso: cannot read its clients: the realm `REALM` has no client `nobody`, or it is disabled; correct `client_id` in [systems.sso]
    sso: cannot read its clients: there is no realm `nowhere` at URL; correct `realm` in [systems.sso]
    sso: cannot read its clients: there is no realm `nowhere` at URL; correct `realm` in [systems.sso]
    sso: cannot read its clients: there is no realm `nowhere` at URL; correct `login_realm` in [systems.sso]
    sso: cannot read its clients: the service account of `purser` lacks the role `view-clients` of the client `master-realm`; give it that in the admin console, under `Service account roles` of `purser`
    sso: cannot read its clients: the client `shop-app` has no service account; switch on `Client authentication` and `Service account roles` in its settings
    sso: cannot read its clients: the secret of `shop-api` is refused; put the right one into FILE
    ");
    realm.remove().await;
}

#[test]
fn settings_that_do_not_do_say_what_to_write() {
    let with = |more: &str| {
        complaint(&format!(
            "url = 'https://sso'\nrealm = 'shop'\nclient_id = 'purser'\n{more}"
        ))
    };
    let all = [
        complaint("url = 'sso'\nrealm = 'shop'\nclient_id = 'purser'"),
        complaint("url = 'https://a:b@sso'\nrealm = 'shop'\nclient_id = 'purser'"),
        complaint("url = 'https://sso'\nrealm = '..'\nclient_id = 'purser'"),
        with(""),
        with("client_secret = 'x'"),
        with("client_secret_file = 'x'"),
        with("timeout = '1m'"),
        with("[clients]\nshop = { maximum_aeg = '1d' }"),
        with("maximum_age = 'a while'"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    [systems.sso]: url = "sso" is no address: write http://HOST:PORT or https://HOST/PATH
    [systems.sso]: the `url` holds a login: write `client_id = "…"` and `client_secret_file = "…"`
    [systems.sso]: `realm` must be the name of a realm
    [systems.sso]: one of `client_secret_file`, a path, and `client_secret_secret`, a secret's name, is needed
    [systems.sso]: unknown field `client_secret`; did you mean `client_secret_secret`?
    [systems.sso]: the file /nowhere/x cannot be read: No such file or directory (os error 2)
    [systems.sso]: `timeout` is 1m, and must be from 1s to 15s
    [systems.sso]: unknown field `maximum_aeg`; did you mean `maximum_age`?
    [systems.sso]: in `maximum_age`: `a while` is not a length of time (expected number at 0): write 30s, 5m, 2h or 1d
    "#);
}

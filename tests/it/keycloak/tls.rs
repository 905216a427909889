//! A Keycloak behind HTTPS, whose certificate is of an authority of one's own, or does not do.

use super::hands::PURSER;
use super::orders::ROTATE;
use crate::support::keycloak::{Realm, url};
use crate::support::program::{Home, Person};
use crate::support::tls::{Authority, TlsWay, Wanted};

const GOOD: Wanted = Wanted {
    name: "IP:127.0.0.1",
    year: 2099,
};

/// What the doctor says of the realm by this way; it trusts who is named there.
async fn told(realm: &Realm, key: &str, way: &TlsWay, trusts: Option<&Authority>) -> String {
    let table = toml::toml! {
        kind = "keycloak"
        url = (way.address())
        realm = (realm.name.clone())
        client_id = PURSER
        client_secret_file = "keycloak"
    };
    let home = Home::new(&[("sso", table)]);
    home.write("keycloak", key);
    home.workflow("go", ROTATE);
    let mut doctor = home.command(Person::Ann, &["doctor"]);
    doctor
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR");
    if let Some(authority) = trusts {
        doctor.env("SSL_CERT_FILE", authority.certificate());
    }
    let said = doctor.output().await.unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let said = said
        .replace(way.address(), "https://sso")
        .replace(&realm.name, "shop");
    let about = |line: &&str| {
        line.contains("system sso") || (line.starts_with(' ') && !line.contains("chmod"))
    };
    let lines: Vec<_> = said.lines().filter(about).collect();
    without_instants(&lines.join("\n"))
}

/// Each number of many digits as N.
fn without_instants(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_digit());
    let plain = words.map(
        |word| match word.trim_start_matches(|c: char| c.is_ascii_digit()) {
            rest if word.len() - rest.len() > 6 => format!("N{rest}"),
            _ => word.to_owned(),
        },
    );
    plain.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_told_with_what_to_do_and_a_private_authority_can_be()
{
    let realm = Realm::create().await;
    let roles = ["manage-clients", "view-events", "view-realm"];
    let key = realm.administrator(PURSER, &roles).await;
    let authority = Authority::new();
    let for_another = Wanted {
        name: "DNS:sso.example.org",
        ..GOOD
    };
    let expired = Wanted { year: 2020, ..GOOD };
    let mut all = Vec::new();
    for (wanted, trusts) in [
        (GOOD, None),
        (for_another, Some(&authority)),
        (expired, Some(&authority)),
        (GOOD, Some(&authority)),
    ] {
        let way = authority.way_to(&url(), wanted).await;
        all.push(told(&realm, &key, &way, trusts).await);
    }
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    ✗ system sso: cannot read its clients: no safe connection to https://sso can be made (invalid peer certificate: UnknownIssuer)
        next: have this machine trust the authority that has issued its certificate (`update-ca-certificates`), or start Purser with `SSL_CERT_FILE`, a file with the authorities that it is to trust

    ✗ system sso: cannot read its clients: no safe connection to https://sso can be made (invalid peer certificate: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("sso.example.org"))
        next: correct the `url` in [systems.sso], or have a certificate issued to it for that name

    ✗ system sso: cannot read its clients: no safe connection to https://sso can be made (invalid peer certificate: certificate expired: verification time N (UNIX), but certificate is not valid after N (N seconds ago))
        next: renew its certificate, and see that this machine's clock is right

    ! system sso: the realm `shop` does not record every login of a client
        next: add REFRESH_TOKEN, REFRESH_TOKEN_ERROR to the event types that are saved, under `Realm settings`, `Events`, `User events settings`
    ✓ system sso: the realm `shop` of Keycloak at https://sso; clients with a secret: 1; it can keep two of one client
    "#);
    realm.remove().await;
}

//! What people type: set, list, remove; by stdin and by file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::JOB;
use crate::stories::Story;
use crate::support::program::Person;

#[tokio::test]
async fn before_the_first_start_secrets_are_set_without_a_server() {
    let mut story = Story::of_docker();
    story.home.workflow("migrate", JOB);
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/workflows/migrate.yaml:11:24: the secret `JOB_PASSWORD` is not set: set it with `purser secret set JOB_PASSWORD`
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("secret list").await, @"
    SECRET        SET      BY  USED BY
    JOB_PASSWORD  not set  -   the workflow migrate
    exit code 0
    ");
    assert!(!story.home.path("store").exists(), "looking makes nothing");
    insta::assert_snapshot!(story.gives("secret set JOB_PASSWORD", "a-long-password\n").await, @"
    the secret JOB_PASSWORD is set
    purser: the store HOME/store was made for uid 0: run `purser up` as the same user
    exit code 0
    ");
    insta::assert_snapshot!(story.gives("secret set PIN", "1234").await, @"
    the secret PIN is set
    it, or the password in it, has less than 8 characters, and is not masked where another program prints it
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("lint").await, @"
    1 system, 1 workflow, 0 commands: no errors
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("secret list").await, @"
    SECRET        SET                   BY   USED BY
    JOB_PASSWORD  TIME  ann  the workflow migrate
    PIN           TIME  ann  -
    exit code 0
    ");
    let key = fs::metadata(story.home.path("store/secrets.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    story.home.up().await;
    let migrated = story.sees("run migrate").await;
    assert!(migrated.contains("exit code 0"), "{migrated}");
    insta::assert_snapshot!(story.books().await.join("\n"), @"
    secret JOB_PASSWORD: the secret JOB_PASSWORD was set by ann
    secret PIN: the secret PIN was set by ann
    run: 1 step done
    ");
    let verified = story.sees("receipts verify").await;
    assert!(verified.contains("exit code 0"), "{verified}");
    insta::assert_snapshot!(story.person_sees(Person::Cy, "lint").await, @"
    HOME/store: warning: whether the secrets are set that workflows name is not known: the store HOME/store: it cannot be read (Permission denied (os error 13)): do this as the user who owns it
    1 system, 1 workflow, 0 commands: no errors
    exit code 0
    ");
}

#[tokio::test]
async fn with_a_server_they_go_through_its_api() {
    let mut story = Story::of_docker();
    story.home.up().await;
    insta::assert_snapshot!(story.sees("secret list").await, @"
    no secrets yet: set one with `purser secret set NAME`
    exit code 0
    ");
    insta::assert_snapshot!(story.gives("secret set API-KEY", "first value").await, @"
    the secret API-KEY is set
    exit code 0
    ");
    let set = story
        .person_gives(Person::Bo, "secret set API-KEY --json", b"other value")
        .await;
    let set = set.json();
    assert_eq!(set["set"]["by"], "bo");
    assert_eq!(set["masked"], true);
    let list = story.home.asks(&["secret", "list"]).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["set"]["by"], "bo");
    insta::assert_snapshot!(story.sees("secret rm API_KEY").await, @"
    purser: unknown secret `API_KEY`; did you mean `API-KEY`?
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("secret rm API-KEY").await, @"
    the secret API-KEY is removed
    exit code 0
    ");
    insta::assert_snapshot!(story.sees("secret rm API-KEY").await, @"
    purser: unknown secret `API-KEY`: there is none yet
    exit code 2
    ");
    story.home.write("value", "a value of a file\n");
    let line = ["secret", "set", "FILE", "--file", "value"];
    assert_eq!(story.home.asks(&line).await["name"], "FILE");
    let opened = age::decrypt(&story.identities()[0], &story.sealed("FILE").await).unwrap();
    assert_eq!(opened, b"a value of a file");
    assert_eq!(
        story.home.asks(&["secret", "rekey"]).await,
        json!({ "secrets": 1 })
    );
    let removed = story.home.asks(&["secret", "rm", "FILE"]).await;
    assert_eq!(removed["set"], Value::Null);
    insta::assert_snapshot!(story.sees("secret rekey").await, @"
    0 secrets are sealed for a new key, and the old one is dropped
    keep a copy of `secrets.key` in the store's folder: nothing else opens them
    exit code 0
    ");
    insta::assert_snapshot!(story.books().await.join("\n"), @"
    secret API-KEY: the secret API-KEY was set by ann
    secret API-KEY: the secret API-KEY was set by bo
    secret API-KEY: the secret API-KEY was removed by ann
    secret FILE: the secret FILE was set by ann
    key of the secrets: the secrets were sealed for a new key by ann
    secret FILE: the secret FILE was removed by ann
    key of the secrets: the secrets were sealed for a new key by ann
    ");
}

#[tokio::test]
async fn only_operators_come_near_them_and_a_refusal_has_its_receipt() {
    let mut story = Story::of_docker();
    story.home.up().await;
    for person in [Person::Cy, Person::Stranger] {
        for line in [
            "secret list",
            "secret set TOKEN",
            "secret rm TOKEN",
            "secret rekey",
        ] {
            let said = story.person_gives(person, line, b"a value of theirs").await;
            assert_eq!((said.code, said.out.as_str()), (4, ""), "{line}: {said:?}");
        }
    }
    insta::assert_snapshot!(story.books().await.join("\n"), @"
    list the secrets: cy may not list the secrets: that takes the role operator
    set the secret TOKEN: cy may not set the secret TOKEN: that takes the role operator
    remove the secret TOKEN: cy may not remove the secret TOKEN: that takes the role operator
    change the key of the secrets: cy may not change the key of the secrets: that takes the role operator
    list the secrets: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    set the secret TOKEN: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    remove the secret TOKEN: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    change the key of the secrets: uid 65532 is nobody whom Purser knows: add `[people.NAME]` with `roles` and this uid 65532 to its configuration
    ");
    story.home.stop().await;
    let said = story
        .person_gives(Person::Cy, "secret set TOKEN", b"a value of theirs")
        .await;
    insta::assert_snapshot!(story.shown(&said), @"
    purser: no Purser answers you at HOME/purser.sock, and the store HOME/store belongs to uid 0, not to yours, 65533: type this as that user, or see that Purser runs and that you may open its socket
    exit code 4
    ");
    assert_eq!(
        story.home.types(&["secret", "list", "--json"]).await.json(),
        json!([])
    );
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_refused_with_what_to_do() {
    let story = Story::of_docker();
    insta::assert_snapshot!(story.gives("secret set bad.name", "x").await, @"
    purser: this cannot name a secret: a name has 1 to 64 letters, digits, `-` and `_`
    exit code 2
    ");
    insta::assert_snapshot!(story.gives("secret set EMPTY", "\n").await, @"
    purser: the value is empty: nothing was set
    exit code 2
    ");
    insta::assert_snapshot!(story.gives("secret set NUL", "a\0b").await, @"
    purser: the value holds a NUL byte, which no password has: encode it, as with `base64`; nothing was set
    exit code 2
    ");
    insta::assert_snapshot!(story.gives("secret set LONG", &"x".repeat(64 * 1024 + 1)).await, @"
    purser: the value has more than 65536 bytes: nothing was set
    exit code 2
    ");
    let binary = story
        .person_gives(Person::Ann, "secret set BINARY", &[0xff, 0xfe])
        .await;
    insta::assert_snapshot!(story.shown(&binary), @"
    purser: the value is no UTF-8 text: encode it, as with `base64`; nothing was set
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("secret set NOWHERE --file nowhere").await, @"
    purser: the file nowhere cannot be read: No such file or directory (os error 2)
    exit code 2
    ");
    insta::assert_snapshot!(story.sees("secret rm NONE").await, @"
    purser: there are no secrets yet: there is no store in HOME/store
    exit code 2
    ");
    assert!(!story.home.path("store").exists());
    story
        .sets("LONGEST", &format!("{}\n", "\u{1}".repeat(64 * 1024)))
        .await;
}

#[tokio::test]
async fn a_secret_that_is_written_where_its_name_belongs_is_not_printed() {
    const MISPLACED: &str = "pa55/word!";
    let mut story = Story::of_docker();
    let mut said = story.gives(&format!("secret set {MISPLACED}"), "x").await;
    said += &story.sees(&format!("secret rm {MISPLACED}")).await;
    let config = fs::read_to_string(story.home.path("purser.toml")).unwrap();
    for (table, key) in [
        ("systems.db", "kind = 'postgres'\nurl_secret"),
        ("hooks.ci", "roles = ['operator']\ntoken_secret"),
        ("metrics", "listen = '127.0.0.1:0'\ntoken_secret"),
        ("heartbeat", "url_secret"),
        ("heartbeat.schedules.'w.nightly'", "url_secret"),
        ("places.ops", "webhook_secret"),
    ] {
        story
            .home
            .configure(&format!("[{table}]\n{key} = '{MISPLACED}'"));
        for line in ["lint", "lint --json", "up"] {
            let wrong = story.sees(line).await;
            let names_it = wrong.contains("_secret`: this cannot name a secret");
            assert!(
                names_it && wrong.ends_with("exit code 2"),
                "{table}: {wrong}"
            );
            said += &wrong;
        }
        story.home.write("purser.toml", &config);
    }
    story.home.up().await;
    said += &story.gives(&format!("secret set {MISPLACED}"), "x").await;
    said += &story.home.logs();
    assert!(!said.contains(MISPLACED), "{said}");
}

#[tokio::test]
async fn the_longest_value_goes_through_the_api_too() {
    let mut story = Story::of_docker();
    story.home.up().await;
    let value = "\u{1}".repeat(64 * 1024);
    story.sets("LONGEST", &value).await;
    let sealed = story.sealed("LONGEST").await;
    let opened = age::decrypt(&story.identities()[0], &sealed).unwrap();
    assert!(opened == value.as_bytes());
}

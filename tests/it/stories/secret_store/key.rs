//! The key that opens them: changed, lost, and held by another.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;

use age::x25519::Identity;
use secrecy::ExposeSecret as _;

use super::{CANARY, JOB};
use crate::stories::Story;
use crate::support::program::Person;

#[tokio::test]
async fn killed_anywhere_a_change_of_the_key_loses_nothing() {
    for (place, identities) in [("added", 2), ("sealed", 2), ("dropped", 1)] {
        let mut story = Story::of_docker();
        story.home.workflow("migrate", JOB);
        story.sets("JOB_PASSWORD", CANARY).await;
        story.sets("OTHER", "the other secret").await;
        let first = story.identities().remove(0);
        let mut command = story.home.command(Person::Ann, &["secret", "rekey"]);
        command.env("PURSER_FAILPOINT", format!("secret.rekey/{place}"));
        let status = command.status().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{place}");
        assert_eq!(story.identities().len(), identities, "{place}");

        story.home.up().await;
        let warns = story.home.log().contains("cut short");
        assert_eq!(warns, identities == 2, "{place}: {}", story.home.log());
        let migrated = story.sees("run migrate").await;
        assert!(migrated.contains("exit code 0"), "{place}: {migrated}");
        let rekeyed = story.sees("secret rekey").await;
        assert!(
            rekeyed.contains("2 secrets are sealed"),
            "{place}: {rekeyed}"
        );
        let [last] = <[Identity; 1]>::try_from(story.identities()).ok().unwrap();
        for (name, value) in [("JOB_PASSWORD", CANARY), ("OTHER", "the other secret")] {
            let sealed = story.sealed(name).await;
            assert_eq!(age::decrypt(&last, &sealed).unwrap(), value.as_bytes());
            assert!(age::decrypt(&first, &sealed).is_err(), "{place}");
        }
        let migrated = story.sees("run migrate").await;
        assert!(migrated.contains("exit code 0"), "{place}: {migrated}");
    }
}

#[tokio::test]
async fn killed_while_a_key_is_made_the_next_start_makes_it_whole() {
    for (made_before, key) in [(None, "secrets.key"), (Some("TOKEN"), "receipts.key")] {
        let mut story = Story::of_docker();
        if let Some(name) = made_before {
            story.sets(name, "a-long-token").await;
        }
        let path = story.home.path(&format!("store/{key}"));
        let half = story.home.path(&format!("store/{key}.new"));
        let mut command = story.home.command(Person::Ann, &["up"]);
        command.env("PURSER_FAILPOINT", "key/half");
        let status = command.status().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{key}");
        assert_eq!(fs::metadata(&half).unwrap().len(), 0, "{key}");
        assert!(!path.exists(), "{key}");

        fs::set_permissions(&half, fs::Permissions::from_mode(0o644)).unwrap();
        story.home.up().await;
        let made = fs::metadata(&path).unwrap();
        assert_eq!(made.permissions().mode() & 0o777, 0o600, "{key}");
        assert!(!half.exists(), "{key}");
        story.sets("OTHER", "another-token").await;
        assert_eq!(story.identities().len(), 1, "{key}");
        let verified = story.sees("receipts verify").await;
        assert!(verified.ends_with("exit code 0"), "{key}: {verified}");
    }
}

#[tokio::test]
async fn a_lost_key_is_never_papered_over_with_another() {
    let mut story = Story::of_docker();
    story.sets("TOKEN", "a-long-token").await;
    let (key, aside) = (
        story.home.path("store/secrets.key"),
        story.home.path("aside"),
    );
    fs::rename(&key, &aside).unwrap();
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: HOME/store/secrets.key is not there, and without it these secrets cannot be opened: TOKEN. Restore it from a backup; if it is lost for good, forget each with `purser secret rm NAME --force`, and set them again
    exit code 1
    ");
    insta::assert_snapshot!(story.gives("secret set OTHER", "another-token").await, @"
    purser: HOME/store/secrets.key is not there, and without it these secrets cannot be opened: TOKEN. Restore it from a backup; if it is lost for good, forget each with `purser secret rm NAME --force`, and set them again
    exit code 1
    ");
    assert!(!key.exists());
    fs::write(&key, fs::read_to_string(&aside).unwrap().replace('1', "l")).unwrap();
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: HOME/store/secrets.key holds no identity of age, AGE-SECRET-KEY-1…: restore it from a backup
    exit code 1
    ");
    fs::write(&key, Identity::generate().to_string().expose_secret()).unwrap();
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: the secret `TOKEN` cannot be opened: HOME/store/secrets.key does not open it (No matching keys found). Restore the key that belongs to this store, or set it again with `purser secret set TOKEN`
    exit code 1
    ");
    story.sets("TOKEN", "the same token, set again").await;
    story.home.up().await;
    story.home.stop().await;
    fs::remove_file(&key).unwrap();
    let removed = story.sees("secret rm TOKEN --force").await;
    assert!(removed.contains("is removed"), "{removed}");
    story.sets("TOKEN", "a token for another key").await;
    story.home.up().await;
}

#[tokio::test]
async fn the_store_of_another_user_is_left_alone() {
    let story = Story::of_docker();
    story.sets("TOKEN", "a-long-token").await;
    let nobody = Some(65_534);
    std::os::unix::fs::chown(story.home.path("store"), nobody, nobody).unwrap();
    insta::assert_snapshot!(story.gives("secret set TOKEN", "another-token").await, @"
    purser: no Purser answers you at HOME/purser.sock, and the store HOME/store belongs to uid 65534, not to yours, 0: type this as that user, or see that Purser runs and that you may open its socket
    exit code 4
    ");
}

#[tokio::test]
async fn a_server_without_the_right_to_its_store_says_whose_it_is_and_how_it_becomes_its_own() {
    let story = Story::of_docker();
    story.sets("TOKEN", "a-long-token").await;
    insta::assert_snapshot!(story.person_sees(Person::Bo, "up").await, @"
    purser: the store HOME/store: nothing can be written there (Permission denied (os error 13)); it belongs to uid 0, and this runs as uid 65534: run it as that user, or give the folder to this one with `chown -R 65534 HOME/store`
    exit code 1
    ");
}

#[tokio::test]
async fn a_store_that_cannot_be_looked_into_is_not_taken_for_none() {
    let story = Story::of_docker();
    let closed = story.home.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let config = fs::read_to_string(story.home.path("purser.toml")).unwrap();
    let config = config.replace("path = 'store'", "path = 'closed/store'");
    story.home.write("purser.toml", &config);
    for line in ["secret set TOKEN", "secret rm TOKEN", "secret rekey"] {
        let said = story.person_gives(Person::Bo, line, b"a-long-token").await;
        assert_eq!(
            story.shown(&said),
            "purser: no Purser answers you at HOME/purser.sock, and the store HOME/closed/store cannot \
             be looked into (Permission denied): type this as the user who owns it, or see that Purser \
             runs and that you may open its socket\nexit code 4",
            "{line}"
        );
    }
}

#[tokio::test]
async fn every_secret_that_does_not_open_is_named() {
    let story = Story::of_docker();
    for name in ["ONE", "TWO"] {
        story.sets(name, "a-long-token").await;
    }
    let key = story.home.path("store/secrets.key");
    fs::write(&key, Identity::generate().to_string().expose_secret()).unwrap();
    story.sets("THREE", "a-long-token").await;
    insta::assert_snapshot!(story.sees("up").await, @"
    purser: the secret `ONE` cannot be opened: HOME/store/secrets.key does not open it (No matching keys found). Restore the key that belongs to this store, or set it again with `purser secret set ONE`
    the secret `TWO` cannot be opened: HOME/store/secrets.key does not open it (No matching keys found). Restore the key that belongs to this store, or set it again with `purser secret set TWO`
    exit code 1
    ");
    insta::assert_snapshot!(story.sees("lint").await, @"
    HOME/store: the secret `ONE` cannot be opened: HOME/store/secrets.key does not open it (No matching keys found). Restore the key that belongs to this store, or set it again with `purser secret set ONE`
    HOME/store: the secret `TWO` cannot be opened: HOME/store/secrets.key does not open it (No matching keys found). Restore the key that belongs to this store, or set it again with `purser secret set TWO`
    exit code 2
    ");
}

#[tokio::test]
async fn a_store_that_another_server_holds_is_not_opened_twice() {
    let mut story = Story::of_docker();
    story.home.up().await;
    let pid = story.home.pid().to_string();
    story.call(&pid, "PID");
    let said = story
        .gives("secret set TOKEN --socket elsewhere.sock", "a-long-token")
        .await;
    insta::assert_snapshot!(said, @"
    purser: no Purser is listening at elsewhere.sock, and the store HOME/store is held by the process PID: one Purser works on a store at a time. Stop that one first, or use another `[store] path`. If that is a Purser with another socket, name it with --socket
    exit code 1
    ");
}

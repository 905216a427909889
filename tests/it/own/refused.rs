//! Backups that cannot be made, and those that cannot be put back: it is said why, and nothing is
//! touched.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use age::x25519;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use purser::action::ports::OwnFile;
use purser::domain::time::Timestamp;
use purser::integrations::own::archive;
use purser::integrations::own::manifest::Manifest;

use super::{Key, backed_up, backs_up_to, empty_machine, recovers};
use crate::support::program::{Home, Said};

/// A backup in a folder, and the key to it.
struct Stand {
    key: Key,
    _old: Home,
    backup: PathBuf,
}

impl Stand {
    async fn new() -> Self {
        let key = Key::new();
        let mut old = Home::new(&[]);
        let to = format!("file://{}", old.path("backups").display());
        backs_up_to(&old, &to, &key, "");
        old.up().await;
        let backup = backed_up(&old).await;
        old.stop().await;
        let backup = backup["backup"]
            .as_str()
            .unwrap()
            .strip_prefix("file://")
            .unwrap();
        Self {
            key,
            backup: PathBuf::from(backup),
            _old: old,
        }
    }

    /// Nothing is recovered from a copy of the backup that was changed so: what is said.
    async fn refused(&self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
        let new = empty_machine();
        fs::write(
            new.path("copy.age"),
            change(fs::read(&self.backup).unwrap()),
        )
        .unwrap();
        let said = recovers(&new, "copy.age", &self.key, &[]).await;
        nothing_is_there(&new);
        told(&said)
    }
}

fn told(said: &Said) -> String {
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    said.err.trim().to_owned()
}

fn nothing_is_there(home: &Home) {
    for name in ["purser.toml", "workflows", "commands", "store"] {
        assert!(!home.path(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_is_touched() {
    let stand = Stand::new().await;
    let (new, other) = (empty_machine(), Key::new());
    let from = stand.backup.display().to_string();
    let said = told(&recovers(&new, &from, &other, &[]).await);
    assert!(
        said.ends_with(
            "cannot be recovered from: it was made for other keys (1 of kind X25519): name the key \
             file whose public key stood in `recipients`"
        ),
        "{said}"
    );
    nothing_is_there(&new);

    let whole = fs::read(&stand.backup).unwrap().len();
    // One in the header, and some in what is encrypted, the last byte among them.
    for at in [40, whole / 2, whole - 1] {
        let said = stand
            .refused(|mut bytes| {
                bytes[at] ^= 1;
                bytes
            })
            .await;
        assert!(
            said.starts_with("purser: copy.age cannot be recovered from: it "),
            "{at}: {said}"
        );
    }
    for length in [0, 100, whole / 2, whole - 1] {
        let said = stand.refused(|bytes| bytes[..length].to_vec()).await;
        assert!(
            said.starts_with("purser: copy.age cannot be recovered from: it "),
            "{length}: {said}"
        );
    }
    let said = stand.refused(|_| b"no file of age".to_vec()).await;
    assert!(said.contains("it is no file of age"), "{said}");
}

#[tokio::test]
async fn a_store_or_a_configuration_that_is_there_stays() {
    let stand = Stand::new().await;
    let from = stand.backup.display().to_string();
    let new = empty_machine();
    fs::create_dir(new.path("store")).unwrap();
    fs::write(new.path("store/purser.db"), "mine").unwrap();
    let said = told(&recovers(&new, &from, &stand.key, &[]).await);
    assert!(
        said.ends_with(
            "there is a store already (purser.db), and nothing was touched: move it away first, or \
             name another folder in `[store] path`"
        ),
        "{said}"
    );
    assert_eq!(fs::read(new.path("store/purser.db")).unwrap(), b"mine");
    assert!(!new.path("purser.toml").exists());

    fs::remove_dir_all(new.path("store")).unwrap();
    new.write("purser.toml", "[store]\npath = 'elsewhere'\n");
    let told = recovers(&new, &from, &stand.key, &["--json"]).await.json();
    let left: Vec<_> = told["left"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    assert_eq!(left, [new.path("purser.toml").to_str().unwrap()]);
    assert_eq!(
        fs::read_to_string(new.path("purser.toml")).unwrap(),
        "[store]\npath = 'elsewhere'\n"
    );
    let beside = new.path("purser.recovered.toml");
    assert!(beside.exists());
    assert!(new.path("elsewhere/purser.db").exists());

    // For people it is said which of the two is in force.
    fs::remove_dir_all(new.path("elsewhere")).unwrap();
    let said = recovers(&new, &from, &stand.key, &[]).await;
    let next = said.out.lines().last().unwrap();
    let wanted = format!(
        "next: take over into {} what is wanted of {}, which is the backup's and not in force, ",
        new.path("purser.toml").display(),
        beside.display()
    );
    assert!(next.starts_with(&wanted), "{said:?}");
}

/// A backup as some other version would make it: of this manifest and these files.
fn made_by_another(key: &Key, manifest: Manifest, files: &[OwnFile]) -> Vec<u8> {
    let mut made = Vec::new();
    let recipient: x25519::Recipient = key.public.parse().unwrap();
    archive::write(&mut made, &[recipient], manifest, files).unwrap();
    made
}

#[tokio::test]
async fn what_a_newer_version_has_made_says_which() {
    let stand = Stand::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::File::create(&path).unwrap().write_all(b"").unwrap();
    let file = |name: &str| OwnFile {
        name: name.to_owned(),
        path: path.clone(),
    };
    let manifest = Manifest {
        format: 1,
        name: "x".to_owned(),
        purser: "9.9.9".to_owned(),
        made_at: Timestamp::from_micros(0),
        head: None,
        schema: 9999,
        left_out: vec![],
        files: vec![],
    };
    let files = [file("config/purser.toml"), file("store/purser.db")];
    let newer = Manifest {
        format: 2,
        ..manifest.clone()
    };
    for (manifest, why) in [
        (
            newer,
            "it was made by purser 9.9.9 in format 2, and this is purser ",
        ),
        (
            manifest,
            "it was made by purser 9.9.9, whose tables are at version 9999, and this is purser ",
        ),
    ] {
        let new = empty_machine();
        new.write("purser.toml", "[store]\npath = 'store'\n");
        fs::write(
            new.path("copy.age"),
            made_by_another(&stand.key, manifest, &files),
        )
        .unwrap();
        let said = told(&recovers(&new, "copy.age", &stand.key, &[]).await);
        assert!(said.contains(why), "{said}");
        assert!(!new.path("store").exists());
    }
}

#[tokio::test]
async fn a_key_file_may_have_a_passphrase_and_without_a_key_there_is_nothing() {
    let stand = Stand::new().await;
    let from = stand.backup.display().to_string();
    let new = empty_machine();
    let said = new.types(&["recover", "--from", &from]).await;
    assert_eq!(
        (said.code, said.err.as_str()),
        (
            2,
            "purser: --identity KEYFILE is needed: the file with the secret key of age\n"
        )
    );
    fs::write(new.path("no.key"), "hunter2\n").unwrap();
    let said = new
        .types(&["recover", "--from", &from, "--identity", "no.key"])
        .await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err.contains("no.key is no secret key of age"),
        "{said:?}"
    );
    assert!(!said.err.contains("hunter2"), "{said:?}");

    let mut passphrase = age::scrypt::Recipient::new("correct horse".to_owned().into());
    passphrase.set_work_factor(2);
    let secret = fs::read(stand.key.file()).unwrap();
    let locked = age::encrypt(&passphrase, &secret).unwrap();
    fs::write(new.path("locked.key"), &locked).unwrap();
    let asked = [
        "recover",
        "--from",
        &from,
        "--identity",
        "locked.key",
        "--passphrase-file",
        "words",
    ];
    fs::write(new.path("words"), "wrong horse\n").unwrap();
    let said = told(&new.types(&asked).await);
    assert_eq!(said, "purser: the passphrase does not open locked.key");
    nothing_is_there(&new);
    fs::write(new.path("words"), "correct horse\n").unwrap();
    // As `age --armor` writes it, and as it does without.
    for text in [armored(&locked), locked] {
        fs::write(new.path("locked.key"), text).unwrap();
        let said = new.types(&asked).await;
        assert_eq!(said.code, 0, "{said:?}");
        fs::remove_dir_all(new.path("store")).unwrap();
    }
}

fn armored(bytes: &[u8]) -> Vec<u8> {
    let mut lines = vec![b"-----BEGIN AGE ENCRYPTED FILE-----".to_vec()];
    let text = BASE64_STANDARD.encode(bytes);
    lines.extend(text.as_bytes().chunks(64).map(<[u8]>::to_vec));
    lines.push(b"-----END AGE ENCRYPTED FILE-----\n".to_vec());
    lines.join(&b"\n"[..])
}

#[tokio::test]
async fn an_older_backup_under_the_name_of_a_newer_one_is_found_out() {
    let stand = Stand::new().await;
    let name = stand.backup.file_name().unwrap().to_str().unwrap();
    let newer = "purser-20991231T000000Z-0123456789ab.tar.zst.age";
    let new = empty_machine();
    fs::create_dir(new.path("backups")).unwrap();
    fs::copy(&stand.backup, new.path("backups").join(newer)).unwrap();
    let said = told(&recovers(&new, "backups", &stand.key, &[]).await);
    assert!(
        said.starts_with(&format!(
            "purser: {newer} cannot be recovered from: it is {name} under another name"
        )),
        "{said}"
    );
    nothing_is_there(&new);
    // A name that is none of ours claims nothing.
    let copy = new.path("copy.age");
    fs::copy(&stand.backup, &copy).unwrap();
    let said = recovers(&new, "copy.age", &stand.key, &[]).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test]
async fn nothing_is_recovered_into_a_folder_that_the_configuration_does_not_go_by() {
    let stand = Stand::new().await;
    let new = empty_machine();
    new.write("purser.toml", "[store]\npath = 'store'\nurl_file = 'url'\n");
    let from = stand.backup.display().to_string();
    let said = recovers(&new, &from, &stand.key, &[]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err
            .contains("`[store] url_file` has the tables in PostgreSQL"),
        "{said:?}"
    );
    assert!(!new.path("store").exists());
}

#[tokio::test]
async fn a_backup_is_refused_with_the_key_that_is_none() {
    let (key, home) = (Key::new(), Home::new(&[]));
    let mut home = home;
    let to = format!("file://{}", home.path("backups").display());
    home.workflow(
        "wrong",
        &format!("steps:\n  - {{ id: backup, uses: purser.backup_store, with: {{ to: '{to}', recipients: [{}, age1nobody] }} }}\n", key.public),
    );
    home.workflow(
        "none",
        &format!("steps:\n  - {{ id: backup, uses: purser.backup_store, with: {{ to: '{to}', recipients: [] }} }}\n"),
    );
    backs_up_to(&home, &to, &key, ", keep: 0");
    home.up().await;
    for (workflow, why) in [
        (
            "wrong",
            "`age1nobody`, number 2 of `recipients`, is no public key of age",
        ),
        ("none", "`recipients` is empty"),
        ("backup-purser", "`keep` is 0"),
    ] {
        for ask in ["run", "plan"] {
            let said = home.types(&[ask, workflow]).await;
            assert_eq!(said.code, 1, "{said:?}");
            assert!(
                format!("{}{}", said.out, said.err).contains(why),
                "{said:?}"
            );
        }
    }
    assert!(!home.path("backups").exists());
}

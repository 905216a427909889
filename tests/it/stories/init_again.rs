//! `purser init` by root, and for a second time, when the key that opens backups has gone where it
//! belongs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use super::Story;
use super::init::{Project, inventory};
use crate::docker::stage::host;
use crate::support::program::{Person, ended};

const KEY: &str = "secrets/purser_backup.agekey";

/// A project without anything to configure but the engine.
fn project() -> Project {
    let mut project = Project::new();
    project.runs("cache", "redis:7", &[]);
    project
}

/// Every recipient that a text names.
fn recipients(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with("age1")).collect()
}

#[tokio::test]
async fn a_key_that_was_moved_away_still_opens_what_is_configured() {
    let project = project();
    let story = Story::of_nothing();
    assert_eq!(story.inits(&project, &[]).await.code, 0);
    let config = fs::read_to_string(story.home.path("purser.toml")).unwrap();
    let [recipient] = recipients(&config)[..] else {
        panic!("{config}");
    };
    fs::rename(story.home.path(KEY), story.home.path("elsewhere")).unwrap();
    let before = inventory(&story.home.path(""));

    let said = story.inits(&project, &[]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(inventory(&story.home.path("")), before, "{said:?}");
    let note = format!(
        "note: backups of Purser itself stay locked for {recipient}; its key is not in {KEY}: see that \
         you have it\n"
    );
    assert!(said.out.contains(&note), "{said:?}");

    // What has to be put back is put back with the same recipient.
    fs::remove_file(story.home.path("commands/logs.yaml")).unwrap();
    let edited = config.replace("\nuid = ", "\n# that is me\nuid = ");
    story.home.write("purser.toml", &edited);
    let said = story.inits(&project, &["--force", "purser.toml"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(inventory(&story.home.path("")), before, "{said:?}");
}

#[tokio::test]
async fn what_is_not_written_names_no_recipient_whose_key_nobody_has() {
    let project = project();
    let story = Story::of_nothing();
    story.home.write("purser.toml", "# By hand.\n");
    for more in [&[][..], &["--dry-run", "--force", "purser.toml"]] {
        let said = story.inits(&project, more).await;
        assert!(
            said.out
                .contains("+# recipients = [\"a key is drawn when this is written\"]\n"),
            "{said:?}"
        );
        assert_eq!(recipients(&said.out), [""; 0], "{said:?}");
        assert!(!story.home.path(KEY).exists());
    }
    let said = story.inits(&project, &["--force", "purser.toml"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let config = fs::read_to_string(story.home.path("purser.toml")).unwrap();
    assert_eq!(recipients(&config).len(), 1, "{config}");
    assert!(story.home.path(KEY).exists());
}

#[tokio::test]
async fn what_root_writes_for_somebody_is_that_persons() {
    let story = Story::of_nothing();
    let to = story.home.path("theirs/purser");
    let mut init = story.home.command(
        Person::Ann,
        &["init", "--docker", &host(), "--to", to.to_str().unwrap()],
    );
    init.env("SUDO_UID", "4711").env("SUDO_GID", "4712");
    init.stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = ended(&["init"], init.spawn().unwrap()).await;
    assert_eq!(said.code, 0, "{said:?}");
    let mut paths: Vec<PathBuf> = inventory(&to).into_keys().map(Into::into).collect();
    paths.extend([to.clone(), story.home.path("theirs")]);
    for path in paths {
        let facts = fs::metadata(&path).unwrap();
        assert_eq!((facts.uid(), facts.gid()), (4711, 4712), "{path:?}");
    }
    // What was there before stays whose it was.
    assert_eq!(fs::metadata(story.home.path("")).unwrap().uid(), 0);
}

#[tokio::test]
async fn after_a_kill_the_keys_are_there_and_the_next_one_tidies_up() {
    let project = project();
    let story = Story::of_nothing();
    let home = story.home.path("");
    let arguments = [
        "init",
        "--docker",
        &host(),
        "--project",
        project.name(),
        "--to",
        home.to_str().unwrap(),
    ];
    let mut init = story.home.command(Person::Ann, &arguments);
    init.env("PURSER_FAILPOINT", "init/secrets placed");
    init.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(!init.spawn().unwrap().wait().await.unwrap().success());
    // Nothing is configured for a key that is not there; the other way round does no harm.
    let key = fs::read_to_string(story.home.path(KEY)).unwrap();
    assert!(!story.home.path("purser.toml").exists());
    let stages = || {
        let names = fs::read_dir(&home)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names
            .filter(|name| name.starts_with(".purser-init"))
            .count()
    };
    assert_eq!(stages(), 1);

    let said = story.home.types(&arguments).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(stages(), 0, "with its secrets");
    assert_eq!(fs::read_to_string(story.home.path(KEY)).unwrap(), key);
    assert!(story.home.path("purser.toml").exists());
}

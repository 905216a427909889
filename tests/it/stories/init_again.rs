//! `purser init` for a second time, when the key that opens backups has gone where it belongs.

use std::fs;

use super::Story;
use super::init::{Project, inventory};

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

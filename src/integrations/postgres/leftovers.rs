//! Scratch servers of drills whose runs are over: left by a process that died for good.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Postgres;
use super::scratch::Place;
use crate::action::ports::{Leftover, Sweeps};
use crate::action::{ActionError, Result};
use crate::domain::time::Timestamp;

impl Sweeps for Postgres {
    fn leftovers(&self) -> BoxFuture<'_, Result<Vec<Leftover>>> {
        async { leftovers_in(self.scratch_parent()).await }.boxed()
    }

    fn sweep<'a>(&'a self, leftover: &'a Leftover) -> BoxFuture<'a, Result<()>> {
        sweep(leftover).boxed()
    }
}

async fn leftovers_in(parent: &Path) -> Result<Vec<Leftover>> {
    let folder = parent.to_owned();
    let listed = tokio::task::spawn_blocking(move || Place::all_in(&folder)).await;
    let listed = listed.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let places = listed.map_err(|error| {
        let parent = parent.display();
        ActionError::retryable(format!(
            "scratch servers in {parent} cannot be looked for: {error}"
        ))
    })?;
    let leftover = |(place, made_at): &(Place, std::time::SystemTime)| {
        let since = made_at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let folder = place.folder().display();
        Leftover {
            id: folder.to_string(),
            what: format!("the scratch server in {folder}"),
            run: place.run(),
            made_at: Timestamp::from_micros(0).plus(since),
        }
    };
    Ok(places.iter().map(leftover).collect())
}

async fn sweep(leftover: &Leftover) -> Result<()> {
    let place = Place::left(PathBuf::from(&leftover.id), leftover.run);
    place.clear().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_says_whose_it_is_can_be_swept_and_others_are_not_seen() {
        let parent = tempfile::tempdir().unwrap();
        let run = "0197a4d2-0000-7000-8000-000000000001";
        for (folder, owner) in [
            ("purser-drill-a0a0a0a0a0a0", Some(run)),
            ("purser-drill-b0b0b0b0b0b0", None),
            ("purser-drill-c0c0c0c0c0c0", Some("nobody")),
            ("purser-drill-a0", Some(run)),
            ("other", Some(run)),
        ] {
            let folder = parent.path().join(folder);
            std::fs::create_dir_all(folder.join("data")).unwrap();
            if let Some(owner) = owner {
                std::fs::write(folder.join("run"), owner).unwrap();
            }
        }
        // Whoever opened this would wait for ever.
        let pipe = parent.path().join("purser-drill-b0b0b0b0b0b0/run");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let found = leftovers_in(parent.path()).await.unwrap();
        let [one] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(one.run.to_string(), run);
        assert!(
            one.what.ends_with("/purser-drill-a0a0a0a0a0a0"),
            "{}",
            one.what
        );
        sweep(one).await.unwrap();
        assert!(!parent.path().join("purser-drill-a0a0a0a0a0a0").exists());
        assert_eq!(leftovers_in(parent.path()).await.unwrap(), []);
        assert!(parent.path().join("purser-drill-b0b0b0b0b0b0").exists());
        let nowhere = parent.path().join("nowhere");
        assert_eq!(leftovers_in(&nowhere).await.unwrap(), []);
    }
}

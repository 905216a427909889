//! Names for people to choose from while they type.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};

use super::connection::Postgres;
use super::manifest::{self, Manifest};
use crate::action::objects::{NotAnObjectUrl, ObjectUrl};
use crate::action::{
    ActionError, ErrorKind, Offers, Order, ReadContext, Result, Suggestion, ports,
};
use crate::domain::nearest;
use crate::domain::time::Timestamp;
use crate::domain::words::{age, size};

/// What can be completed.
pub(super) const LISTS: &[&str] = &["databases", "backups"];

/// So many of the newest backups are looked at: each takes a read.
const MOST_BACKUPS: usize = 100;

impl ports::Suggest for Postgres {
    /// Completes `databases`, and the `backups` of a folder.
    fn offers<'a>(
        &'a self,
        ctx: &'a ReadContext,
        what: &'a str,
        of: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Offers>> {
        async move {
            match (what, of) {
                ("databases", _) => Ok(self.databases().await?.into()),
                ("backups", Some(folder)) => backups(ctx, folder).await,
                ("backups", None) => Err(ActionError::fatal(
                    "backups are those of a folder: write postgres.backups(s3://SYSTEM/BUCKET/FOLDER), \
                     or postgres.backups(OPTION) with the option that names it",
                )),
                _ => {
                    let why = nearest::unknown("list of PostgreSQL names", what, LISTS.to_vec());
                    Err(ActionError::fatal(why))
                }
            }
        }
        .boxed()
    }
}

/// The backups of this folder by their names in it, newest first. What is none, or cannot be read as
/// one, is not among them.
async fn backups(ctx: &ReadContext, folder: &str) -> Result<Offers> {
    let url: ObjectUrl = folder
        .parse()
        .map_err(|error: NotAnObjectUrl| ActionError::fatal(error.to_string()))?;
    let folder = ctx.objects(&url)?;
    let mut names = manifest::names(&*folder).await?;
    names.sort_by(|a, b| begun(b).cmp(&begun(a)));
    names.truncate(MOST_BACKUPS);
    let mut reads = manifest::each(folder, names);
    let mut manifests = Vec::new();
    while let Some(found) = reads.next().await {
        match found {
            Ok(found) => manifests.extend(found),
            Err(error) if error.kind == ErrorKind::Fatal => {}
            Err(error) => return Err(error),
        }
    }
    manifests.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| b.name.cmp(&a.name)));
    let now = ctx.clock.now();
    let all = manifests.iter().map(|manifest| offer(manifest, now));
    Ok(Offers {
        all: all.collect(),
        order: Order::AsGiven,
    })
}

/// The part of a backup's name that says when it was begun: `20261124T023000Z` sorts as text. Nothing
/// for a folder that somebody has named.
fn begun(name: &str) -> Option<&str> {
    let (before, _token) = name.rsplit_once('-')?;
    let (_database, at) = before.rsplit_once('-')?;
    let is_time = at.len() == 16 && at.ends_with('Z') && at.as_bytes()[8] == b'T';
    is_time.then_some(at)
}

/// `orders, 3 h ago, 12 MiB, 2026-11-24T02:30:00Z`.
fn offer(manifest: &Manifest, now: Timestamp) -> Suggestion {
    let shown = format!(
        "{}, {} ago, {}, {}",
        manifest.database,
        age(now.since(manifest.at)),
        size(manifest.dump.bytes),
        manifest.at
    );
    Suggestion {
        value: manifest.name.clone(),
        shown: Some(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_when_its_backup_was_begun_whatever_its_database_is_called() {
        let at = "20261124T023000Z";
        assert_eq!(begun(&format!("orders-{at}-9f86d081884c")), Some(at));
        assert_eq!(begun(&format!("orders-2-b-{at}-9f86d081884c")), Some(at));
        for other in [
            "orders",
            "orders-copy-2",
            "before-the-move-to-16",
            "",
            "-ü-",
        ] {
            assert_eq!(begun(other), None, "{other}");
        }
    }
}

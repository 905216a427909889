//! The folder that keeps backups of Purser's own: their names, and which there are.

use chrono::{DateTime, NaiveDateTime, Utc};
use futures_util::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use crate::action::Result;
use crate::action::objects::Objects;
use crate::domain::time::Timestamp;

const BEGINS: &str = "purser-";
const ENDS: &str = ".tar.zst.age";
const AT: &str = "%Y%m%dT%H%M%SZ";

/// A backup in a folder, as its name and its object tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name of the object.
    pub name: String,
    /// When it was begun.
    pub at: Timestamp,
    /// Its size.
    pub bytes: u64,
    /// When it was stored, by the clock of whoever stores it: tells two of one second apart.
    stored_at: DateTime<Utc>,
}

/// `purser-20261124T023000Z-9f86d081884c.tar.zst.age`: what people can read, and what no other run
/// has.
pub(super) fn name_of(at: Timestamp, token: &str) -> String {
    let at = DateTime::from_timestamp_micros(at.micros()).unwrap_or_default();
    format!("{BEGINS}{}-{token}{ENDS}", at.format(AT))
}

/// When the backup of this name was begun; `None` when it is not the name of one.
fn begun_at(name: &str) -> Option<Timestamp> {
    let (at, token) = name
        .strip_prefix(BEGINS)?
        .strip_suffix(ENDS)?
        .split_once('-')?;
    let is_token = token.len() == 12 && token.bytes().all(|b| b.is_ascii_hexdigit());
    let at = NaiveDateTime::parse_from_str(at, AT).ok()?.and_utc();
    is_token.then(|| Timestamp::from_micros(at.timestamp_micros()))
}

/// Whether an object of this name is a backup that Purser has named.
pub fn is_ours(name: &str) -> bool {
    begun_at(name).is_some()
}

/// All backups of the folder, newest first. What else lies there is none of ours.
///
/// # Errors
/// The folder cannot be listed.
pub async fn backups(folder: &dyn Objects) -> Result<Vec<Found>> {
    let listed: Result<Vec<_>, _> = folder.store().list(None).try_collect().await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            let what = format!("list {}", folder.url());
            return Err(folder.explain(&what, error).await);
        }
    };
    let mut found: Vec<_> = listed
        .iter()
        .filter_map(|object| {
            let name = object.location.as_ref();
            let at = begun_at(name)?;
            Some(Found {
                name: name.to_owned(),
                at,
                bytes: object.size,
                stored_at: object.last_modified,
            })
        })
        .collect();
    found.sort_by(|a, b| (b.at, b.stored_at, &b.name).cmp(&(a.at, a.stored_at, &a.name)));
    Ok(found)
}

/// Removes a backup, which need not be there.
pub(super) async fn remove(folder: &dyn Objects, name: &str) -> Result<()> {
    match folder.store().delete(&Path::from(name)).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => {
            let what = format!("remove {name} from {}", folder.url());
            Err(folder.explain(&what, error).await)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_have_named_is_ours() {
        let at = Timestamp::from_micros(1_795_487_400_000_000);
        let name = name_of(at, "9f86d081884c");
        assert_eq!(name, "purser-20261124T023000Z-9f86d081884c.tar.zst.age");
        assert_eq!(begun_at(&name), Some(at));
        for other in [
            "purser-20261124T023000Z-9f86d081884c.tar.zst.age#1",
            "purser-20261124T023000Z-copy.tar.zst.age",
            "purser-yesterday-9f86d081884c.tar.zst.age",
            "old/purser-20261124T023000Z-9f86d081884c.tar.zst.age",
            "orders-20261124T023000Z-9f86d081884c",
        ] {
            assert_eq!(begun_at(other), None, "{other}");
        }
    }
}

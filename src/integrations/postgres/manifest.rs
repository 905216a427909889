//! What makes a dump a backup: `manifest.json`, written last, with all that is needed to prove it.

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode, PutPayload};
use serde::{Deserialize, Serialize};

use super::census::Table;
use super::tools::Version;
use crate::action::objects::{ObjectUrl, Objects};
use crate::action::{ActionError, Result};
use crate::domain::digest::Digest;
use crate::domain::nearest;
use crate::domain::time::Timestamp;

/// The format that this version writes.
const FORMAT: u32 = 1;
/// The object with the dump, beside the manifest.
pub(super) const DUMP: &str = "dump.zst";
const MANIFEST: &str = "manifest.json";
/// A manifest of ten thousand tables has about two million bytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// So many are read at the same time.
const READS_AT_ONCE: usize = 8;

/// All that is known of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The version of this format.
    pub(super) format: u32,
    /// The name of its own folder.
    pub(super) name: String,
    /// The database that was dumped.
    pub(super) database: String,
    /// When the dump was begun; what it holds is the state of about then.
    pub(super) at: Timestamp,
    /// How long it took.
    pub(super) seconds: u64,
    /// The server's version.
    pub(super) server_version: Version,
    /// The version of the `pg_dump` that wrote it.
    pub(super) pg_dump_version: Version,
    /// The database's encoding.
    pub(super) encoding: String,
    /// How it sorts texts.
    pub(super) collate: String,
    /// How it tells letters apart.
    pub(super) ctype: String,
    /// The roles that the server had: policies and grants name them.
    pub(super) roles: Vec<String>,
    /// The stored object.
    pub(super) dump: Dump,
    /// How many rows of each table were hashed at most.
    pub(super) sample_rows: u32,
    /// What the tables held under the dump's own snapshot.
    pub(super) tables: Vec<Table>,
}

/// A dump in `pg_dump`'s custom format, uncompressed by it, then compressed with zstd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dump {
    pub(super) bytes: u64,
    pub(super) uncompressed_bytes: u64,
    pub(super) sha256: Digest,
}

impl Manifest {
    pub(super) const FORMAT: u32 = FORMAT;

    /// The rows of all tables.
    pub(super) fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    fn written(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
            .map_err(|error| ActionError::fatal(format!("the manifest cannot be written: {error}")))
    }
}

/// The path of an object of a backup, relative to the folder that backups are kept in.
pub(super) fn path(backup: &str, object: &str) -> Path {
    Path::from_iter([backup, object])
}

/// Writes the manifest if there is none. One that says the same is as good.
pub(super) async fn put(folder: &dyn Objects, backup: &str, manifest: &Manifest) -> Result<()> {
    let payload = PutPayload::from(manifest.written()?);
    let put = folder
        .store()
        .put_opts(&path(backup, MANIFEST), payload, PutMode::Create.into())
        .await;
    match put {
        Ok(_) => Ok(()),
        Err(object_store::Error::AlreadyExists { .. })
            if find(folder, backup).await?.as_ref() == Some(manifest) =>
        {
            Ok(())
        }
        Err(error) => {
            let what = format!("write the manifest of {}", folder.url().join(backup));
            // Whatever the reason: a lost answer looks like any other failure of the network.
            Err(folder.explain(&what, error).await.may_have_landed())
        }
    }
}

/// The manifest of a backup; `None` when there is none.
pub(super) async fn find(folder: &dyn Objects, backup: &str) -> Result<Option<Manifest>> {
    match get(folder, backup).await {
        Ok(bytes) => read(&bytes)
            .map(Some)
            .map_err(|why| unreadable(&folder.url().join(backup), &why)),
        Err(object_store::Error::NotFound { .. }) => {
            expect_bucket(folder).await?;
            Ok(None)
        }
        Err(error) => {
            let what = format!("read the manifest of {}", folder.url().join(backup));
            Err(folder.explain(&what, error).await)
        }
    }
}

/// The manifest of a backup that must be there, or the nearest name beside it.
pub(super) async fn expect(folder: &dyn Objects, backup: &str) -> Result<Manifest> {
    if let Some(manifest) = find(folder, backup).await? {
        return Ok(manifest);
    }
    let url = folder.url().join(backup);
    let beside = names(folder).await?;
    let hint = match nearest::nearest(backup, beside.iter().map(String::as_str)) {
        Some(near) if near != backup => format!("did you mean {}?", folder.url().join(near)),
        _ => "postgres.list_backups says which there are".to_owned(),
    };
    Err(ActionError::fatal(format!(
        "{url} is no backup: it has no {MANIFEST}, which is written last; {hint}"
    )))
}

/// Removes a backup's manifest; afterwards it is none.
pub(super) async fn remove(folder: &dyn Objects, backup: &str) -> Result<()> {
    remove_object(folder, &path(backup, MANIFEST)).await
}

/// Removes an object, which need not be there.
pub(super) async fn remove_object(folder: &dyn Objects, path: &Path) -> Result<()> {
    match folder.store().delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(folder.explain(&format!("remove {path}"), error).await),
    }
}

/// The names of all folders that may hold a backup.
pub(super) async fn names(folder: &dyn Objects) -> Result<Vec<String>> {
    match folder.store().list_with_delimiter(None).await {
        Ok(listed) => Ok(listed
            .common_prefixes
            .iter()
            .filter_map(|prefix| Some(prefix.filename()?.to_owned()))
            .collect()),
        Err(error) => {
            let what = format!("list {}", folder.url());
            Err(folder.explain(&what, error).await)
        }
    }
}

/// The manifests of these backups in their order, `None` for what has none. Some are read at once.
pub(super) fn each(
    folder: Arc<dyn Objects>,
    names: Vec<String>,
) -> impl Stream<Item = Result<Option<Manifest>>> + Unpin {
    let reads = stream::iter(names).map(move |name| {
        let folder = Arc::clone(&folder);
        async move { find(&*folder, &name).await }
    });
    Box::pin(reads.buffered(READS_AT_ONCE))
}

/// A server says "not found" for a missing bucket as for a missing object.
async fn expect_bucket(folder: &dyn Objects) -> Result<()> {
    match folder.store().list(None).next().await {
        Some(Err(error)) => {
            let what = format!("look into {}", folder.url());
            Err(folder.explain(&what, error).await)
        }
        _ => Ok(()),
    }
}

async fn get(folder: &dyn Objects, backup: &str) -> object_store::Result<bytes::Bytes> {
    let got = folder.store().get(&path(backup, MANIFEST)).await?;
    if got.meta.size > MOST_BYTES {
        return Ok(bytes::Bytes::new());
    }
    got.bytes().await
}

fn read(bytes: &[u8]) -> Result<Manifest, String> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if format != FORMAT {
        return Err(format!(
            "it has format {format}, and this version of Purser reads format {FORMAT}"
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn unreadable(url: &ObjectUrl, why: &str) -> ActionError {
    ActionError::fatal(format!("the manifest of {url} cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_another_format_is_not_guessed_at() {
        assert_eq!(
            read(br#"{"format": 7, "new": true}"#).unwrap_err(),
            "it has format 7, and this version of Purser reads format 1"
        );
        assert!(read(b"{").is_err());
        assert!(read(b"").is_err());
    }
}

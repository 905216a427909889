//! A backup on its way: files → tar → zstd → age → a multipart upload. Only what is encrypted leaves
//! the store's folder, and memory stays bounded whatever the store holds.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;

use age::Encryptor;
use age::x25519::Recipient;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio_util::io::SyncIoBridge;

use super::manifest::{self, Manifest};
use super::{ARTIFACTS, FOR_PEOPLE};
use crate::action::objects::Objects;
use crate::action::ports::OwnFile;
use crate::action::{ActionError, Context, Result};
use crate::domain::digest::Digest;

/// Servers take at most 10,000 parts: this allows for 78 GiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// How many parts are on their way at once; with the one being filled, 24 MiB.
const PARTS_AT_ONCE: usize = 2;
/// What may wait between the two sides.
const PIPE_BYTES: usize = 256 * 1024;
const LEVEL: i32 = 3;
/// Nobody else may read a file that is taken out of a backup, unless people have written it for all.
const PRIVATE: u32 = 0o600;

/// An object as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its size.
    pub bytes: u64,
    /// Of what lies there: the encrypted bytes.
    pub sha256: Digest,
}

/// Writes a backup of these files under the manifest's name, and returns the manifest with them. On
/// any failure the upload is left unfinished: the caller clears it.
pub(super) async fn store(
    ctx: &Context,
    recipients: Vec<Recipient>,
    manifest: Manifest,
    files: Vec<OwnFile>,
    folder: &dyn Objects,
) -> Result<(Manifest, Sent)> {
    let path = Path::from(manifest.name.as_str());
    let what = format!("write {path} to {}", folder.url());
    let upload = match folder.store().put_multipart(&path).await {
        Ok(upload) => WriteMultipart::new_with_chunk_size(upload, PART_BYTES),
        Err(error) => return Err(folder.explain(&what, error).await),
    };
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let writing = tokio::task::spawn_blocking(move || {
        let to = io::BufWriter::with_capacity(PIPE_BYTES, SyncIoBridge::new(near));
        write(to, &recipients, manifest, &files)
    });
    let mut pump = Pump {
        upload,
        hash: Sha256::new(),
        bytes: 0,
    };
    // A failed upload breaks the pipe, which ends the writer.
    let pumped = pump.all(ctx, far).await;
    let written = writing
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    if let Err(error) = pumped {
        return Err(folder.explain(&what, error).await);
    }
    let manifest = written.map_err(|error| {
        ActionError::retryable(format!(
            "the files of Purser cannot be read for the backup: {error}; nothing of it was kept"
        ))
    })?;
    match pump.finish().await {
        Ok(sent) => Ok((manifest, sent)),
        Err(error) => Err(folder.explain(&what, error).await.may_have_landed()),
    }
}

/// Reads an object back: what lies there. `None` when we may write there and not read.
pub(super) async fn read_back(folder: &dyn Objects, name: &str) -> Result<Option<Sent>> {
    let read = async {
        let mut stream = folder.store().get(&Path::from(name)).await?.into_stream();
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        while let Some(block) = stream.try_next().await? {
            hash.update(&block);
            bytes += block.len() as u64;
        }
        Ok(Sent {
            bytes,
            sha256: Digest::of_hash(hash),
        })
    };
    match read.await {
        Ok(sent) => Ok(Some(sent)),
        Err(object_store::Error::PermissionDenied { .. }) => Ok(None),
        Err(error) => {
            let what = format!("read {name} back from {}", folder.url());
            Err(folder.explain(&what, error).await)
        }
    }
}

/// Hashes and uploads.
struct Pump {
    upload: WriteMultipart,
    hash: Sha256,
    bytes: u64,
}

impl Pump {
    async fn all(
        &mut self,
        ctx: &Context,
        mut from: DuplexStream,
    ) -> Result<(), object_store::Error> {
        let mut block = vec![0; PIPE_BYTES];
        let mut told = 0;
        loop {
            // A pipe within the process cannot fail.
            let read = from.read(&mut block).await.unwrap_or(0);
            if read == 0 {
                return Ok(());
            }
            self.hash.update(&block[..read]);
            self.bytes += read as u64;
            self.upload.wait_for_capacity(PARTS_AT_ONCE).await?;
            self.upload.put(Bytes::copy_from_slice(&block[..read]));
            let mib = self.bytes >> 20;
            if mib >= told + 16 {
                told = mib;
                ctx.progress(format!("{mib} MiB stored"));
            }
        }
    }

    async fn finish(self) -> Result<Sent, object_store::Error> {
        self.upload.finish().await?;
        Ok(Sent {
            bytes: self.bytes,
            sha256: Digest::of_hash(self.hash),
        })
    }
}

/// Writes a whole backup of these files for these recipients; the manifest gets its list of files.
///
/// # Errors
/// A file cannot be read, or the output not be written.
pub fn write(
    to: impl Write,
    recipients: &[Recipient],
    mut manifest: Manifest,
    files: &[OwnFile],
) -> io::Result<Manifest> {
    let recipients = recipients.iter().map(|one| one as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    let mut zstd = zstd::stream::write::Encoder::new(encryptor.wrap_output(to)?, LEVEL)?;
    zstd.include_checksum(true)?;
    let mut tar = tar::Builder::new(zstd);
    let mtime = u64::try_from(manifest.made_at.micros() / 1_000_000).unwrap_or(0);
    for file in files {
        match append_file(&mut tar, file, mtime) {
            Ok(written) => manifest.files.push(written),
            // The janitor has removed it since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_artifact(file) => {}
            Err(error) => {
                let what = format!("{}: {error}", file.path.display());
                return Err(io::Error::new(error.kind(), what));
            }
        }
    }
    let text = serde_json::to_vec_pretty(&manifest)?;
    let entry = Entry {
        name: manifest::NAME,
        bytes: text.len() as u64,
        mode: PRIVATE,
    };
    append(&mut tar, &entry, mtime, &*text)?;
    let mut to = tar.into_inner()?.finish()?.finish()?;
    to.flush()?;
    Ok(manifest)
}

fn is_artifact(file: &OwnFile) -> bool {
    let rest = file.name.strip_prefix(ARTIFACTS);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

fn append_file<W: Write>(
    tar: &mut tar::Builder<W>,
    file: &OwnFile,
    mtime: u64,
) -> io::Result<manifest::File> {
    let open = File::open(&file.path)?;
    let found = open.metadata()?;
    let bytes = found.len();
    let entry = Entry {
        name: &file.name,
        bytes,
        mode: if file.name.starts_with(FOR_PEOPLE) {
            found.permissions().mode() & 0o777
        } else {
            PRIVATE
        },
    };
    let mut hashed = Hashed {
        from: open.take(bytes),
        hash: Sha256::new(),
        left: bytes,
    };
    append(tar, &entry, mtime, &mut hashed)?;
    if hashed.left > 0 {
        return Err(io::Error::other("it has become shorter while it was read"));
    }
    Ok(manifest::File {
        name: file.name.clone(),
        bytes,
        sha256: Digest::of_hash(hashed.hash),
    })
}

/// What stands before a file in a tar.
struct Entry<'a> {
    name: &'a str,
    bytes: u64,
    mode: u32,
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    entry: &Entry<'_>,
    mtime: u64,
    from: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(entry.bytes);
    header.set_mode(entry.mode);
    header.set_mtime(mtime);
    tar.append_data(&mut header, entry.name, from)
}

/// Hashes what passes.
struct Hashed<R> {
    from: R,
    hash: Sha256,
    left: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(block)?;
        self.hash.update(&block[..read]);
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

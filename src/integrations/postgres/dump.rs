//! A dump on its way: `pg_dump` → zstd → a multipart upload. Nothing touches a disk, and memory
//! stays bounded whatever the database holds.

use std::io::Write as _;
use std::process::ExitStatus;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::manifest::Dump;
use super::tools::Tail;
use crate::action::objects::Objects;
use crate::action::{ActionError, Context, Result};
use crate::domain::digest::Digest;

/// Servers take at most 10,000 parts: this allows for 156 GiB of compressed dump.
const PART_BYTES: usize = 16 * 1024 * 1024;
/// How many parts are on their way at once; with the one being filled, 48 MiB.
const PARTS_AT_ONCE: usize = 2;
const READ_BYTES: usize = 256 * 1024;
const LEVEL: i32 = 3;
/// How often progress is told.
const TELL_EVERY: u64 = 64 * 1024 * 1024;

/// What `pg_dump` says when its connection went away, or somebody held a lock for too long.
const PASSING: [&str; 7] = [
    "connection to server",
    "server closed the connection",
    "terminating connection",
    "no connection to the server",
    "PQgetCopyData() failed",
    "the database system is",
    "lock timeout",
];

/// Runs `pg_dump` and stores what it writes under `path`. On any failure the upload is left
/// unfinished: the caller clears it.
pub(super) async fn store(
    ctx: &Context,
    mut pg_dump: Command,
    of: &str,
    folder: &dyn Objects,
    path: &Path,
) -> Result<Dump> {
    let broken = |error: std::io::Error| {
        ActionError::retryable(format!("pg_dump of {of} cannot be run: {error}"))
    };
    let what = format!("write {path} to {}", folder.url());
    let upload = match folder.store().put_multipart(path).await {
        Ok(upload) => WriteMultipart::new_with_chunk_size(upload, PART_BYTES),
        Err(error) => return Err(folder.explain(&what, error).await),
    };
    let mut child = pg_dump
        .stdout(std::process::Stdio::piped())
        .spawn()
        .map_err(broken)?;
    let no_pipe = || broken(std::io::Error::other("it has no output"));
    let stdout = child.stdout.take().ok_or_else(no_pipe)?;
    let stderr = child.stderr.take().ok_or_else(no_pipe)?;

    let mut pump = Pump::new(upload).map_err(broken)?;
    let (pumped, said) = tokio::join!(
        pump.all(ctx, stdout),
        Tail::of(stderr, |line| ctx.log.line(line))
    );
    if let Err(PumpError::Store(error)) = pumped {
        return Err(folder.explain(&what, error).await);
    }
    let ended = child.wait().await.map_err(broken)?;
    if !ended.success() {
        return Err(failed(of, ended, &said));
    }
    if let Err(PumpError::Read(error)) = pumped {
        return Err(broken(error));
    }
    let dump = match pump.finish().await {
        Ok(dump) => dump,
        Err(PumpError::Read(error)) => return Err(broken(error)),
        Err(PumpError::Store(error)) => return Err(folder.explain(&what, error).await),
    };
    check_stored(folder, path, &dump).await?;
    Ok(dump)
}

fn failed(of: &str, ended: ExitStatus, said: &Tail) -> ActionError {
    let message = format!("pg_dump of {of} failed ({ended}): {said}; nothing of it was kept");
    if PASSING.iter().any(|words| said.contains(words)) {
        ActionError::retryable(message)
    } else {
        ActionError::fatal(message)
    }
}

async fn check_stored(folder: &dyn Objects, path: &Path, dump: &Dump) -> Result<()> {
    match folder.store().head(path).await {
        Ok(stored) if stored.size == dump.bytes => Ok(()),
        Ok(stored) => Err(ActionError::retryable(format!(
            "{} holds {} bytes of {path}, and {} were sent; nothing of it was kept",
            folder.url(),
            stored.size,
            dump.bytes
        ))),
        Err(error) => {
            let what = format!("find {path} in {} after writing it", folder.url());
            Err(folder.explain(&what, error).await)
        }
    }
}

enum PumpError {
    Read(std::io::Error),
    Store(object_store::Error),
}

/// Compresses, counts, hashes and uploads.
struct Pump {
    encoder: zstd::stream::write::Encoder<'static, Vec<u8>>,
    upload: WriteMultipart,
    hash: Sha256,
    bytes: u64,
    uncompressed_bytes: u64,
}

impl Pump {
    fn new(upload: WriteMultipart) -> std::io::Result<Self> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self {
            encoder,
            upload,
            hash: Sha256::new(),
            bytes: 0,
            uncompressed_bytes: 0,
        })
    }

    async fn all(
        &mut self,
        ctx: &Context,
        mut from: impl AsyncRead + Unpin,
    ) -> Result<(), PumpError> {
        let mut block = vec![0; READ_BYTES];
        let mut tell_at = TELL_EVERY;
        loop {
            let read = from.read(&mut block).await.map_err(PumpError::Read)?;
            if read == 0 {
                return Ok(());
            }
            self.encoder
                .write_all(&block[..read])
                .map_err(PumpError::Read)?;
            self.uncompressed_bytes += read as u64;
            let compressed = std::mem::take(self.encoder.get_mut());
            self.send(compressed).await?;
            if self.uncompressed_bytes >= tell_at {
                tell_at += TELL_EVERY;
                let mib = self.uncompressed_bytes >> 20;
                ctx.progress(format!("{mib} MiB dumped, {} stored", self.bytes >> 20));
            }
        }
    }

    async fn send(&mut self, compressed: Vec<u8>) -> Result<(), PumpError> {
        if compressed.is_empty() {
            return Ok(());
        }
        self.hash.update(&compressed);
        self.bytes += compressed.len() as u64;
        self.upload
            .wait_for_capacity(PARTS_AT_ONCE)
            .await
            .map_err(PumpError::Store)?;
        self.upload.put(Bytes::from(compressed));
        Ok(())
    }

    async fn finish(mut self) -> Result<Dump, PumpError> {
        self.encoder.do_finish().map_err(PumpError::Read)?;
        let rest = std::mem::take(self.encoder.get_mut());
        self.send(rest).await?;
        self.upload.finish().await.map_err(PumpError::Store)?;
        Ok(Dump {
            bytes: self.bytes,
            uncompressed_bytes: self.uncompressed_bytes,
            sha256: Digest::of_hash(self.hash),
        })
    }
}

//! A dump on its way back: object → SHA-256 → zstd → `pg_restore`.
//!
//! Functions that a dump defines run while it is restored (in indexes, constraints, generated
//! columns). A superuser's functions may start programs: whoever may define one in the source
//! could do so on this machine. So a dump is restored by the owner of the scratch database, who
//! is no superuser, unless the configuration says otherwise.

use std::process::Stdio;

use futures_util::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::Executor as _;
use sqlx::postgres::PgConnection;
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};

use super::manifest::{self, DUMP, Manifest};
use super::scratch::{Programs, Scratch, USER};
use super::tools::Tail;
use crate::action::objects::Objects;
use crate::action::{ActionError, Context, Result};
use crate::domain::digest::Digest;

/// The database that is restored into.
pub(super) const DATABASE: &str = "drill";
/// Its owner, who restores into it and counts it.
pub(super) const OWNER: &str = "purser_drill";
const ROLE_EXISTS: &str = "42710";
const BLOCK_BYTES: usize = 256 * 1024;

/// What a scratch server cannot be given from the dump alone, or need not have.
const LEAVE_OUT: [&str; 6] = [
    "--no-owner",
    "--no-acl",
    "--no-tablespaces",
    "--no-security-labels",
    "--no-publications",
    "--no-subscriptions",
];

/// Restores the dump into the scratch server, and says whether that has the database's own locale.
/// Wrong bytes are told before anything that they may have led to.
pub(super) async fn restore(
    ctx: &Context,
    scratch: &Scratch,
    programs: &Programs,
    folder: &dyn Objects,
    manifest: &Manifest,
    as_superuser: bool,
) -> Result<bool> {
    let same_locale = make_database(scratch, manifest, as_superuser).await?;
    let broken = |error: std::io::Error| {
        ActionError::retryable(format!("pg_restore cannot be run: {error}"))
    };
    let mut child = scratch
        .client(&programs.pg_restore, OWNER, DATABASE)
        .arg("--exit-on-error")
        .args(LEAVE_OUT)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    let no_pipe = || broken(std::io::Error::other("it has no input"));
    let stdin = child.stdin.take().ok_or_else(no_pipe)?;
    let stderr = child.stderr.take().ok_or_else(no_pipe)?;

    let (fed, said) = tokio::join!(
        feed(stdin, folder, manifest),
        Tail::of(stderr, |line| ctx.log.line(line))
    );
    let ended = child.wait().await.map_err(broken)?;
    let unpacked = fed?;
    if !ended.success() {
        return Err(refused(folder, manifest, &said));
    }
    unpacked.map_err(|why| not_whole(folder, manifest, &why))?;
    Ok(same_locale)
}

/// The roles that policies may name, and a database of the same encoding and, where this machine
/// has it, the same locale. Says whether it has.
async fn make_database(scratch: &Scratch, manifest: &Manifest, as_superuser: bool) -> Result<bool> {
    let failed = |error: sqlx::Error| {
        ActionError::fatal(format!(
            "the scratch server cannot be given a database of encoding {}: {error}",
            manifest.encoding
        ))
    };
    let mut connection = scratch.open(USER, "postgres").await.map_err(failed)?;
    let rights = if as_superuser {
        "SUPERUSER"
    } else {
        "BYPASSRLS"
    };
    run(
        &mut connection,
        format!("CREATE ROLE {OWNER} LOGIN {rights}"),
    )
    .await
    .map_err(failed)?;
    for role in &manifest.roles {
        let role = role.replace('"', "\"\"");
        match run(&mut connection, format!("CREATE ROLE \"{role}\"")).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(ROLE_EXISTS) => {}
            other => other.map_err(failed)?,
        }
    }
    let same = (manifest.collate.as_str(), manifest.ctype.as_str());
    for locale in [same, ("C", "C.UTF-8")] {
        if run(&mut connection, create_database(manifest, locale))
            .await
            .is_ok()
        {
            return Ok(locale == same);
        }
    }
    run(&mut connection, create_database(manifest, ("C", "C")))
        .await
        .map_err(failed)?;
    Ok(false)
}

fn create_database(manifest: &Manifest, (collate, ctype): (&str, &str)) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    format!(
        "CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
        quoted(&manifest.encoding),
        quoted(collate),
        quoted(ctype)
    )
}

async fn run(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    connection.execute(sql).await.map(|_| ())
}

/// Reads the whole object, whatever becomes of what is in it: only then is its checksum known.
/// The inner result says whether all of it went into `pg_restore`.
async fn feed(
    stdin: ChildStdin,
    folder: &dyn Objects,
    manifest: &Manifest,
) -> Result<Result<(), String>> {
    let path = manifest::path(&manifest.name, DUMP);
    let mut unpack = Ok(Unpack::new(stdin));
    let (mut hash, mut bytes) = (Sha256::new(), 0u64);
    let read = async {
        let mut chunks = folder.store().get(&path).await?.into_stream();
        while let Some(chunk) = chunks.try_next().await? {
            hash.update(&chunk);
            bytes += chunk.len() as u64;
            if let Ok(Ok(sink)) = unpack.as_mut().map(Result::as_mut)
                && let Err(why) = sink.write(&chunk).await
            {
                unpack = Err(why);
            }
        }
        Ok::<_, object_store::Error>(())
    };
    if let Err(error) = read.await {
        let what = format!("read the dump of {}", folder.url().join(&manifest.name));
        return Err(folder.explain(&what, error).await);
    }
    check_bytes(folder, manifest, bytes, hash)?;
    let unpacked = match unpack {
        Ok(Ok(sink)) => sink.finish().await,
        Ok(Err(why)) | Err(why) => Err(why),
    };
    Ok(unpacked)
}

fn check_bytes(folder: &dyn Objects, manifest: &Manifest, bytes: u64, hash: Sha256) -> Result<()> {
    let found = Digest::of_hash(hash);
    let expected = &manifest.dump;
    if found == expected.sha256 && bytes == expected.bytes {
        return Ok(());
    }
    Err(ActionError::fatal(format!(
        "the dump of {} is not what was stored: its manifest says {} bytes with checksum {}, and \
         there are {bytes} with {}; this backup cannot be relied on; make a new one now",
        folder.url().join(&manifest.name),
        expected.bytes,
        expected.sha256.short(),
        found.short()
    )))
}

fn refused(folder: &dyn Objects, manifest: &Manifest, said: &Tail) -> ActionError {
    let backup = folder.url().join(&manifest.name);
    let extension = said.lines().find_map(|line| {
        line.split_once("extension \"")?
            .1
            .split_once("\" is not available")
    });
    if let Some((extension, _)) = extension {
        return ActionError::fatal(format!(
            "{backup} needs the extension `{extension}`, which is not installed beside the \
             PostgreSQL that drills run on: nothing is proven; install it there, or set `bin` to a \
             PostgreSQL that has it"
        ));
    }
    let needs_superuser = ["permission denied", "must be superuser", "must be owner"];
    if needs_superuser.iter().any(|words| said.contains(words)) {
        return ActionError::fatal(format!(
            "{backup} does not restore without the rights of a superuser: {said}; nothing is \
             proven; if everyone who may define functions in the database may also run programs \
             on this machine, set drill_as_superuser = true on its system"
        ));
    }
    ActionError::fatal(format!("{backup} does not restore: {said}"))
}

fn not_whole(folder: &dyn Objects, manifest: &Manifest, why: &str) -> ActionError {
    ActionError::fatal(format!(
        "{} does not restore: {why}",
        folder.url().join(&manifest.name)
    ))
}

/// Unpacks into `pg_restore` through one buffer: a small object can hold gigabytes.
struct Unpack {
    decoder: Decoder<'static>,
    block: Vec<u8>,
    stdin: ChildStdin,
    whole: bool,
}

impl Unpack {
    fn new(stdin: ChildStdin) -> Result<Self, String> {
        Ok(Self {
            decoder: Decoder::new().map_err(|error| error.to_string())?,
            block: vec![0; BLOCK_BYTES],
            stdin,
            whole: false,
        })
    }

    async fn write(&mut self, packed: &[u8]) -> Result<(), String> {
        let mut input = InBuffer::around(packed);
        loop {
            let mut output = OutBuffer::around(&mut self.block[..]);
            let hint = self
                .decoder
                .run(&mut input, &mut output)
                .map_err(|error| format!("it cannot be unpacked: {error}"))?;
            let filled = output.pos();
            self.whole = hint == 0;
            self.stdin
                .write_all(&self.block[..filled])
                .await
                .map_err(|error| format!("pg_restore took no more of it: {error}"))?;
            if input.pos() == packed.len() && filled < self.block.len() {
                return Ok(());
            }
        }
    }

    async fn finish(mut self) -> Result<(), String> {
        if !self.whole {
            return Err("it ends in the middle".to_owned());
        }
        self.stdin
            .shutdown()
            .await
            .map_err(|error| error.to_string())
    }
}

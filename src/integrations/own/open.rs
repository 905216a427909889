//! A backup that is opened: age → zstd → tar → files, each checked against the manifest.

use std::fs::{self, OpenOptions};
use std::io::{self, Cursor, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use age::{DecryptError, Decryptor, Identity};
use sha2::{Digest as _, Sha256};

use super::manifest::{self, Manifest};
use super::{CONFIG, FOR_PEOPLE};
use crate::domain::cause::innermost;
use crate::domain::digest::Digest;

/// No header of age is longer: it has about a hundred bytes a recipient.
const LONGEST_HEADER: u64 = 64 * 1024;
/// A manifest has about 200 bytes a file.
const LONGEST_MANIFEST: u64 = 64 * 1024 * 1024;
/// No configuration is longer.
const LONGEST_CONFIG: u64 = 16 * 1024 * 1024;
const BLOCK: usize = 256 * 1024;
/// For the owner only.
const PRIVATE: u32 = 0o600;

/// Why a backup was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was made for others; for which kinds of recipients, as its header says.
    #[error(
        "it was made for other keys ({0}): name the key file whose public key stood in `recipients`"
    )]
    OtherKeys(String),
    /// It is not what was stored, or no backup at all.
    #[error("{0}")]
    Damaged(String),
    /// Its manifest is of another version, or none.
    #[error("{0}")]
    Manifest(String),
    /// It did not come to its end, and may well be whole where it lies.
    #[error("reading it broke off ({0}); nothing was changed: try again")]
    BrokeOff(String),
    /// What is in it cannot be written.
    #[error("{} cannot be written: {error}", path.display())]
    NotWritten {
        /// The file, or the folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Notes that it could not be read itself: what reads on takes that for damage of what is read.
struct Line<R> {
    from: R,
    broken: Broken,
}

/// How a line broke off, once it has.
type Broken = Arc<OnceLock<String>>;

impl<R: Read> Read for Line<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(block);
        if let Err(error) = &read
            && error.kind() != io::ErrorKind::Interrupted
        {
            let _ = self.broken.set(innermost(error));
        }
        read
    }
}

/// Has something read, and tells a line that broke off from a backup that is damaged.
fn reading<R: Read, T>(
    from: R,
    read: impl FnOnce(Line<R>) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let broken = Broken::default();
    let done = read(Line {
        from,
        broken: Arc::clone(&broken),
    });
    match (done, broken.get()) {
        (Err(_), Some(why)) => Err(OpenError::BrokeOff(why.clone())),
        (done, _) => done,
    }
}

/// Opens a backup into an empty folder, and checks every file against the manifest.
///
/// # Errors
/// See [`OpenError`]; what was written into the folder until then is of no use.
pub fn open(
    from: impl Read,
    identities: &[Box<dyn Identity + Send + Sync>],
    into: &Path,
) -> Result<Manifest, OpenError> {
    reading(from, |from| {
        let mut tar = decrypted(from, identities)?;
        let unpacked = unpack(&mut tar, into)?;
        // What follows the last file belongs to it too: a file that was cut off ends here.
        io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(|error| damaged(&error))?;
        unpacked.checked()
    })
}

/// The configuration in a backup, which is its first file. Nothing is checked yet but that the key
/// fits.
///
/// # Errors
/// See [`OpenError`].
pub fn peek(
    from: impl Read,
    identities: &[Box<dyn Identity + Send + Sync>],
) -> Result<Vec<u8>, OpenError> {
    reading(from, |from| first_file(decrypted(from, identities)?))
}

fn first_file(mut tar: tar::Archive<impl Read>) -> Result<Vec<u8>, OpenError> {
    let first = tar.entries().map_err(|error| damaged(&error))?.next();
    let first = first.ok_or_else(|| OpenError::Damaged("it is empty".to_owned()))?;
    let first = first.map_err(|error| damaged(&error))?;
    if first.path_bytes() != CONFIG.as_bytes() {
        return Err(OpenError::Damaged(format!(
            "it does not begin with {CONFIG}"
        )));
    }
    let mut text = Vec::new();
    first
        .take(LONGEST_CONFIG)
        .read_to_end(&mut text)
        .map_err(|error| damaged(&error))?;
    Ok(text)
}

fn decrypted<'r>(
    mut from: impl Read + 'r,
    identities: &[Box<dyn Identity + Send + Sync>],
) -> Result<tar::Archive<impl Read + 'r>, OpenError> {
    let mut begin = Vec::new();
    let header = from.by_ref().take(LONGEST_HEADER).read_to_end(&mut begin);
    header.map_err(|error| damaged(&error))?;
    let kinds = kinds_of_recipients(&begin);
    let whole = io::BufReader::with_capacity(BLOCK, Cursor::new(begin).chain(from));
    let decryptor = Decryptor::new_buffered(whole).map_err(|error| no_header(&error))?;
    let identities = identities.iter().map(|one| &**one as &dyn Identity);
    let age = decryptor.decrypt(identities).map_err(|error| match error {
        DecryptError::NoMatchingKeys => OpenError::OtherKeys(kinds),
        other => no_header(&other),
    })?;
    let zstd = zstd::stream::read::Decoder::new(age).map_err(|error| damaged(&error))?;
    Ok(tar::Archive::new(zstd))
}

/// Whose header is no header of age is no backup.
fn no_header(error: &DecryptError) -> OpenError {
    OpenError::Damaged(format!(
        "it is no file of age, or its beginning was altered ({error})"
    ))
}

fn damaged(error: &io::Error) -> OpenError {
    OpenError::Damaged(format!(
        "it was altered or is cut off: what can be read of it ends with \"{error}\""
    ))
}

/// `2 of kind X25519`: the lines that begin a header of age name the kind of each recipient.
fn kinds_of_recipients(begin: &[u8]) -> String {
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    for line in begin.split(|byte| *byte == b'\n') {
        if line.starts_with(b"---") {
            break;
        }
        if let Some(rest) = line.strip_prefix(b"-> ") {
            let kind = String::from_utf8_lossy(rest);
            let kind = kind.split(' ').next().unwrap_or_default().to_owned();
            // Random ones are put in so that readers stay open for kinds to come.
            if !kind.ends_with("-grease") {
                *kinds.entry(kind).or_default() += 1;
            }
        }
    }
    let kinds: Vec<_> = kinds
        .iter()
        .map(|(kind, count)| format!("{count} of kind {kind}"))
        .collect();
    kinds.join(", ")
}

struct Unpacked {
    manifest: Option<Vec<u8>>,
    files: Vec<manifest::File>,
}

fn unpack<R: Read>(tar: &mut tar::Archive<R>, into: &Path) -> Result<Unpacked, OpenError> {
    let mut unpacked = Unpacked {
        manifest: None,
        files: vec![],
    };
    for entry in tar.entries().map_err(|error| damaged(&error))? {
        let mut entry = entry.map_err(|error| damaged(&error))?;
        let name = entry.path().map_err(|error| damaged(&error))?;
        let name = name.to_string_lossy().into_owned();
        if name == manifest::NAME {
            let mut text = Vec::new();
            entry
                .by_ref()
                .take(LONGEST_MANIFEST)
                .read_to_end(&mut text)
                .map_err(|error| damaged(&error))?;
            unpacked.manifest = Some(text);
            continue;
        }
        let path = inside(into, &name).filter(|_| entry.header().entry_type().is_file());
        let Some(path) = path else {
            return Err(OpenError::Damaged(format!(
                "it holds `{name}`, which is no plain file within it: Purser made no such backup"
            )));
        };
        let mode = if name.starts_with(FOR_PEOPLE) {
            mode_for_people(entry.header().mode().unwrap_or(PRIVATE))
        } else {
            PRIVATE
        };
        unpacked.files.push(write_out(&mut entry, name, &path)?);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(|error| OpenError::NotWritten { path, error })?;
    }
    Ok(unpacked)
}

/// The path of a file in the folder; `None` for a name that leads elsewhere.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let mut parts = path.components();
    let plain = parts.all(|part| matches!(part, Component::Normal(_)));
    (plain && !name.is_empty()).then(|| folder.join(path))
}

/// The mode of a file that people have written: as it was, but nobody else may write to it, and
/// nobody start it.
fn mode_for_people(mode: u32) -> u32 {
    (mode & 0o644) | PRIVATE
}

/// Writes a file for the owner only, onto the disk.
fn write_out(from: &mut impl Read, name: String, path: &Path) -> Result<manifest::File, OpenError> {
    let not_written = |error| OpenError::NotWritten {
        path: path.to_owned(),
        error,
    };
    if let Some(folder) = path.parent() {
        let mut make = fs::DirBuilder::new();
        let made = make.recursive(true).mode(0o700).create(folder);
        made.map_err(not_written)?;
    }
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)
        .map_err(not_written)?;
    let (mut block, mut hash, mut bytes) = (vec![0; BLOCK], Sha256::new(), 0);
    loop {
        let read = from.read(&mut block).map_err(|error| damaged(&error))?;
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
        to.write_all(&block[..read]).map_err(not_written)?;
        bytes += read as u64;
    }
    to.sync_all().map_err(not_written)?;
    Ok(manifest::File {
        name,
        bytes,
        sha256: Digest::of_hash(hash),
    })
}

impl Unpacked {
    fn checked(self) -> Result<Manifest, OpenError> {
        let text = self.manifest.ok_or_else(|| {
            OpenError::Damaged("it has no manifest: it is no backup of Purser".to_owned())
        })?;
        let manifest = Manifest::read(&text).map_err(OpenError::Manifest)?;
        if self.files == manifest.files {
            return Ok(manifest);
        }
        let mut listed = manifest.files.iter();
        let odd = self
            .files
            .iter()
            .find(|file| listed.next() != Some(*file))
            .or(listed.next());
        let odd = odd.map_or("a file", |file| &file.name);
        Err(OpenError::Damaged(format!(
            "`{odd}` in it is not what its manifest says"
        )))
    }
}

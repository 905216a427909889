//! Passwords of the stack's servers: drawn once for a stack, so that shells and terminals that
//! asked for the environment earlier stay right.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::stack::places::Places;

/// The password of a part; drawn, if there is none yet.
pub(crate) fn of(places: &Places, part: &str) -> Result<String> {
    let path = path(places, part);
    if let Ok(secret) = fs::read_to_string(&path)
        && !secret.is_empty()
    {
        return Ok(secret);
    }
    places.make_dir(part)?;
    let mut random = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let secret = hex::encode(random);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(secret.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(secret)
}

/// The file that holds it, for servers that read it from there.
pub(crate) fn path(places: &Places, part: &str) -> PathBuf {
    places.dir(part).join("secret")
}

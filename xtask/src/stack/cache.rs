//! What was built or unpacked once is kept, under a name that changes with its recipe.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::say;
use crate::stack::places::Places;

/// Builds use all cores by themselves, and much memory: one at a time.
static BUILDING: Mutex<()> = Mutex::new(());

/// The key of a recipe: all that decides what comes out of it.
pub(crate) fn key(recipe: &[&str]) -> String {
    let mut hash = Sha256::new();
    for ingredient in recipe {
        hash.update(ingredient.len().to_le_bytes());
        hash.update(ingredient);
    }
    hex::encode(&hash.finalize()[..8])
}

/// The folder of something cached, whether it is there or not.
pub(crate) fn path(places: &Places, name: &str, key: &str) -> PathBuf {
    places.cached_parts().join(format!("{name}-{key}"))
}

/// The folder of something cached; built first, if it is not there.
///
/// `build` fills a folder under another name, which then gets its own: what is there is whole.
pub(crate) fn ensure(
    places: &Places,
    name: &str,
    key: &str,
    build: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let done = path(places, name, key);
    if done.exists() {
        return Ok(done);
    }
    let _one = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    remove_remnants(&places.cached_parts(), name);
    let start = Instant::now();
    let half = places
        .cached_parts()
        .join(format!(".half-{name}-{}", std::process::id()));
    fs::create_dir_all(&half).with_context(|| format!("cannot make {}", half.display()))?;
    let outcome = build(&half).with_context(|| format!("cannot build {name}"));
    // Somebody else may have finished the same recipe meanwhile: theirs is as good.
    let kept = outcome.and_then(|()| match fs::rename(&half, &done) {
        Err(error) if !done.exists() => Err(error.into()),
        _ => Ok(()),
    });
    if half.exists() {
        let _ = fs::remove_dir_all(&half);
    }
    kept?;
    say::line(
        name,
        format!("done in {}, kept in {}", say::took(start), done.display()),
    );
    Ok(done)
}

/// Removes what builds left behind that were killed.
fn remove_remnants(parts: &Path, name: &str) {
    let prefix = format!(".half-{name}-");
    for entry in fs::read_dir(parts).into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let pid = file_name
            .to_str()
            .and_then(|file_name| file_name.strip_prefix(&prefix));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_changes_with_every_ingredient() {
        assert_eq!(key(&["go", "1"]), key(&["go", "1"]));
        assert_ne!(key(&["go", "1"]), key(&["go", "2"]));
        assert_eq!(key(&["go", "1"]).len(), 16);
    }

    #[test]
    fn the_key_knows_where_one_ingredient_ends() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
    }
}

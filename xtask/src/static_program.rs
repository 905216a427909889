//! Purser as one static program, as its image holds it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cargo;

/// Builds it and says where it is. Whether the C library is inside is said to the linker of the
/// program alone: libraries are the same either way, so they are not built a second time.
pub(crate) fn build() -> Result<PathBuf> {
    let built = cargo::rustc_purser(
        &["--features", "purser/failpoints"],
        &["-C", "target-feature=+crt-static", "-C", "strip=symbols"],
    )?;
    // Cargo's own place for it belongs to the program that is not static.
    let folder = built.with_file_name("static");
    fs::create_dir_all(&folder)?;
    let program = folder.join("purser");
    let half = folder.join("purser.half");
    fs::copy(&built, &half).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(half, &program)?;
    Ok(program)
}

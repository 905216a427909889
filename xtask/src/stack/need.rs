//! Programs that the machine must have: looked for, installed where we may, named where we may not.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nix::unistd::geteuid;

use crate::stack::apt;

/// A program that a part cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// The program's name.
    pub(crate) program: &'static str,
    /// How to come by it.
    pub(crate) source: Source,
}

/// Where a program comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A package of Debian.
    Debian(&'static str),
    /// Not from Debian (too old there, or absent): a sentence for people.
    People(&'static str),
}

/// A program of a Debian package.
pub(crate) const fn debian(program: &'static str, package: &'static str) -> Need {
    Need {
        program,
        source: Source::Debian(package),
    }
}

/// Makes sure that all programs are there: by installing them as root on Debian, else by naming
/// all that are missing.
pub(crate) fn provide(needs: &[Need]) -> Result<()> {
    let mut missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let can_install = geteuid().is_root() && Path::new("/etc/debian_version").exists();
    let all_debian = missing
        .iter()
        .all(|need| matches!(need.source, Source::Debian(_)));
    // With one thing out of reach nothing is installed: the machine stays as it was.
    if can_install && all_debian {
        apt::install(&packages(&missing))?;
        missing.retain(|need| find(need.program).is_none());
    }
    if missing.is_empty() {
        Ok(())
    } else {
        bail!("{}", explain(&missing))
    }
}

fn missing(needs: &[Need]) -> Vec<Need> {
    let mut missing: Vec<Need> = Vec::new();
    for need in needs {
        if find(need.program).is_none() && !missing.contains(need) {
            missing.push(*need);
        }
    }
    missing
}

fn packages(missing: &[Need]) -> BTreeSet<&'static str> {
    let package = |need: &Need| match need.source {
        Source::Debian(package) => Some(package),
        Source::People(_) => None,
    };
    missing.iter().filter_map(package).collect()
}

fn explain(missing: &[Need]) -> String {
    let names: Vec<&str> = missing.iter().map(|need| need.program).collect();
    let mut lines = vec![format!("not found: {}", names.join(", "))];
    let packages: Vec<&str> = packages(missing).into_iter().collect();
    if !packages.is_empty() {
        let command = "sudo apt-get install --no-install-recommends";
        lines.push(format!("  on Debian: {command} {}", packages.join(" ")));
    }
    for need in missing {
        if let Source::People(advice) = need.source {
            lines.push(format!("  {}: {advice}", need.program));
        }
    }
    lines.join("\n")
}

/// Where a program is: on `PATH`, where administrators' programs are, or among `PostgreSQL`'s own.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    search_dirs(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Where a program is, or an error that names it.
pub(crate) fn must_find(program: &str) -> Result<PathBuf> {
    find(program).ok_or_else(|| anyhow::anyhow!("not found: {program}"))
}

/// The folder that a program really is in; on `PATH` there may be a link to it.
pub(crate) fn folder_of(program: &str) -> Result<PathBuf> {
    let found = must_find(program)?.canonicalize()?;
    let folder = found.parent().unwrap_or(Path::new("/"));
    Ok(folder.to_owned())
}

fn search_dirs(path: &OsString) -> impl Iterator<Item = PathBuf> {
    let fixed = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(path)
        .collect::<Vec<_>>()
        .into_iter()
        .chain(fixed)
        .chain(postgres_dirs())
}

/// Debian keeps the programs of each `PostgreSQL` version off `PATH`; the newest comes first.
fn postgres_dirs() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
        .iter()
        .map(|version| format!("/usr/lib/postgresql/{version}/bin").into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO: Need = Need {
        program: "no-such-go",
        source: Source::People("version 1.24 or newer"),
    };
    const DOCKER: Need = debian("no-such-dockerd", "docker.io");

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let missing = missing(&[DOCKER, debian("sh", "dash"), GO, DOCKER]);
        assert_eq!(
            explain(&missing),
            "not found: no-such-dockerd, no-such-go\n  \
             on Debian: sudo apt-get install --no-install-recommends docker.io\n  \
             no-such-go: version 1.24 or newer"
        );
    }
}

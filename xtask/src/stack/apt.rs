//! Debian's packages, installed without any of their services being started.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{say, sh};

/// Packages ask this program whether they may start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_BEFORE: &str = "/usr/sbin/policy-rc.d.before-purser";
const FORBID: &str = "#!/bin/sh\n# Put here by cargo xtask stack while it installs.\nexit 101\n";

/// Installs packages; fetches the lists first, if they are missing or too old.
pub(crate) fn install(packages: &BTreeSet<&str>) -> Result<()> {
    let names = packages.iter().copied().collect::<Vec<_>>().join(" ");
    say::line("apt", format!("installing {names}"));
    let start = Instant::now();
    let _quiet = NoServices::begin()?;
    if apt_get("install", packages).is_err() {
        sh::check_interrupted()?;
        say::line("apt", "fetching the lists of packages");
        apt_get("update", &BTreeSet::new())?;
        apt_get("install", packages)?;
    }
    say::line("apt", format!("installed in {}", say::took(start)));
    Ok(())
}

fn apt_get(verb: &str, packages: &BTreeSet<&str>) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args([verb, "-q", "-y"]);
    command
        .args(["-o", "DPkg::Lock::Timeout=300", "--no-install-recommends"])
        .args(packages);
    sh::output_undisturbed(&mut command).map(drop)
}

/// Forbids the start of services; what was there before is put back when the value is dropped.
struct NoServices;

impl NoServices {
    fn begin() -> Result<Self> {
        restore()?;
        if Path::new(POLICY).exists() {
            fs::rename(POLICY, POLICY_BEFORE)?;
        }
        let this = Self;
        fs::write(POLICY, FORBID).with_context(|| format!("cannot write {POLICY}"))?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(this)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Err(error) = restore() {
            say::line("apt", format!("cannot put {POLICY} back: {error:#}"));
        }
    }
}

/// Puts back what was there; also what a killed run has left.
fn restore() -> Result<()> {
    if Path::new(POLICY_BEFORE).exists() {
        fs::rename(POLICY_BEFORE, POLICY)?;
    } else if fs::read_to_string(POLICY).is_ok_and(|text| text == FORBID) {
        fs::remove_file(POLICY)?;
    }
    Ok(())
}

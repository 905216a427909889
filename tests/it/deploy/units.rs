//! The units, as the service manager itself judges them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::support::program::Home;

/// Each unit, and the exposure that it may have at most, in tenths: 0 is none, 100 is all.
const UNITS: [(&str, u32); 2] = [("purser.service", 15), ("purser-docker-proxy.service", 5)];

fn unit(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    fs::read_to_string(path).unwrap()
}

/// Copies of the units that start the program which was built here.
fn units() -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let copy = |(name, _): &(&str, u32)| {
        let path = folder.path().join(name);
        let text = unit(name).replace("/usr/bin/purser", env!("CARGO_BIN_EXE_purser"));
        fs::write(&path, text).unwrap();
        path
    };
    let paths = UNITS.iter().map(copy).collect();
    (folder, paths)
}

/// What `systemd-analyze` says, and whether it is content.
fn analyze(arguments: &[&str], files: &[PathBuf]) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .args(files)
        .output()
        .expect("systemd-analyze can be run (Debian: systemd)");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn the_service_manager_understands_every_line() {
    let (_folder, paths) = units();
    assert_eq!(
        analyze(&["verify", "--man=no"], &paths),
        (true, String::new())
    );
}

#[test]
fn the_services_are_exposed_no_more_than_they_have_to_be() {
    let (_folder, paths) = units();
    for ((name, most), path) in UNITS.iter().zip(paths) {
        let threshold = format!("--threshold={most}");
        let arguments = ["security", "--offline=true", "--no-pager", &threshold];
        let (content, said) = analyze(&arguments, &[path]);
        let verdict = said.lines().find(|line| line.contains("Overall exposure"));
        println!("{}", verdict.unwrap_or(&said));
        assert!(content, "{name} is exposed more than {most}:\n{said}");
    }
}

/// What a unit says for a key, of which there is one line.
fn said(name: &str, key: &str) -> Option<String> {
    let text = unit(name);
    let mut values = text.lines().filter_map(|line| line.strip_prefix(key));
    let value = values.next().map(str::to_owned);
    assert_eq!(values.next(), None, "{name}: {key}");
    value
}

#[test]
fn people_of_the_command_line_do_not_reach_docker_behind_purser() {
    // Whoever opens the filtered socket stops any container, with nobody's approval and no receipt.
    let machine = tempfile::tempdir().unwrap();
    fs::create_dir(machine.path().join("etc")).unwrap();
    let users = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/purser.sysusers");
    let made = Command::new("systemd-sysusers")
        .arg(format!("--root={}", machine.path().display()))
        .arg(users)
        .output()
        .expect("systemd-sysusers can be run (Debian: systemd)");
    assert!(made.status.success(), "{made:?}");
    let groups = fs::read_to_string(machine.path().join("etc/group")).unwrap();
    let members = |group: &str| {
        let begin = format!("{group}:");
        let line = groups.lines().find(|line| line.starts_with(&begin));
        let line = line.unwrap_or_else(|| panic!("no {group} in {groups}"));
        line.rsplit(':').next().unwrap().to_owned()
    };
    assert_eq!(members("purser-docker"), "purser", "only the service");
    assert_eq!(members("purser"), "", "those whom the administrator adds");

    let proxy = "purser-docker-proxy.service";
    assert_eq!(said(proxy, "Group=").as_deref(), Some("purser-docker"));
    assert_eq!(
        said(proxy, "SupplementaryGroups=").as_deref(),
        Some("docker")
    );
    assert_eq!(
        said(proxy, "RuntimeDirectoryMode=").as_deref(),
        Some("0750")
    );
    let groups = said("purser.service", "SupplementaryGroups=");
    assert_eq!(groups.as_deref(), Some("purser-docker"));
    assert_eq!(said("purser.service", "Group=").as_deref(), Some("purser"));
}

#[tokio::test]
async fn the_manager_is_told_when_the_server_takes_calls() {
    let mut home = Home::new(&[]);
    let socket = home.path("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    home.up_with(&[("NOTIFY_SOCKET", socket.to_str().unwrap())])
        .await;
    let mut message = [0; 64];
    let length = manager.recv(&mut message).unwrap();
    assert_eq!(&message[..length], b"READY=1");
    // What ExecReload sends ends nothing.
    home.signal(Signal::SIGHUP);
    assert_eq!(home.types(&["healthcheck"]).await.code, 0);
    assert!(home.stop().await.success());
    let said = home.types(&["healthcheck"]).await;
    let expected = format!(
        "purser: nothing listens at {}\n",
        home.path("purser.sock").display()
    );
    assert_eq!((said.code, said.err), (1, expected));
}

#[test]
fn a_step_that_is_cancelled_has_its_grace_before_the_service_is_killed() {
    let example = include_str!("../../../deploy/purser.example.toml");
    let config: toml::Table = example.parse().unwrap();
    let grace = config["engine"]["cancel_grace"].as_str().unwrap();
    let grace = humantime::parse_duration(grace).unwrap();
    let stop = |text: String, key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(key).map(str::to_owned));
        humantime::parse_duration(line.unwrap().trim()).unwrap()
    };
    assert!(stop(unit("purser.service"), "TimeoutStopSec=") > grace);
    assert!(stop(unit("compose.yaml"), "stop_grace_period:") > grace);
}

/// The unit's filter of system calls in the form that Docker takes: what is not in it fails with
/// EPERM there as here.
pub(super) fn seccomp_profile(name: &str) -> String {
    let mut calls = BTreeSet::new();
    for line in unit(name).lines() {
        let Some(sets) = line.strip_prefix("SystemCallFilter=") else {
            continue;
        };
        let (takes_away, sets) = match sets.strip_prefix('~') {
            Some(sets) => (true, sets),
            None => (false, sets),
        };
        let named: BTreeSet<String> = sets.split_whitespace().flat_map(members).collect();
        if takes_away {
            calls.retain(|call| !named.contains(call));
        } else {
            calls.extend(named);
        }
    }
    assert!(
        calls.contains("read") && !calls.contains("mount"),
        "{calls:?}"
    );
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [{ "names": calls, "action": "SCMP_ACT_ALLOW" }],
    })
    .to_string()
}

/// The calls in a set, and in the sets in it.
fn members(set: &str) -> BTreeSet<String> {
    let (_, said) = analyze(&["syscall-filter", "--no-pager", set], &[]);
    let words = said.lines().skip(1).map(str::trim);
    words
        .filter(|word| !word.is_empty() && !word.starts_with('#'))
        .flat_map(|word| match word.strip_prefix('@') {
            Some(_) => members(word),
            None => BTreeSet::from([word.to_owned()]),
        })
        .collect()
}

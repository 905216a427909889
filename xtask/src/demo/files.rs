//! The files that a user of Purser writes: configuration, workflows, commands, secrets.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Result;

/// The configuration of an object store, where there is one.
const MINIO: &str = include_str!("files/minio.toml");

const FILES: &[(&str, &str)] = &[
    (
        "workflows/status.yaml",
        include_str!("files/workflows/status.yaml"),
    ),
    (
        "workflows/deploy.yaml",
        include_str!("files/workflows/deploy.yaml"),
    ),
    (
        "workflows/release.yaml",
        include_str!("files/workflows/release.yaml"),
    ),
    (
        "workflows/backup.yaml",
        include_str!("files/workflows/backup.yaml"),
    ),
    (
        "commands/status.yaml",
        include_str!("files/commands/status.yaml"),
    ),
    (
        "commands/deploy.yaml",
        include_str!("files/commands/deploy.yaml"),
    ),
    (
        "commands/release.yaml",
        include_str!("files/commands/release.yaml"),
    ),
    (
        "commands/backup.yaml",
        include_str!("files/commands/backup.yaml"),
    ),
    (
        "workflows/graph.yaml",
        include_str!("files/workflows/graph.yaml"),
    ),
    (
        "commands/graph.yaml",
        include_str!("files/commands/graph.yaml"),
    ),
    ("purser.toml", include_str!("files/purser.toml")),
];

/// Writes all of them into the demo's folder, with what is known only now in their holes. What
/// `holes` says nothing of is left out: the object store.
pub(crate) fn write(
    folder: &Path,
    holes: &[(&str, String)],
    secrets: &[(&str, String)],
) -> Result<()> {
    for inner in ["workflows", "commands", "scratch", "bin", "secrets"] {
        fs::create_dir(folder.join(inner))?;
    }
    for (name, text) in FILES {
        fs::write(folder.join(name), fill(text, holes))?;
    }
    let config = folder.join("purser.toml");
    if holes.iter().any(|(hole, _)| MINIO.contains(hole)) {
        File::options()
            .append(true)
            .open(&config)?
            .write_all(fill(MINIO, holes).as_bytes())?;
    }
    for (name, secret) in secrets {
        let path = folder.join("secrets").join(name);
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(secret.as_bytes())?;
    }
    // Whatever our own mask says: Bo reads the configuration and runs the program, and a scratch
    // server runs as another user than root.
    fs::set_permissions(config, fs::Permissions::from_mode(0o644))?;
    for inner in ["scratch", "bin"] {
        fs::set_permissions(folder.join(inner), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn fill(text: &str, holes: &[(&str, String)]) -> String {
    let fill = |text: String, (hole, value): &(&str, String)| text.replace(hole, value);
    holes.iter().fold(text.to_owned(), fill)
}

/// Removes what the demo before has left in its folder, but for what says who is in it.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    for old in fs::read_dir(folder)?.flatten() {
        let path = old.path();
        match old.file_name().to_str() {
            Some("lock" | "record.json") => {}
            _ if path.is_dir() => fs::remove_dir_all(path)?,
            _ => fs::remove_file(path)?,
        }
    }
    Ok(())
}

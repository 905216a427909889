//! The files that a user of Purser writes: configuration, workflows, commands, secrets.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Result;

use super::discord::Discord;

/// The configuration of what is not always there: an object store, and Discord.
const WHERE_THERE_IS: [&str; 2] = [
    include_str!("files/minio.toml"),
    include_str!("files/discord.toml"),
];

/// A workflow and the command that runs it.
macro_rules! command {
    ($name:literal) => {
        [
            (
                concat!("workflows/", $name, ".yaml"),
                include_str!(concat!("files/workflows/", $name, ".yaml")),
            ),
            (
                concat!("commands/", $name, ".yaml"),
                include_str!(concat!("files/commands/", $name, ".yaml")),
            ),
        ]
    };
}

/// A file's name and text.
type Named = (&'static str, &'static str);

const CONFIG: Named = ("purser.toml", include_str!("files/purser.toml"));
/// What people say everywhere.
const COMMANDS: [[Named; 2]; 4] = [
    command!("status"),
    command!("deploy"),
    command!("backup"),
    command!("graph"),
];
/// What they say on a terminal beside that: there a deploy needs one person, and a release two.
const ON_TERMINALS: [[Named; 2]; 1] = [command!("release")];
/// What they say in Discord beside that.
const IN_DISCORD: [[Named; 2]; 2] = [command!("migrate"), command!("logs")];

/// What stands in the holes of the files when people talk to Purser in Discord.
pub(crate) fn discord_holes(discord: &Discord) -> [(&'static str, String); 5] {
    let approval = "{ by: [operator], not_requester: true, expires: 30m }";
    [
        ("@DISCORD@", discord.api.clone()),
        ("@GUILD@", discord.guilds.shop.clone()),
        ("@ANN_IN_DISCORD@", discord.members.ann.clone()),
        ("@BO_IN_DISCORD@", discord.members.bo.clone()),
        ("@APPROVAL@", approval.to_owned()),
    ]
}

/// Writes all of them into the demo's folder, with what is known only now in their holes. What
/// `holes` says nothing of is left out.
pub(crate) fn write(
    folder: &Path,
    holes: &[(&str, String)],
    secrets: &[(&str, String)],
) -> Result<()> {
    for inner in ["workflows", "commands", "scratch", "bin", "secrets"] {
        fs::create_dir(folder.join(inner))?;
    }
    let in_discord = holes.iter().any(|(hole, _)| *hole == "@DISCORD@");
    let more = if in_discord {
        &IN_DISCORD[..]
    } else {
        &ON_TERMINALS[..]
    };
    for (name, text) in COMMANDS.iter().chain(more).flatten().chain([&CONFIG]) {
        fs::write(folder.join(name), fill(text, holes))?;
    }
    let config = folder.join(CONFIG.0);
    let mut rest = File::options().append(true).open(&config)?;
    for part in WHERE_THERE_IS {
        if holes.iter().any(|(hole, _)| part.contains(hole)) {
            rest.write_all(fill(part, holes).as_bytes())?;
        }
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

/// Fills the holes; a line with one that nothing is known for is left out.
fn fill(text: &str, holes: &[(&str, String)]) -> String {
    let fill = |text: String, (hole, value): &(&str, String)| text.replace(hole, value);
    let filled = holes.iter().fold(text.to_owned(), fill);
    let lines = filled.split_inclusive('\n');
    lines.filter(|line| !has_hole(line)).collect()
}

/// Whether an `@NAME@` stands in it.
fn has_hole(line: &str) -> bool {
    let is_name = |word: &str| {
        let fits = |byte: u8| byte == b'_' || byte.is_ascii_uppercase();
        !word.is_empty() && word.bytes().all(fits)
    };
    let until_last = line.rsplit_once('@').map_or("", |(before, _)| before);
    until_last.split('@').skip(1).any(is_name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_hole_that_nothing_is_known_for_is_left_out() {
        let text = "uid = @ANN@\ndiscord = \"@ANN_IN_DISCORD@\"\nurl = \"ann@shop, @Bo@\"\n";
        assert_eq!(
            fill(text, &[("@ANN@", "7".to_owned())]),
            "uid = 7\nurl = \"ann@shop, @Bo@\"\n"
        );
    }

    #[test]
    fn a_deploy_needs_a_second_person_in_discord_alone() {
        let [(_, deploy), _] = command!("deploy");
        assert!(!fill(deploy, &[]).contains("approval"));
        let approval = fill(deploy, &[("@APPROVAL@", "{}".to_owned())]);
        assert!(approval.contains("approval: { production: {} }\n"));
    }
}

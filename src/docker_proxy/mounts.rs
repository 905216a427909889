//! What a container sees of the host's files: volumes of the engine's own, and of the host's
//! folders only those that a flag names.
//!
//! A flag allows exactly its path. What lies below is no part of it: a container that may write
//! there could make a symbolic link, and the engine would follow it.

use std::fmt;

use serde_json::Value;

use super::rules::{Judge, Refusal, quoted};
use super::shape::{Shape, text};

/// A path that containers may mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    path: String,
    read_only: bool,
}

impl Grant {
    /// Reads `PATH` or `PATH:ro`.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let (path, read_only) = match written.strip_suffix(":ro") {
            Some(path) => (path, true),
            None => (written, false),
        };
        if path.contains(':') {
            return Err(format!("--allow-bind {written}: write PATH or PATH:ro"));
        }
        match plain_path(path) {
            Some(path) if path == "/" => Err(
                "--allow-bind /: whoever may mount that may do anything; name the folders".into(),
            ),
            Some(path) => Ok(Self { path, read_only }),
            None => Err(format!(
                "--allow-bind {written}: write a path from / on, without . and .."
            )),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// A path that is granted in both ways.
pub(super) fn contradicted(grants: &[Grant]) -> Option<&Grant> {
    let other = |grant: &Grant| {
        let mut others = grants.iter();
        others.any(|one| one.path == grant.path && one.read_only != grant.read_only)
    };
    grants.iter().find(|grant| other(grant))
}

/// A grant that may be written to, and another one below it.
pub(super) fn overlapping(grants: &[Grant]) -> Option<(&Grant, &Grant)> {
    let pairs = grants
        .iter()
        .flat_map(|outer| grants.iter().map(move |inner| (outer, inner)));
    pairs
        .filter(|(outer, _)| !outer.read_only)
        .find(|(outer, inner)| inner.path.starts_with(&format!("{}/", outer.path)))
}

/// The path as the engine would clean it up; `None` for what is relative, climbs, or is no path.
fn plain_path(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.contains(|c: char| c.is_control()) {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    (!parts.contains(&".") && !parts.contains(&"..")).then(|| format!("/{}", parts.join("/")))
}

fn is_volume_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// The path of the host to forward.
fn host_path(
    path: &str,
    read_only: bool,
    place: &str,
    judge: &Judge<'_>,
) -> Result<String, Refusal> {
    let Some(plain) = plain_path(path) else {
        return Err(Refusal::flat(format!(
            "{place} names {} on the host, which is not a plain path from / on",
            quoted(path)
        )));
    };
    if plain == "/" {
        return Err(Refusal::flat(format!("{place} mounts all of the host")));
    }
    let what = format!("{place} mounts {} of the host", quoted(&plain));
    match judge.rules.binds.iter().find(|grant| grant.path == plain) {
        Some(grant) if grant.read_only && !read_only => Err(Refusal::unless(
            format_args!("--allow-bind {plain} (without :ro)"),
            format_args!("{what} to be written to"),
        )),
        Some(_) => Ok(plain),
        None => {
            let mode = if read_only { ":ro" } else { "" };
            Err(Refusal::unless(
                format_args!("--allow-bind {plain}{mode}"),
                what,
            ))
        }
    }
}

/// Options of a bind that open nothing.
const HARMLESS: [&str; 9] = [
    "",
    "ro",
    "rw",
    "z",
    "Z",
    "nocopy",
    "private",
    "rprivate",
    "consistent",
];

/// One of `Binds`: `SOURCE:TARGET[:OPTIONS]`, or a target alone.
pub(super) fn bind(value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    let parts: Vec<&str> = text(&value).split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] if target.starts_with('/') => return Ok(value),
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => {
            let what = format!(
                "{place} is no SOURCE:TARGET[:OPTIONS]: {}",
                quoted(text(&value))
            );
            return Err(Refusal::garbled(what));
        }
    };
    let mut words = options.split(',');
    if let Some(strange) = words.clone().find(|word| !HARMLESS.contains(word)) {
        return Err(Refusal::flat(format!(
            "{place} has the option {}, through which mounts could get out of the container",
            quoted(strange)
        )));
    }
    if !source.starts_with('/') {
        return if is_volume_name(source) {
            Ok(value)
        } else {
            Err(no_volume(source, place))
        };
    }
    let path = host_path(source, words.any(|word| word == "ro"), place, judge)?;
    Ok(match options {
        "" => format!("{path}:{target}"),
        options => format!("{path}:{target}:{options}"),
    }
    .into())
}

fn no_volume(name: &str, place: &str) -> Refusal {
    Refusal::flat(format!(
        "{place} names {}, which is neither a volume's name nor a plain path from / on",
        quoted(name)
    ))
}

/// A container's own names for volumes: paths inside of it.
pub(super) fn inner_paths(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    let names = value
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys);
    for name in names {
        if !name.starts_with('/') || name.contains(':') {
            let what = format!(
                "{place} names {}, which is no path in a container",
                quoted(name)
            );
            return Err(Refusal::flat(what));
        }
    }
    Ok(value)
}

/// One of `Mounts`.
pub(super) const MOUNT: Shape = Shape::Checked(
    &Shape::Object(&[
        ("Type", Shape::Text),
        ("Source", Shape::Text),
        ("Target", Shape::Text),
        ("ReadOnly", Shape::Flag),
        ("Consistency", Shape::Text),
        (
            "BindOptions",
            Shape::Object(&[
                ("Propagation", Shape::Checked(&Shape::Text, propagation)),
                ("NonRecursive", Shape::Flag),
                ("CreateMountpoint", Shape::Flag),
                ("ReadOnlyNonRecursive", Shape::Flag),
                ("ReadOnlyForceRecursive", Shape::Flag),
            ]),
        ),
        (
            "VolumeOptions",
            Shape::Object(&[
                ("NoCopy", Shape::Flag),
                ("Labels", Shape::Map(&Shape::Text)),
                (
                    "Subpath",
                    Shape::Unset("folders within volumes are not looked into"),
                ),
                (
                    "DriverConfig",
                    Shape::Object(&[
                        ("Name", Shape::Checked(&Shape::Text, local_driver)),
                        (
                            "Options",
                            Shape::Unset("they can make a volume of any folder of the host"),
                        ),
                    ]),
                ),
            ]),
        ),
        (
            "TmpfsOptions",
            Shape::Object(&[
                ("SizeBytes", Shape::Whole),
                ("Mode", Shape::Whole),
                ("Options", Shape::Unset("they are not known to be harmless")),
            ]),
        ),
        (
            "ClusterOptions",
            Shape::Unset("volumes of a swarm are not looked into"),
        ),
        (
            "ImageOptions",
            Shape::Unset("images as mounts are not looked into"),
        ),
    ]),
    mount,
);

fn mount(mut value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    let source = text(&value["Source"]).to_owned();
    match text(&value["Type"]) {
        "volume" if source.is_empty() || is_volume_name(&source) => Ok(value),
        "volume" => Err(no_volume(&source, place)),
        "tmpfs" if source.is_empty() => Ok(value),
        "bind" => {
            let read_only = value["ReadOnly"] == Value::Bool(true);
            value["Source"] = host_path(&source, read_only, place, judge)?.into();
            Ok(value)
        }
        other => Err(Refusal::flat(format!(
            "{place} is a mount of type {}, which is not looked into",
            quoted(other)
        ))),
    }
}

fn propagation(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    match text(&value) {
        "" | "private" | "rprivate" => Ok(value),
        other => Err(Refusal::flat(format!(
            "{place} is {}, through which mounts could get out of the container",
            quoted(other)
        ))),
    }
}

/// Other drivers are programs of which nothing is known.
pub(super) fn local_driver(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    match text(&value) {
        "" | "local" => Ok(value),
        other => Err(Refusal::flat(format!(
            "{place} is {}: what another driver of volumes does is not known",
            quoted(other)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_plain_or_none() {
        let plain = |path| plain_path(path);
        assert_eq!(plain("/srv//shop/"), Some("/srv/shop".to_owned()));
        assert_eq!(plain("//"), Some("/".to_owned()));
        for path in [
            "",
            "srv",
            "./srv",
            "~",
            "/srv/../etc",
            "/srv/.",
            "/a\nb",
            "/a\0b",
        ] {
            assert_eq!(plain(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_grant_is_a_path_that_does_not_give_everything_away() {
        assert!(Grant::parse("/srv/shop:ro").unwrap().read_only);
        for written in ["/", "///", "srv", "/srv/../etc", "/srv:rw", "/a:/b"] {
            assert!(Grant::parse(written).is_err(), "{written}");
        }
    }

    #[test]
    fn a_grant_below_one_that_can_be_written_to_is_noticed() {
        let grants = |written: &[&str]| -> Vec<Grant> {
            written
                .iter()
                .map(|one| Grant::parse(one).unwrap())
                .collect()
        };
        assert!(overlapping(&grants(&["/srv", "/srv/shop"])).is_some());
        assert!(overlapping(&grants(&["/srv/shop", "/srv:ro"])).is_none());
        assert!(overlapping(&grants(&["/srv/shop", "/srv/shopping"])).is_none());
    }
}

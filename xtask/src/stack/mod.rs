//! The stack of real parts that tests run against: `cargo xtask stack`.

mod apt;
pub(crate) mod cache;
mod down;
mod env;
pub(crate) mod http;
pub(crate) mod libraries;
pub(crate) mod need;
mod part;
pub(crate) mod parts;
pub(crate) mod places;
pub(crate) mod ports;
pub(crate) mod process;
mod record;
mod secret;
mod status;
mod up;

use anyhow::Result;

use crate::usage;
pub(crate) use down::down;
pub(crate) use env::of as env;
pub(crate) use part::Part;
use places::Places;
use record::Record;
pub(crate) use up::{is_up, up};

/// All parts.
pub(crate) fn all() -> impl Iterator<Item = &'static dyn Part> {
    parts::ALL.iter().copied()
}

/// Which version of a part is up, and where it listens.
pub(crate) fn what_is_up(places: &Places, part: &str) -> Option<(String, String)> {
    Record::alive(places, part).map(|record| (record.version, record.address))
}

/// Does something with these parts up. Those that were down are stopped again, however it ends.
pub(crate) fn with<T>(
    places: &Places,
    names: &[&str],
    act: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let parts = with_all_below(&select(names)?);
    let is_down = |part: &&dyn Part| !is_up(places, *part);
    let ours: Vec<_> = parts.iter().copied().filter(is_down).collect();
    let done = up(places, &parts).and_then(|()| act());
    let stopped = if ours.is_empty() {
        Ok(())
    } else {
        down(places, &ours)
    };
    let done = done?;
    stopped.map(|()| done)
}

/// Runs `cargo xtask stack COMMAND [NAME…] [--json]`.
pub(crate) fn command(command: &str, args: &[&str]) -> Result<()> {
    let (flags, names): (Vec<&str>, Vec<&str>) = args.iter().partition(|arg| arg.starts_with('-'));
    let json = flags.contains(&"--json");
    if flags
        .iter()
        .any(|flag| *flag != "--json" || !matches!(command, "env" | "status"))
    {
        return Err(usage(&format!("unknown option: {}", flags.join(" "))));
    }
    let parts = select(&names)?;
    let places = Places::from_env()?;
    match command {
        "up" if names.is_empty() => up(&places, &parts).and_then(|()| libraries::provide(&places)),
        "up" => up(&places, &with_all_below(&parts)),
        "down" => down(&places, &parts),
        "status" => status::print(&places, &parts, json),
        "env" => env::print(&places, &parts, json),
        _ => Err(usage(&format!("unknown command: stack {command}"))),
    }
}

/// The parts of these names; all, if none is named.
pub(crate) fn select(names: &[&str]) -> Result<Vec<&'static dyn Part>> {
    let known = |name: &str| all().any(|part| part.name() == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = all().map(Part::name).collect();
        return Err(usage(&format!(
            "no part is called {unknown}; there are: {}",
            all.join(", ")
        )));
    }
    let wanted = |part: &&dyn Part| names.is_empty() || names.contains(&part.name());
    Ok(all().filter(wanted).collect())
}

/// These parts, and those that they stand on.
fn with_all_below(parts: &[&'static dyn Part]) -> Vec<&'static dyn Part> {
    let stands_on_it = |below: &str| parts.iter().any(|part| part.stands_on().contains(&below));
    let is_meant = |name: &str| parts.iter().any(|part| part.name() == name);
    all()
        .filter(|part| is_meant(part.name()) || stands_on_it(part.name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_all_parts() -> Result<()> {
        assert_eq!(select(&[])?.len(), parts::ALL.len());
        assert_eq!(select(&["postgres"])?.len(), 1);
        assert!(select(&["oracle"]).is_err_and(|error| error.is::<crate::Usage>()));
        Ok(())
    }

    #[test]
    fn a_part_starts_with_what_it_stands_on() -> Result<()> {
        let names = |parts: Vec<&dyn Part>| -> Vec<_> { parts.iter().map(|p| p.name()).collect() };
        let started = with_all_below(&select(&["keycloak"])?);
        assert_eq!(names(started), ["docker", "keycloak"]);
        assert_eq!(names(with_all_below(&select(&["minio"])?)), ["minio"]);
        Ok(())
    }
}

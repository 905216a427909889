//! How others do it: a new container beside the old one, and Compose's own way.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Seen;
use crate::deploys::PER_SECOND;
use crate::deploys::eras::Era;
use crate::deploys::load::Load;
use crate::deploys::site::{App, Site};
use crate::sh;
use crate::stack::parts::docker;

/// How long docker-rollout leaves both sets beside each other.
const BESIDE: Duration = Duration::from_secs(3);
/// Between two deploys, so that what one of them has dropped is counted for it.
const PAUSE: Duration = Duration::from_secs(2);

/// As docker-rollout does it: start the new one, wait, stop the old one. Both have the same labels,
/// so they are servers of one service.
pub(super) fn rollout(site: &Site, app: App, versions: &[usize]) -> Result<Seen> {
    site.make_network()?;
    let (first, rest) = first_and_rest(versions)?;
    site.start(first, &app.image(first))?;
    site.until_met(&app.version(first))?;
    let mut old = first;
    under_load(site, app, first, rest, |number| {
        site.start(number, &app.image(number))?;
        sleep(BESIDE);
        site.docker(&["stop", &site.name(old)])?;
        site.docker(&["rm", &site.name(old)])?;
        old = number;
        Ok(())
    })
}

/// As `docker compose up` does it when the file names another image.
pub(super) fn recreate(
    site: &Site,
    app: App,
    versions: &[usize],
    compose: &Path,
    folder: &Path,
) -> Result<Seen> {
    let file = folder.join("compose.json");
    let up = |number: usize| {
        fs::write(&file, project(site, &app.image(number)).to_string())?;
        let mut up = Command::new(compose);
        up.env("DOCKER_HOST", docker::host(site.places));
        up.args(["--project-name", &site.project, "--file"])
            .arg(&file);
        sh::output(up.args(["up", "--detach"])).map(drop)
    };
    let (first, rest) = first_and_rest(versions)?;
    up(first)?;
    site.until_met(&app.version(first))?;
    under_load(site, app, first, rest, up)
}

fn first_and_rest(versions: &[usize]) -> Result<(usize, &[usize])> {
    let (first, rest) = versions.split_first().context("there is no version")?;
    Ok((*first, rest))
}

/// Every file in JSON is one in YAML.
fn project(site: &Site, image: &str) -> serde_json::Value {
    serde_json::json!({ "services": { "web": { "image": image, "labels": site.labels() } } })
}

/// One deploy after the other while people ask.
fn under_load(
    site: &Site,
    app: App,
    first: usize,
    rest: &[usize],
    mut deploy: impl FnMut(usize) -> Result<()>,
) -> Result<Seen> {
    let begun = Instant::now();
    let mut eras = vec![Era {
        version: app.version(first),
        from: begun,
        proven: Some(begun),
    }];
    let load = Load::begin(&site.host, PER_SECOND);
    let mut durations = Vec::new();
    sleep(PAUSE);
    for number in rest {
        sh::check_interrupted()?;
        let from = Instant::now();
        deploy(*number)?;
        durations.push(from.elapsed());
        eras.push(Era {
            version: app.version(*number),
            from,
            proven: Some(Instant::now()),
        });
        sleep(PAUSE);
    }
    Ok(Seen {
        asked: load.end(),
        eras,
        durations,
        are_apart: true,
    })
}

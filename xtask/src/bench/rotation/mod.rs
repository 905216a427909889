//! Rotations of a client's secret while three services log in by it, each of which has it from somewhere
//! else; and beside that the same where Keycloak keeps only one secret.

mod report;
mod stage;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use self::report::{Report, Way};
use self::stage::Stage;
use super::{Figure, Wish};
use crate::deploys::LOCK;
use crate::rotations::PARTS;
use crate::stack::places::Places;
use crate::{cargo, say, stack};

/// How often the secret is rotated, and how often of that where Keycloak keeps one.
const ROTATIONS: usize = 50;
const WITH_GAP: usize = 10;
const SHORT: usize = 5;
const SHORT_WITH_GAP: usize = 3;

/// The figures, and what is not as it has to be.
pub(super) struct Measured {
    pub(super) figures: Vec<Figure>,
    pub(super) wrong: Vec<String>,
}

pub(super) fn measure(wish: &Wish) -> Result<Measured> {
    let program = match wish.binary {
        Some(given) => std::path::absolute(given)?,
        None => cargo::build_purser(&["--release"])?,
    };
    let (two, one) = if wish.short {
        (SHORT, SHORT_WITH_GAP)
    } else {
        (ROTATIONS, WITH_GAP)
    };
    let places = Places::from_env()?;
    let _lock = places.lock(LOCK)?;
    stack::with(&places, &PARTS, || {
        let mut report = Report::default();
        rotate(&places, &program, (Way::Two, two), &mut report)?;
        rotate(&places, &program, (Way::Gap, one), &mut report)?;
        Ok(report.measured())
    })
}

/// So many rotations, in a folder that is kept where something goes wrong.
fn rotate(
    places: &Places,
    program: &Path,
    (way, times): (Way, usize),
    report: &mut Report,
) -> Result<()> {
    let name = format!("rotation-{}", std::process::id());
    let folder = places.make_dir(LOCK)?.join(name);
    let stage = Stage::set(places, program, &folder, way);
    let played = stage.and_then(|stage| one_by_one(stage, (way, times), report));
    let is_well = played.with_context(|| format!("{}, see {}", way.name(), folder.display()))?;
    if is_well {
        return fs::remove_dir_all(&folder).context("its folder cannot be removed");
    }
    say::line(way.name(), format!("kept: {}", folder.display()));
    Ok(())
}

/// One after the other, until one is not as it has to be.
fn one_by_one(stage: Stage, (way, times): (Way, usize), report: &mut Report) -> Result<bool> {
    say::line(
        way.name(),
        format!("{times} rotations, each watched for 1 s behind the revoke"),
    );
    let mut is_well = true;
    for number in 1..=times {
        let rotation = stage.rotate()?;
        say::line(way.name(), rotation.in_words(number));
        is_well = rotation.is_well();
        report.add(way, number, rotation);
        if !is_well {
            break;
        }
    }
    let logins = stage.end()?;
    say::line(way.name(), logins.in_words());
    report.add_logins(way, logins);
    Ok(is_well)
}

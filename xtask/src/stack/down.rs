//! `stack down`: stops what `up` started, and nothing else.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::say;
use crate::stack::part::{self, Part};
use crate::stack::places::Places;
use crate::stack::process;
use crate::stack::record::Record;

const PATIENCE: Duration = Duration::from_secs(20);

/// Stops the parts, all at once. What is down already stays so.
pub(crate) fn down(places: &Places, parts: &[&'static dyn Part]) -> Result<()> {
    part::at_once(parts, |part| {
        let _lock = places.lock(part.name())?;
        stop(places, part)
    })
}

/// Stops one part, which the caller has locked: what is inside of it, its process, what that left.
pub(crate) fn stop(places: &Places, part: &dyn Part) -> Result<()> {
    let name = part.name();
    let start = Instant::now();
    if let Some(record) = Record::alive(places, name) {
        if let Err(error) = part.vacate(places) {
            say::line(
                name,
                format!("cannot be emptied before it stops: {error:#}"),
            );
        }
        record
            .process
            .stop(part.stop_signal(), PATIENCE)
            .map_err(|error| anyhow!("{name}: {error:#}"))?;
        say::line(name, format!("stopped in {}", say::took(start)));
    }
    process::sweep(&places.dir(name))?;
    if Record::read(places, name).is_some() {
        part.clear(places)?;
        Record::remove(places, name);
    }
    Ok(())
}

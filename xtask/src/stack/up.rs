//! `stack up`: installs what is missing, starts all parts at once, waits until they serve.

use std::net::TcpListener;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::stack::need::{self, Need};
use crate::stack::part::{self, Launch, Part};
use crate::stack::places::Places;
use crate::stack::record::Record;
use crate::stack::{down, ports, process};
use crate::{say, sh};

/// Starts the parts that are not up. A part that fails is stopped again.
pub(crate) fn up(places: &Places, parts: &[&'static dyn Part]) -> Result<()> {
    let start = Instant::now();
    let down = parts.iter().filter(|part| !is_up(places, **part));
    let needs: Vec<Need> = down.flat_map(|part| part.needs(places)).collect();
    need::provide(&needs)?;
    part::at_once(parts, |part| ensure_up(places, part))?;
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    say::line(
        "stack",
        format!("{} up after {}", names.join(", "), say::took(start)),
    );
    Ok(())
}

/// Whether it runs and has been ready.
pub(crate) fn is_up(places: &Places, part: &dyn Part) -> bool {
    Record::alive(places, part.name()).is_some_and(|record| record.ready)
}

fn ensure_up(places: &Places, part: &dyn Part) -> Result<()> {
    let _lock = places.lock(part.name())?;
    if is_up(places, part) {
        return part.furnish(places).with_context(|| part.name());
    }
    bring_up(places, part)
}

/// One part from nothing to ready; or back to nothing, with the reason.
fn bring_up(places: &Places, part: &dyn Part) -> Result<()> {
    let name = part.name();
    down::stop(places, part)?;
    sh::check_interrupted()?;
    part.prepare(places).with_context(|| name)?;
    let start = Instant::now();
    let begun = begin(places, part).with_context(|| format!("{name} does not start"))?;
    let ready = wait(places, part, &begun, start).and_then(|()| part.furnish(places));
    if let Err(error) = ready {
        let log = places.log(name);
        let tail = sh::tail_of(&log, 20);
        let _ = down::stop(places, part);
        bail!("{name}: {error:#}\n  the end of {}:\n{tail}", log.display());
    }
    Record {
        ready: true,
        ..begun.clone()
    }
    .write(places, name)?;
    let (version, address) = (&begun.version, &begun.address);
    say::line(
        name,
        format!("{version} ready in {} at {address}", say::took(start)),
    );
    Ok(())
}

fn begin(places: &Places, part: &dyn Part) -> Result<Record> {
    let name = part.name();
    let host = part.host()?;
    for port in ports::of_part(name) {
        // Else its readiness would be that of whoever listens there.
        TcpListener::bind((host, port)).with_context(|| format!("port {port} is not free"))?;
    }
    let Launch {
        command,
        version,
        address,
    } = part.launch(places)?;
    say::line(name, format!("starting {version}"));
    let process = process::spawn(command, &places.dir(name), &places.log(name))?;
    let record = Record {
        process,
        version,
        address,
        ready: false,
    };
    record.write(places, name)?;
    Ok(record)
}

fn wait(places: &Places, part: &dyn Part, record: &Record, start: Instant) -> Result<()> {
    while !part.is_ready(places)? {
        sh::check_interrupted()?;
        if !record.process.is_alive() {
            bail!("it ended before it was ready");
        }
        if start.elapsed() > part.patience() {
            bail!("not ready after {}", say::took(start));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

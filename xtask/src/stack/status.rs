//! `stack status`: what is up.

use anyhow::Result;
use serde::Serialize;

use crate::stack::part::Part;
use crate::stack::places::Places;
use crate::stack::record::Record;

/// One part as people and programs see it.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    state: &'static str,
    version: Option<String>,
    pid: Option<i32>,
    address: Option<String>,
    log: String,
}

/// Prints the state of the parts, as lines or as one JSON array.
pub(crate) fn print(places: &Places, parts: &[&'static dyn Part], json: bool) -> Result<()> {
    let lines: Vec<Line> = parts.iter().map(|part| line(places, *part)).collect();
    if json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(());
    }
    for line in lines {
        let pid = line
            .pid
            .map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let (version, address) = (line.version.as_deref(), line.address.as_deref());
        let (version, address) = (version.unwrap_or("-"), address.unwrap_or("-"));
        println!(
            "{:<9} {:<8} {version:<28} {pid:<8} {address}  {}",
            line.name, line.state, line.log
        );
    }
    Ok(())
}

fn line(places: &Places, part: &dyn Part) -> Line {
    let name = part.name();
    let record = Record::alive(places, name);
    let state = match &record {
        None => "down",
        Some(record) if record.ready && part.is_ready(places).unwrap_or(false) => "up",
        Some(_) => "starting",
    };
    Line {
        name,
        state,
        version: record.as_ref().map(|record| record.version.clone()),
        pid: record.as_ref().map(|record| record.process.pid),
        address: record.map(|record| record.address),
        log: places.log(name).display().to_string(),
    }
}

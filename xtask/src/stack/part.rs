//! What a part of the stack has to say about itself.

use std::net::Ipv4Addr;
use std::process::Command;
use std::thread::scope;
use std::time::Duration;

use anyhow::{Result, anyhow};
use nix::sys::signal::Signal;

use crate::stack::need::Need;
use crate::stack::places::Places;

/// One real program that tests run against. One file below `parts/` each, read from top to bottom:
/// install, start, ready, stop.
pub(crate) trait Part: Sync {
    /// Its name on the command line, in the table of ports and in paths.
    fn name(&self) -> &'static str;

    /// The programs that the machine must have for it.
    fn needs(&self, places: &Places) -> Vec<Need>;

    /// The parts that it cannot do without: `up` starts them too.
    fn stands_on(&self) -> &'static [&'static str] {
        &[]
    }

    /// Fetches or builds what the machine's packages do not offer, into the cache.
    fn prepare(&self, _places: &Places) -> Result<()> {
        Ok(())
    }

    /// The address that its ports are on; waits for it, where another part makes it.
    fn host(&self) -> Result<Ipv4Addr> {
        Ok(Ipv4Addr::LOCALHOST)
    }

    /// Makes its data anew and says how to start it.
    fn launch(&self, places: &Places) -> Result<Launch>;

    /// Whether it serves.
    fn is_ready(&self, places: &Places) -> Result<bool>;

    /// How long it may take to serve.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// What must be in it before a test begins. Runs in every `up`: what is there stays.
    fn furnish(&self, _places: &Places) -> Result<()> {
        Ok(())
    }

    /// What has to be stopped inside of it before it is stopped itself.
    fn vacate(&self, _places: &Places) -> Result<()> {
        Ok(())
    }

    /// The signal that asks it to end soon.
    fn stop_signal(&self) -> Signal {
        Signal::SIGTERM
    }

    /// Removes from the machine what the process itself leaves.
    fn clear(&self, _places: &Places) -> Result<()> {
        Ok(())
    }

    /// What the tests must know of it: names and values of environment variables.
    fn env(&self, places: &Places) -> Result<Vec<(&'static str, String)>>;
}

/// How to start a part, and what to tell people of it.
pub(crate) struct Launch {
    /// The server, to be run in the foreground.
    pub(crate) command: Command,
    /// The version that runs.
    pub(crate) version: String,
    /// Where it listens.
    pub(crate) address: String,
}

/// Does something with all parts at once; the error names all that failed.
pub(crate) fn at_once(
    parts: &[&'static dyn Part],
    act: impl Fn(&dyn Part) -> Result<()> + Sync,
) -> Result<()> {
    let ended: Vec<Result<()>> = scope(|scope| {
        let all: Vec<_> = parts
            .iter()
            .map(|part| scope.spawn(|| act(*part)))
            .collect();
        all.into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err(anyhow!("panicked"))))
            .collect()
    });
    let failed: Vec<anyhow::Error> = ended.into_iter().filter_map(Result::err).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = failed.iter().map(|error| format!("{error:#}")).collect();
    Err(anyhow!(texts.join("\nerror: ")))
}

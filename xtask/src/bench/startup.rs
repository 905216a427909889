//! How soon the released program answers, how much memory it keeps then, and how large it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Figure, median};
use crate::stack::http;
use crate::{cargo, say, sh};

/// Starts that count; one before them warms the machine's caches.
const STARTS: usize = 11;

/// A start that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What comes late at a start (threads, the first seal) has come by then.
const SETTLED: Duration = Duration::from_secs(2);

const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn measure() -> Result<Vec<Figure>> {
    let binary = build()?;
    let folder = std::env::temp_dir().join(format!("purser-bench-{}", std::process::id()));
    let measured = measure_in(&binary, &folder);
    fs::remove_dir_all(&folder)?;
    let (ready, rss) = measured?;
    #[allow(clippy::cast_precision_loss, reason = "a size in bytes, shown in MiB")]
    let size = fs::metadata(&binary)?.len() as f64 / MIB;
    Ok(vec![
        figure("startup.ready_ms", median(ready), "ms"),
        figure("startup.idle_rss_mib", median(rss), "MiB"),
        figure("startup.binary_mib", size, "MiB"),
    ])
}

fn figure(name: &'static str, value: f64, unit: &'static str) -> Figure {
    Figure {
        name: name.into(),
        value,
        ours: value,
        reference: None,
        unit: unit.into(),
    }
}

fn build() -> Result<PathBuf> {
    say::line("bench", "building the release");
    let binary = cargo::build_purser(&["--release"])?;
    let version = sh::output(Command::new(&binary).arg("--version"))?;
    say::line(
        "bench",
        format!(
            "{} of {}: up --config FILE",
            version.trim(),
            binary.display()
        ),
    );
    Ok(binary)
}

/// Milliseconds until it answers and MiB that it keeps, of each start.
fn measure_in(binary: &Path, folder: &Path) -> Result<(Vec<f64>, Vec<f64>)> {
    fs::create_dir_all(folder.join("workflows"))?;
    let socket = folder.join("socket");
    let config = folder.join("purser.toml");
    fs::write(
        &config,
        "[server]\nsocket = \"socket\"\n[store]\npath = \"store\"\n",
    )?;
    let mut all = Vec::new();
    for _ in 0..=STARTS {
        all.push(start_once(binary, &config, &socket)?);
    }
    Ok(all.split_off(1).into_iter().unzip())
}

fn start_once(binary: &Path, config: &Path, socket: &Path) -> Result<(f64, f64)> {
    sh::check_interrupted()?;
    let begin = Instant::now();
    let mut child = Command::new(binary)
        .args(["up", "--config"])
        .arg(config)
        .stderr(Stdio::null())
        .spawn()
        .context("the program does not start")?;
    let pid = child.id();
    let measured = (|| {
        while !http::is_ok_unix(socket, "/readyz") {
            ensure!(
                begin.elapsed() < PATIENCE,
                "the program is not ready in time"
            );
            std::thread::sleep(Duration::from_micros(200));
        }
        let ready = begin.elapsed().as_secs_f64() * 1000.0;
        std::thread::sleep(SETTLED);
        Ok((ready, rss_mib(pid)?))
    })();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid.cast_signed()),
        nix::sys::signal::Signal::SIGTERM,
    )?;
    child.wait()?;
    measured
}

fn rss_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .context("no VmRSS")?;
    Ok(kib.parse::<f64>()? / 1024.0)
}

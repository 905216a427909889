//! Running other programs to their end, and ending them when we are told to end.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The programs that run right now and must not outlive us. Each leads a process group of its own:
/// so a signal from the terminal comes to us alone, and ours to all that the program has started.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Turns Ctrl-C and its kin into a flag, so that whoever started something can still stop it.
pub(crate) fn watch_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            // Only the first one ends children: a second must not hit the clean-up.
            if !INTERRUPTED.swap(true, Ordering::SeqCst) {
                end_children();
            }
        }
    });
    Ok(())
}

fn end_children() {
    for pid in running().iter() {
        let _ = killpg(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
    }
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails once we were told to end. Loops that wait call it in each turn.
pub(crate) fn check_interrupted() -> Result<()> {
    anyhow::ensure!(!INTERRUPTED.load(Ordering::SeqCst), "interrupted");
    Ok(())
}

/// Runs a program to its end and returns what it printed; its last lines are in the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    spawn(piped(command))?.output()
}

/// The same for a program that must not be ended half way.
pub(crate) fn output_undisturbed(command: &mut Command) -> Result<String> {
    let mut child = spawn(piped(command))?;
    child.listed = None;
    child.output()
}

/// Runs a program that prints to where we print.
pub(crate) fn status(command: &mut Command) -> Result<()> {
    spawn(command)?.wait()
}

fn piped(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
}

/// Starts a program that ends when we are told to end.
pub(crate) fn spawn(command: &mut Command) -> Result<Running> {
    let name = name_of(command);
    // Held until it is listed: no signal comes between.
    let mut running = running();
    let started = command.process_group(0).spawn();
    let process = started.with_context(|| format!("cannot run {name}"))?;
    running.insert(process.id());
    let listed = Some(Listed(process.id()));
    Ok(Running {
        process,
        name,
        listed,
    })
}

/// A program that runs.
pub(crate) struct Running {
    /// Its process, for who wants to read what it prints.
    pub(crate) process: Child,
    name: String,
    listed: Option<Listed>,
}

impl Running {
    /// Waits for its end; an error, if that is not a good one.
    pub(crate) fn wait(mut self) -> Result<()> {
        let status = self.process.wait()?;
        if status.success() {
            Ok(())
        } else {
            bail!("{} ended with {}", self.name, describe(status))
        }
    }

    fn output(self) -> Result<String> {
        let Self {
            process,
            name,
            listed: _listed,
        } = self;
        let out = process.wait_with_output()?;
        let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
        if !out.status.success() {
            let all = stdout + &String::from_utf8_lossy(&out.stderr);
            bail!(
                "{name} ended with {}\n{}",
                describe(out.status),
                tail(&all, 20)
            );
        }
        Ok(stdout)
    }
}

/// The last `count` lines of a text, indented, as they belong below an error.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    lines[from..]
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The last lines of a file, or why there are none.
pub(crate) fn tail_of(path: &Path, count: usize) -> String {
    match std::fs::read(path) {
        Ok(bytes) if bytes.is_empty() => "    (empty)".to_owned(),
        Ok(bytes) => tail(&String::from_utf8_lossy(&bytes), count),
        Err(error) => format!("    ({error})"),
    }
}

fn name_of(command: &Command) -> String {
    let first = command
        .get_args()
        .next()
        .map(|arg| arg.to_string_lossy().into_owned());
    let program = Path::new(command.get_program());
    let program = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy();
    first.map_or_else(
        || format!("`{program}`"),
        |first| format!("`{program} {first}`"),
    )
}

fn describe(status: ExitStatus) -> String {
    status
        .code()
        .map_or_else(|| status.to_string(), |code| format!("code {code}"))
}

/// A running program's entry in the list of those that a signal ends.
struct Listed(u32);

impl Drop for Listed {
    fn drop(&mut self) {
        running().remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end_of_a_text() {
        assert_eq!(tail("one\ntwo\nthree\n", 2), "    two\n    three");
        assert_eq!(tail("one", 2), "    one");
    }

    #[test]
    fn a_failed_program_is_named_with_what_it_said() {
        let failed = output(Command::new("sh").args(["-c", "echo no such luck >&2; exit 3"]));
        let text = failed.map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(text, "`sh -c` ended with code 3\n    no such luck");
    }
}
